"""A ledger of releases: what would combine with an earlier output is refused; nothing shows exact counts by itself."""

import json
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.synth.made_up_extract import write_extract

HES = ebi.Settings()


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("releases") / "opa.parquet"
    write_extract(path, 2_000, 3)
    return path


def audit(extract: Path, by: list[str] | None = None, rules: str = "2S", **settings: object) -> ebi.Audit:
    return ebi.audit(extract, rules, by or [], ebi.Settings(**settings))  # type: ignore[arg-type]


def released(audit: ebi.Audit, folder: Path, override: str | None = None) -> Path:
    """Release an audit, and return its output."""
    output = folder / f"out{len(list(folder.glob('out*')))}"
    audit.write(output, release=folder / "ledger.jsonl", override=override)
    return output


@pytest.mark.parametrize(
    ("changes", "difference"),
    [
        ({"by": ["commissioner"]}, "other fields"),
        ({"adjust": ("age_band", "sex", "treatment_function")}, "other fields"),
        ({"disclosure": "midpoint6"}, "another method \\(midpoint6, there hes\\)"),
        ({"providers": ("ZZ1", "ZZ2")}, "other providers"),
        ({"months": "2023-05..2024-04"}, "other months"),
        ({"variant": "as_published"}, "another interpretation, or other counts, of 2S_lower_back_imaging"),
    ],
)
def test_what_would_combine_is_refused(
    extract: Path, tmp_path: Path, changes: dict[str, object], difference: str
) -> None:
    released(audit(extract), tmp_path)
    other = audit(extract, **changes)  # type: ignore[arg-type]
    with pytest.raises(ebi.UsageError, match=f"earlier release, out0 of 20.*{difference}"):
        released(other, tmp_path)
    assert not (tmp_path / "out1").exists()
    assert len((tmp_path / "ledger.jsonl").read_text().splitlines()) == 1
    released(other, tmp_path, override="asked for by the board")
    last = json.loads((tmp_path / "ledger.jsonl").read_text().splitlines()[-1])
    assert last["override"] == "asked for by the board"


def test_what_adds_nothing_may_leave(extract: Path, tmp_path: Path) -> None:
    """The same again, another rule, and months that have not left."""
    released(audit(extract, months="2023-04..2024-03"), tmp_path)
    released(audit(extract, months="2023-04..2024-03"), tmp_path)
    released(audit(extract, months="2023-04..2024-03", rules="2T"), tmp_path)
    released(audit(extract, months="2024-04"), tmp_path)
    entries = [json.loads(line) for line in (tmp_path / "ledger.jsonl").read_text().splitlines()]
    assert [entry["override"] for entry in entries] == [None] * 4


def test_restated_counts_are_refused(extract: Path, tmp_path: Path) -> None:
    released(audit(extract), tmp_path)
    frame = pl.read_parquet(extract)
    frame.with_columns(pl.col("Administrative_Category").replace("01", "02")).write_parquet(tmp_path / "later.parquet")
    with pytest.raises(ebi.UsageError, match="of 2S_lower_back_imaging"):
        released(audit(tmp_path / "later.parquet"), tmp_path)
    frame.head(1_990).write_parquet(tmp_path / "fewer.parquet")
    with pytest.raises(ebi.UsageError, match="other"):
        released(audit(tmp_path / "fewer.parquet"), tmp_path)


def test_where_a_ledger_may_be(extract: Path, tmp_path: Path) -> None:
    output = released(audit(extract), tmp_path)
    result = audit(extract)
    for ledger in (output / "ledger.jsonl", tmp_path / "new" / "ledger.jsonl"):
        with pytest.raises(ebi.UsageError, match="is in a folder of outputs"):
            result.write(tmp_path / "new", release=ledger)
    with pytest.raises(ebi.UsageError, match="overlaps the input"):
        result.write(tmp_path / "new", release=extract)
    (tmp_path / "notes.txt").write_text("not a ledger")
    with pytest.raises(ebi.UsageError, match=r"is not a ledger of releases, or its line 1 is damaged"):
        result.write(tmp_path / "new", release=tmp_path / "notes.txt")
    with pytest.raises(ebi.UsageError, match="exact counts"):
        audit(extract, disclosure="none").write(tmp_path / "new", release=tmp_path / "ledger.jsonl")
    with pytest.raises(ebi.UsageError, match="name the ledger too"):
        result.write(tmp_path / "new", override="because")
    assert not (tmp_path / "new").exists()


def test_a_run_of_measures_is_released_too(tmp_path: Path) -> None:
    write_extract(tmp_path / "people.parquet", 3_000, 3)
    ledger = tmp_path / "ledger.jsonl"
    for by, refused in (([], False), ([], False), (["commissioner"], True)):
        result = ebi.run_measures(tmp_path / "people.parquet", "did_not_attend", by=by)
        if refused:
            with pytest.raises(ebi.UsageError, match="other fields"):
                result.write(tmp_path / "out", force=True, release=ledger)
        else:
            result.write(tmp_path / "out", force=True, release=ledger)


def test_nothing_shows_exact_counts_by_itself(extract: Path) -> None:
    result = audit(extract)
    exact = audit(extract, disclosure="none")
    flagged, eligible = exact.totals().select("flagged", "eligible").row(0)
    shown_flagged, shown_eligible = result.totals().select("flagged", "eligible").row(0)
    assert (flagged, eligible) != (shown_flagged, shown_eligible)
    texts = [repr(result), str(result), result._repr_html_(), repr(result.tables), repr(result.tables.counts)]
    assert f"{shown_flagged} in scope of {shown_eligible} eligible" in texts[1]
    for text in texts:
        assert str(eligible) not in text and f"{eligible:,}" not in text
    assert result.run["rows"] == 2_000
    assert "exact" not in " ".join(vars(type(result))).replace("exact_cube", "")


def test_every_output_says_that_others_combine_with_it(extract: Path, tmp_path: Path) -> None:
    audit(extract).write(tmp_path / "out")
    assert "--release FILE" in json.loads((tmp_path / "out" / "run.json").read_text())["further_outputs"]
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "A second output of the same activity" in page
    assert "For internal use --disclosure none is right" in page


def test_two_runs_at_once_do_not_both_leave(extract: Path, tmp_path: Path) -> None:
    """Both find nothing in the ledger when they begin; the one that records second is refused."""
    ledger = tmp_path / "ledger.jsonl"
    audits = [audit(extract), audit(extract, ["commissioner"])]
    first, second = (
        each._checked_release(ledger, None, tmp_path / name) for each, name in zip(audits, ("one", "two"), strict=True)
    )
    first()
    with pytest.raises(ebi.UsageError, match="would combine with an earlier release"):
        second()
    assert len(ledger.read_text().splitlines()) == 1
