"""Nobody can work out a suppressed count from what an audit writes; weaker methods would reveal some."""

import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.provider_audit.table_files import text_table
from tests.report.attack import attack_of, by_figures, read
from tests.report.made_up import audited, cube_of, made_up_audit

SEEDS = (*range(12), 41, 64, 124, 162, 181, 195, 232)
"""The last seven would reveal counts if secondary suppression did not look at sums."""

QUICK_SEEDS = (0, 41)
EACH_SEED = [seed if seed in QUICK_SEEDS else pytest.param(seed, marks=pytest.mark.long) for seed in SEEDS]
ALL_SEEDS = [pytest.param(QUICK_SEEDS, id="quick"), pytest.param(SEEDS, marks=pytest.mark.long, id="all")]


def small_extract(seed: int) -> pl.DataFrame:
    """Return a made-up extract whose counts are mostly small: few providers and months, and little in scope."""
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(60, 700))
    providers, months = int(rng.integers(1, 7)), int(rng.integers(1, 15))
    places = rng.integers(0, months, rows)
    share = rng.choice([0.02, 0.1, 0.4])
    imaging = ["||U055", "||U135,Z665", "||X384"]
    return pl.DataFrame(
        {
            "OPA_Ident": np.arange(rows),
            "Der_Provider_Code": [f"ZZ{number}" for number in rng.integers(0, providers, rows)],
            "Appointment_Date": [f"{2024 + place // 12}-{place % 12 + 1:02d}-28" for place in places],
            "Der_Procedure_All": rng.choice(imaging, rows, p=[share / 2, share / 2, 1 - share]),
            "Der_Diagnosis_All": rng.choice(["||M545", "||C509"], rows, p=[0.9, 0.1]),
            "Administrative_Category": rng.choice(["01", "02"], rows, p=[0.9, 0.1]),
            "Attendance_Status": rng.choice(["5", "3"], rows, p=[0.8, 0.2]),
            "Age_at_Start_of_Episode_SUS": rng.choice([10, 30, 50, 85], rows, p=[0.1, 0.3, 0.4, 0.2]),
            "Sex": rng.choice(["1", "2"], rows),
            "OPA_Referral_Source": rng.choice(["03", "05", "14", "04", "97"], rows, p=[0.5, 0.3, 0.1, 0.05, 0.05]),
            "Der_Commissioner_Code": rng.choice(["ZZC1", "ZZC2"], rows),
            "GP_Practice_Code": [f"ZZ{number}" for number in rng.integers(0, 8, rows)],
        }
    ).with_columns(pl.col("Appointment_Date").str.to_date())


def publish(audit: ebi.Audit) -> dict[str, pl.DataFrame]:
    """Return the tables of an audit as their files say them."""
    return read({name: text_table(table).write_csv() for name, table in audit.tables.by_file().items()})


def truth(audit: ebi.Audit) -> dict[tuple[str, ...], int]:
    """Return the exact counts, which an attack tries to recover."""
    exact = audit.shown("none")
    known = {("provider", str(row["provider"])): row["flagged"] for row in exact.providers.iter_rows(named=True)}
    for row in exact.trend.filter(pl.col("provider") != "all providers").iter_rows(named=True):
        known["cell", str(row["provider"]), row["month"]] = row["flagged"]
    return known


@pytest.mark.parametrize("seed", EACH_SEED)
def test_nothing_suppressed_is_recovered(seed: int) -> None:
    audit = ebi.audit(small_extract(seed), "2S")
    files = publish(audit)
    assert by_figures(files) == 0
    for measure in ("flagged", "eligible", "activity"):
        assert attack_of(files, measure).recovered() == {}, measure


AREAS = {f"ZZ{number}": (f"Network {number // 2}", f"Borough {number // 4}") for number in range(8)}
"""The network and borough of each made-up practice, which are public."""


@pytest.mark.parametrize("seed", EACH_SEED)
def test_nothing_is_recovered_from_referrals_and_areas(seed: int, tmp_path: Path) -> None:
    audit = _by_area_and_setting(seed, tmp_path)
    files = publish(audit)
    assert {"who_asked", "by_pcn", "by_borough", "by_commissioner"} <= set(files)
    assert attack_of(files, nested=_networks()).recovered() == {}


