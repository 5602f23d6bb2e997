"""Checks of rule files: findings with severity, line and repair."""
