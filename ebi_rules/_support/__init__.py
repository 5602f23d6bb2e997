"""Helpers that know nothing of the domain: errors, progress, notices, outputs, small files, package data."""
