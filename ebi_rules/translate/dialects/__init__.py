"""SQL dialects: how each differs, and the printing of a checked statement."""
