"""SQL dialects: how each differs, and how a checked statement is printed in it."""
