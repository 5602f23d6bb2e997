"""Translators: each turns criteria into something else, one visitor each, one method per node."""
