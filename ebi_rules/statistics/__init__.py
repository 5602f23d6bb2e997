"""Statistics as plain functions of numbers. They know nothing of rules, extracts or audits."""
