"""AND, OR, NOT"""

from collections.abc import Callable

Spec = Callable[..., None]


def test_and_or_not(spec: Spec) -> None:
    """Connectives have their two-valued meaning, whatever is missing."""
    table = """
        age ¦ sex ¦ holds
        30  ¦ 1   ¦ {tt}
        30  ¦ 2   ¦ {tf}
        30  ¦     ¦ {tf}
        10  ¦ 1   ¦ {ft}
            ¦ 1   ¦ {ft}
        10  ¦ 2   ¦ {ff}
            ¦     ¦ {ff}
        """
    adult, male = "age >= 19", "sex = '1'"
    spec(f"{adult} AND {male}", table=table.format(tt="yes", tf="no", ft="no", ff="no"))
    spec(f"{adult} OR {male}", table=table.format(tt="yes", tf="yes", ft="yes", ff="no"))
    spec(f"NOT ({adult} AND {male})", table=table.format(tt="no", tf="yes", ft="yes", ff="yes"))
    spec(f"NOT ({adult} OR {male})", table=table.format(tt="no", tf="no", ft="no", ff="yes"))
    spec(f"NOT (NOT {adult}) AND NOT {male}", table=table.format(tt="no", tf="yes", ft="no", ff="no"))
    spec(f"{adult} OR {male} AND NOT {adult}", table=table.format(tt="yes", tf="yes", ft="yes", ff="no"))