@pytest.mark.parametrize("seeds", ALL_SEEDS)
def test_the_attack_on_referrals_finds_what_suppression_hides(seeds: Sequence[int], tmp_path: Path) -> None:
    audits = (_by_area_and_setting(seed, tmp_path) for seed in seeds)
    assert any(attack_of(_unguarded(audit), nested=_networks()).recovered() for audit in audits)


def _networks() -> dict[str, str]:
    return dict(AREAS.values())


def _by_area_and_setting(seed: int, folder: Path) -> ebi.Audit:
    rows = [f"{practice},{network},{borough}" for practice, (network, borough) in AREAS.items()]
    (folder / "areas.csv").write_text("\n".join(["gp_practice,pcn,borough", *rows]))
    fields = ["referral_setting", "commissioner", "pcn", "borough"]
    return ebi.audit(small_extract(seed), "2S", fields, ebi.Settings(areas=folder / "areas.csv"))


@pytest.mark.parametrize("seed", [41, 181])
def test_a_withheld_count_is_never_shown(seed: int) -> None:
    """A whole group is withheld, including 0 and large counts: otherwise the gaps would show which counts are small."""
    cells = ebi.audit(small_extract(seed), "2S").tables.counts.cells
    withheld = cells.filter("withheld")
    assert withheld.height > 10
    assert withheld["shown"].null_count() == withheld.height


@pytest.mark.parametrize("seed", [64, 170, 223])
def test_steps_of_single_providers_are_withheld_before_those_of_all(seed: int) -> None:
    steps = publish(ebi.audit(small_extract(seed), "2S"))["attrition"]
    overall = pl.col("provider") == "all providers"
    assert "**" not in steps.filter(overall)["left"]
    assert "**" in steps.filter(~overall)["left"]


@pytest.mark.parametrize("seeds", ALL_SEEDS)
def test_the_attack_finds_what_weaker_methods_reveal(seeds: Sequence[int]) -> None:
    """Rates beside suppressed counts, an exact total above suppressed rows, and no secondary suppression."""
    recovered = recovered_counts(seeds)
    assert recovered.pop("as written") == 0
    assert min(recovered.values()) > 0, recovered


def recovered_counts(seeds: Iterable[int]) -> dict[str, int]:
    """Return how many counts the attack recovers from files as written, and by three weaker methods."""
    recovered = dict.fromkeys(["as written", "rates of exact counts", "exact total", "no secondary suppression"], 0)
    for seed in seeds:
        audit = ebi.audit(small_extract(seed), "2S")
        files, known, exact = publish(audit), truth(audit), publish(audit.shown("none"))
        recovered["as written"] += len(attack_of(files).recovered()) + by_figures(files)
        rate = exact["providers"]["rate_per_1000_eligible"]
        recovered["rates of exact counts"] += by_figures({"providers": files["providers"].with_columns(rate)})
        with_total = attack_of(files)
        total = int(exact["attrition"].filter(provider="all providers")["left"][-1])
        with_total.bounds["total",] = (total, total)
        recovered["exact total"] += len(with_total.recovered())
        unguarded = attack_of(_unguarded(audit)).recovered()
        recovered["no secondary suppression"] += len(unguarded)
        assert all(known.get(key, value) == value for key, value in unguarded.items())
    return recovered


def _unguarded(audit: ebi.Audit) -> dict[str, pl.DataFrame]:
    """Return the files as they would be with only suppression and rounding."""
    with pytest.MonkeyPatch.context() as patch:
        counts = sys.modules["ebi_rules.provider_audit.shown_counts"]
        patch.setattr(counts, "withheld", lambda cells, method, tables: pl.Series([False] * cells.height))
        return publish(audit.shown("hes"))


