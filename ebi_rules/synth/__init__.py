"""Made-up extracts; no row is a real patient's, or resembles one."""
