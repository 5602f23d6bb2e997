"""Disclosure control: which counts may be shown, and which must be withheld to protect others."""
