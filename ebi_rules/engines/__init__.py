"""Engines: each runs rules over an extract where it lives and returns flags or the cube."""
