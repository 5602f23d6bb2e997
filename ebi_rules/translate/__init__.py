"""Translators: each turns criteria into something else with one visitor, which has one method per node."""
