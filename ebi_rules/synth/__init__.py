"""Made-up extracts; no row is, or resembles, a real patient's."""
