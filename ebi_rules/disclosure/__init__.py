"""Disclosure control: which counts may be shown, and which must be hidden to protect others."""
