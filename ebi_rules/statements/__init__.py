"""Whole SQL statements: for rules, for the cube, for measures, and a dbt package of them."""
