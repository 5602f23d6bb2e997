"""Criteria: what can be asked of one activity, and what each question means."""
