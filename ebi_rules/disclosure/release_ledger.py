"""A ledger of releases: what left an organisation, so that a second output that would combine with it is refused.

Disclosure control protects one output. Two outputs of the same activity that differ in method, fields, months or
providers can be worked back together: a count suppressed in one may be a difference of counts shown in the other. The
ledger is a text file with one release per line, in JSON. It has fingerprints of exact counts and no counts, and belongs
beside the exact cube, not with what leaves.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ebi_rules._support.errors import UsageError
from ebi_rules._support.output_lock import reserved

COMBINING = (
    "A second output of the same activity with other fields, months, providers, variants or another method of "
    "disclosure control can reveal what this one suppresses. Release only one of them; --release FILE keeps a "
    "record and refuses the others."
)
"""What every output says about further outputs."""

INTERNAL = (
    "--disclosure hes is for what leaves the organisation. For internal use --disclosure none is right: it loses no "
    "signals to suppression and rounding."
)
"""What every output says about the choice of a method."""


@dataclass(frozen=True)
class Release:
    """One output that left.

    Attributes:
        output: The name of the output.
        released: When, as an ISO date and time.
        kind: What was counted: audit or measures.
        method: The method of disclosure control.
        fields: The fields that were counted by.
        months: The months with activity; None for activity without a month.
        providers: The providers with activity; None for activity without a provider.
        choices: Other settings that change counts, such as merged providers.
        activity: A fingerprint of the exact counts of activity.
        counted: For each rule or measure, what was counted: its edition, variant and a fingerprint of its counts.
        override: Why it was released although it combines with an earlier release; None if it does not.
    """

    output: str
    released: str
    kind: str
    method: str
    fields: tuple[str, ...]
    months: tuple[str | None, ...]
    providers: tuple[str | None, ...]
    choices: Mapping[str, Any]
    activity: str
    counted: Mapping[str, str]
    override: str | None = None

    def overlaps(self, other: "Release") -> bool:
        """Return whether two releases count some of the same activity."""
        same_months = set(self.months) & set(other.months)
        return self.kind == other.kind and bool(same_months) and bool(set(self.providers) & set(other.providers))

    def differences(self, other: "Release") -> Iterator[str]:
        """Return in words how two releases of the same activity differ; nothing if neither adds to the other."""
        options = list(self._other_options(other))
        yield from options
        if options:
            return
        if self.activity != other.activity:
            yield "other counts of the same months and providers"
        changed = [key for key in self.counted if other.counted.get(key, self.counted[key]) != self.counted[key]]
        if changed:
            yield f"another interpretation, or other counts, of {', '.join(changed)}"

    def _other_options(self, other: "Release") -> Iterator[str]:
        if self.method != other.method:
            yield f"another method ({self.method}, there {other.method})"
        if set(self.fields) != set(other.fields):
            yield f"other fields ({', '.join(self.fields)}; there {', '.join(other.fields)})"
        if set(self.months) != set(other.months):
            yield "other months"
        if set(self.providers) != set(other.providers):
            yield "other providers"
        if self.choices != other.choices:
            yield "other settings"


def check_release(ledger: Path, release: Release, override: str | None) -> Release:
    """Return a release as it may be recorded, after checking that it does not combine with an earlier one.

    Args:
        ledger: The ledger; it need not exist.
        release: The release.
        override: Why it may be released although it combines with an earlier one.

    Raises:
        UsageError: The release combines with an earlier one and there is no reason for it, exact counts are to be
            released, or the file is not a ledger.
    """
    if release.method == "none":
        raise UsageError("--release is for what leaves the organisation: exact counts (--disclosure none) may not.")
    for earlier in read_ledger(ledger):
        differences = list(release.differences(earlier)) if release.overlaps(earlier) else []
        if differences and not override:
            raise UsageError(
                f"this output would combine with an earlier release, {earlier.output} of {earlier.released[:10]}: "
                f"it is about some of the same activity, with {'; '.join(differences)}. Together they can reveal "
                "suppressed counts. Use the same options as that release, or count only months or providers that it "
                "does not have. If this output must leave all the same, give the reason with --release-override."
            )
        if differences:
            return Release(**{**asdict(release), "override": override})
    return release


def read_ledger(path: Path) -> list[Release]:
    """Return the releases in a ledger, the earliest first; none if the file does not exist.

    Raises:
        UsageError: The file is not a ledger, or a line is damaged.
    """
    if not path.exists():
        return []
    releases = []
    try:
        for line in path.read_text(encoding="utf-8").splitlines():
            entry = json.loads(line)
            lists = {name: tuple(entry[name]) for name in ("fields", "months", "providers")}
            releases.append(Release(**{**entry, **lists}))
    except (OSError, ValueError, TypeError, KeyError):
        raise UsageError(
            f"{path} is not a ledger of releases, or its line {len(releases) + 1} is damaged: nothing was written."
        ) from None
    return releases


def record_release(path: Path, release: Release, override: str | None) -> None:
    """Add a release to a ledger, so that it is on the disk before the output appears.

    The ledger is checked again: another run may have recorded a release since.

    Raises:
        UsageError: The ledger cannot be written, another run is writing to it, or the release now combines with
            another.
    """
    with reserved(Path(os.path.realpath(path))):
        _append(path, check_release(path, release, override))


def _append(path: Path, release: Release) -> None:
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(release), sort_keys=True) + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise UsageError(f"the ledger {path} cannot be written: {error.strerror}. Nothing was released.") from None
