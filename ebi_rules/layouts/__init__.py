"""Layouts: where an extract keeps an activity's fields, and in what shape its codes come."""
