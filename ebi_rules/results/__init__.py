"""The public calls and what they return."""
