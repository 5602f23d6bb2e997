"""Criteria: the conditions that a rule sets for one activity, and what each of them means."""
