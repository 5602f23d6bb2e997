"""Policies that hold in one place, each a folder of rules."""
