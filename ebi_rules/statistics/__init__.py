"""Statistics as functions by themselves: they know nothing of rules, extracts or audits."""
