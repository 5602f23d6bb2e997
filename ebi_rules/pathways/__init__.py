"""Pathways: measures and flows, their definitions, their meaning, events of people, and tables."""
