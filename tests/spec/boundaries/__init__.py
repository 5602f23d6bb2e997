"""Boundaries

Ages are completed years; both ends of BETWEEN are included.
"""
