"""Layouts: which columns of an extract contain the fields and the codes of an activity."""