def test_what_is_suppressed_leaves_no_trace_anywhere(tmp_path: Path) -> None:
    """Two cubes that differ only in suppressed counts have the same files and the same page."""
    audit = ebi.audit(small_extract(6), "2S")
    known = truth(audit)
    pairs = [
        (one, other, month)
        for (kind, one, *rest) in known
        if kind == "cell"
        for month in rest
        for other in {key[1] for key in known}
        if other != one
        and known["cell", one, month] >= 2
        and 1 <= known.get(("cell", other, month), 0) <= 6
        and known["provider", one] <= 7
        and known["provider", other] <= 6
    ]
    assert pairs, "this seed has no two providers between which a count could move unseen"
    one, other, month = pairs[0]
    cube = audit.exact_cube
    cell = cube.filter(pl.col("measure") == "flagged", pl.col("provider") == one, pl.col("month") == month).head(1)
    moves = []
    for measure, item in (("flagged", None), ("left", "not_private"), ("variant", "default")):
        for provider, change in ((one, -1), (other, 1)):
            moves.append(
                cell.with_columns(
                    provider=pl.lit(provider),
                    measure=pl.lit(measure),
                    item=pl.lit(item, pl.String),
                    count=pl.lit(change),
                )
            )
    moved_cube = pl.concat([cube, *(move.cast(cube.schema) for move in moves)])
    moved = ebi.Audit(replace(audit.tables, exact_cube=moved_cube))
    assert truth(moved) != known
    for name, each in (("before", audit), ("after", moved)):
        each.write(tmp_path / name)
    for path in sorted((tmp_path / "before").iterdir()):
        assert path.read_bytes() == (tmp_path / "after" / path.name).read_bytes(), path.name
    exact = {str(count) for count in (known["provider", one], known["provider", other])}
    page = (tmp_path / "before" / "report.html").read_text(encoding="utf-8")
    rows = re.findall(rf'<th scope="row">(?:{one}|{other})</th>(.*?)</tr>', page)
    assert rows
    assert not any(f">{count}<" in row for row in rows for count in exact)


# Two outputs of one extract


def pairs(seed: int) -> dict[str, tuple[ebi.Audit, ebi.Audit]]:
    """Return pairs of outputs that somebody might release one after the other."""
    frame = small_extract(seed)
    plain = ebi.audit(frame, "2S")
    return {
        "two --by": (plain, ebi.audit(frame, "2S", ["commissioner"])),
        "two methods": (plain, plain.shown("midpoint6")),
    }


def recovered_from_pair(one: ebi.Audit, other: ebi.Audit) -> int:
    """Return how many counts two outputs of the same activity give away together."""
    attack = attack_of(publish(one))
    if one.settings.disclosure == other.settings.disclosure:
        attack.combine(attack_of(publish(other)))
    else:
        attack.learn_midpoints(publish(other))
    return len(attack.recovered())


PAIR_SEEDS = [pytest.param((6, 17), id="quick"), pytest.param(range(40), marks=pytest.mark.long, id="all")]
"""Extracts of which two methods together give counts away."""


@pytest.mark.parametrize("seeds", PAIR_SEEDS)
def test_two_outputs_give_away_what_one_does_not_and_a_ledger_refuses_the_second(
    seeds: Sequence[int], tmp_path: Path
) -> None:
    recovered = dict.fromkeys(("two --by", "two methods"), 0)
    for seed in seeds:
        for name, (one, other) in pairs(seed).items():
            recovered[name] += recovered_from_pair(one, other)
            folder = tmp_path / f"{name} {seed}"
            folder.mkdir()
            one.write(folder / "one", release=folder / "ledger.jsonl")
            with pytest.raises(ebi.UsageError, match="would combine with an earlier release, one of"):
                other.write(folder / "other", release=folder / "ledger.jsonl")
    assert recovered["two methods"] > 0, "the attack is too weak to show anything"


def test_expected_numbers_and_limits_are_the_same_for_counts_that_are_shown_alike() -> None:
    """Eligible counts by age differ inside rounding and suppression; every figure of comparison is the same."""
    cells = {
        "provider": ["ZZ1"] * 4 + ["ZZ2"] * 4,
        "month": ["2024-01"] * 8,
        "age_band": ["20-24", "45-49", "65-69", "80-84"] * 2,
        "sex": ["1"] * 8,
    }
    entries = audited(1)
    flagged = np.array([[40, 30, 2, 1, 60, 20, 3, 2]])
    tables = []
    for eligible in ([301, 99, 5, 3, 200, 150, 4, 6], [299, 101, 6, 2, 202, 148, 3, 7]):
        cube = cube_of(entries, cells, np.array([eligible]), flagged)
        tables.append(made_up_audit(cube, entries).providers.drop("activity"))
    assert tables[0].equals(tables[1])
    assert tables[0]["expected"].null_count() == 0
