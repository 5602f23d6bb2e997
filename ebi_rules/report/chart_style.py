"""The colours and sizes that the charts of a report share.

Colours are from the Okabe-Ito set and differ in lightness. Whatever a colour shows, a shape shows too.
"""

BLUE, ORANGE, VERMILION, SKY, BLACK, GREY = "#0072B2", "#E69F00", "#D55E00", "#56B4E9", "#000000", "#767676"
FRAME, LIGHT = "#bbbbbb", "#f4f6f8"
COMMON_CAUSE, COMMON_EDGE, SPECIAL_CAUSE, NEAR_SPECIAL = "#a6a6a6", "#767676", "#490092", "#a67cc4"
"""Making Data Count: common cause grey, with an edge that stands out from white, and special cause purple."""
IMPROVEMENT, CONCERN = "#0072B2", "#C4500A"
"""A special cause in the direction that the user wants, and in the other."""
BAR_PARTS = (BLUE, SKY, ORANGE, BLACK, "#CC79A7", "#BBBBBB")
"""Colours of the parts of a bar; neighbours differ in lightness."""

WIDTH = 640
"""Width of a chart, in pixels."""
ROW = 20
"""Height of a row in a chart with one row per provider or value, in pixels."""
