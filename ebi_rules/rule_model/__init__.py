"""Rules: their logic, their documentation, the catalogue, and the reading of rule files."""
