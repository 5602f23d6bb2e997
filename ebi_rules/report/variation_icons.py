"""Icons of variation over time, after Making Data Count: common cause, or special cause upwards or downwards.

In scope does not mean inappropriate, so that neither direction is good or bad: a special cause is purple. Only where
the user states a direction (`--direction lower` or `higher`) is one an improvement, blue, and the other a concern,
orange. Each icon differs in shape too.
"""

from markupsafe import Markup, escape

from ebi_rules.report.chart_style import COMMON_CAUSE, COMMON_EDGE, CONCERN, IMPROVEMENT, SPECIAL_CAUSE

COMMON, UP, DOWN, UNKNOWN = "common cause", "up", "down", "not judged"

_LINES = {
    COMMON: "M8 22L14 16L20 21L26 15L32 20",
    UP: "M8 27L15 24L22 19L32 11",
    DOWN: "M8 12L15 15L22 20L32 28",
    UNKNOWN: "M10 20L30 20",
}
_POINTS = {
    COMMON: ((8, 22), (14, 16), (20, 21), (26, 15), (32, 20)),
    UP: ((8, 27), (15, 24), (22, 19), (32, 11)),
    DOWN: ((8, 12), (15, 15), (22, 20), (32, 28)),
    UNKNOWN: (),
}


def variation_of_signal(signal: str | None) -> str:
    """Return the variation that a signal of a trend means.

    Example:
        >>> variation_of_signal("shift_below"), variation_of_signal(None)
        ('down', 'common cause')
    """
    if signal is None:
        return COMMON
    return UP if "above" in signal or "up" in signal else DOWN


def colour_of(variation: str, direction: str | None) -> str:
    """Return the colour of a variation.

    Args:
        variation: `COMMON`, `UP`, `DOWN` or `UNKNOWN`.
        direction: `lower` or `higher` if that is better; None where neither is.
    """
    if variation in (COMMON, UNKNOWN):
        return COMMON_CAUSE
    if direction is None:
        return SPECIAL_CAUSE
    return IMPROVEMENT if (variation == DOWN) == (direction == "lower") else CONCERN


def icon(variation: str, words: str, direction: str | None = None) -> Markup:
    """Return an icon as SVG text.

    Args:
        variation: `COMMON`, `UP`, `DOWN` or `UNKNOWN`.
        words: What it says, for those who hear it.
        direction: `lower` or `higher` if that is better; None where neither is.

    Example:
        >>> "purple" in icon(UP, "rising"), 'aria-label="rising"' in icon(UP, "rising")
        (False, True)
    """
    colour = colour_of(variation, direction)
    edge = COMMON_EDGE if colour == COMMON_CAUSE else colour
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="2.6" fill="{edge}"/>' for x, y in _POINTS[variation])
    mark = {UP: "H", DOWN: "L", UNKNOWN: "?"}.get(variation, "")
    letter = f'<text x="20" y="36" text-anchor="middle" font-size="9" fill="{edge}">{mark}</text>' if mark else ""
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(words)}" width="44" height="44" '
        f'viewBox="0 0 40 40" font-family="Arial, sans-serif" class="icon">'
        f'<circle cx="20" cy="20" r="18.5" fill="none" stroke="{edge}" stroke-width="2.5"/>'
        f'<path d="{_LINES[variation]}" fill="none" stroke="{edge}" stroke-width="1.6"/>{dots}{letter}</svg>'
    )
