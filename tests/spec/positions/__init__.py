"""The order of codes

The first code of an activity is its primary one. In a child table a position, a whole number that no other code of the
activity shares, gives the order; a layout without one refuses these criteria by name.
"""
