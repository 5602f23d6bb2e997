"""Print the lowest versions that pyproject.toml allows, as requirements: `make lowest` installs them and runs tests."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]


def lowest() -> list[str]:
    """Return each requirement of the package at its lowest version: polars>=2,<3 is polars==2.0."""
    dependencies = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    pinned = []
    for text in dependencies:
        match = re.match(r"([A-Za-z0-9_.-]+)>=([0-9.]+)", text)
        assert match, f"{text} has no lowest version"
        pinned.append(f"{match[1]}=={match[2]}")
    return pinned


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest()) + "\n")
