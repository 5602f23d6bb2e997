"""Cards, heatmap, icons and packs: what they say of made-up situations, and that they say no more than the tables."""

import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.report.rule_card import Card
from ebi_rules.report.rule_section import rule_section
from ebi_rules.report.unit_packs import unit_packs
from ebi_rules.report.variation_icons import DOWN, UP, colour_of

MONTHS = 36
PROVIDERS = 20


def _audit(
    share: np.ndarray | float = 0.05,
    later: float = 1.0,
    coded: np.ndarray | None = None,
    rows: int = 200,
    seed: int = 1,
) -> ebi.Audit:
    """Return an audit of made-up outpatients.

    Args:
        share: The share in scope, of all providers or of each.
        later: By how much the share is multiplied in the last year.
        coded: The share of rows with any procedure, by provider; None for all.
        rows: Rows a provider and month.
        seed: The seed of the random numbers.
    """
    rng = np.random.default_rng(seed)
    number = PROVIDERS * MONTHS * rows
    provider = np.repeat(np.arange(PROVIDERS), MONTHS * rows)
    month = np.tile(np.repeat(np.arange(MONTHS), rows), PROVIDERS)
    chance = np.broadcast_to(share, PROVIDERS)[provider] * np.where(month >= 24, later, 1.0)
    in_scope = rng.random(number) < chance
    has_code = rng.random(number) < (coded if coded is not None else np.ones(PROVIDERS))[provider]
    months = pl.Series(month)
    frame = pl.DataFrame(
        {
            "OPA_Ident": range(number),
            "Der_Provider_Code": [f"ZZ{place:02d}" for place in provider],
            "Appointment_Date": pl.select(
                pl.date(2022 + (months + 3) // 12, (months + 3) % 12 + 1, pl.lit(15))
            ).to_series(),
            "Der_Procedure_All": pl.select(
                pl.when(pl.Series(in_scope)).then(pl.lit("||U055")).when(pl.Series(has_code)).then(pl.lit("||X384"))
            ).to_series(),
            "Der_Diagnosis_All": "||M545",
            "Age_at_Start_of_Episode_SUS": rng.integers(20, 80, number),
            "Sex": rng.choice(["1", "2"], number),
            "Administrative_Category": "01",
        }
    )
    return ebi.audit(frame, "2S", settings=ebi.Settings(compare_unfit=True))


def _card(audit: ebi.Audit) -> Card:
    section = rule_section(audit.tables, audit.tables.audited[0], 0)
    card: Card = section["card"]
    return card


def test_nothing_stands_out() -> None:
    card = _card(_audit())
    assert card.look_at.startswith("Nothing stands out")
    assert not card.stands_out
    assert "none can be told apart" in card.extremes
    assert "usual variation" in card.trend
    assert re.fullmatch(r"[+−]?\d+% against the year before \(.*; \w{3} 2024 to \w{3} 2025\)", card.change), card.change


def test_one_provider_stands_out() -> None:
    share = np.full(PROVIDERS, 0.05)
    share[7] = 0.12
    card = _card(_audit(share))
    assert "Look at ZZ07, which does more than its patients' case mix explains" in card.look_at
    assert card.extremes.startswith("highest: ZZ07 2.")
    assert "beyond the usual spread" in card.beyond and card.stands_out


def test_rare_counts_are_not_made_into_findings() -> None:
    card = _card(_audit(0.0003, rows=40))
    assert "none is named" in card.extremes
    assert "not judged" in card.trend
    assert "too few to say" in card.change or "against the year before" in card.change
    assert "Look at" not in card.look_at


def test_poor_coding_is_a_doubt() -> None:
    coded = np.ones(PROVIDERS)
    coded[:3] = 0.2
    share = np.full(PROVIDERS, 0.05)
    share[:3] = 0.02
    card = _card(_audit(share, coded=coded))
    assert any(doubt.startswith("coding: 3 providers code procedures") for doubt in card.doubts), card.doubts


def test_a_change_is_seen() -> None:
    card = _card(_audit(later=1.5))
    assert re.match(r"\+(4|5)\d% against the year before", card.change), card.change
    assert "rose beyond its usual variation" in card.look_at or "more of it than chance" in card.look_at
    assert (card.stands_out and "shift upwards" in card.trend) or "above the limit" in card.trend


def test_a_direction_alone_makes_improvement_and_concern() -> None:
    assert colour_of(UP, None) == colour_of(DOWN, None) == "#490092"
    assert colour_of(DOWN, "lower") == colour_of(UP, "higher") != colour_of(UP, "lower") == colour_of(DOWN, "higher")
    with pytest.raises(ebi.UsageError, match="no direction 'down'"):
        ebi.Settings(direction="down")


def test_many_rules_have_a_heatmap_with_every_state(tmp_path: Path) -> None:
    from ebi_rules.synth.made_up_extract import write_extract

    write_extract(tmp_path / "apc.parquet", rows=40_000, layout="ncdr-apcs")
    audit = ebi.audit(tmp_path / "apc.parquet")
    audit.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    table = page.partition('class="scroll heat"')[2].partition("</table>")[0]
    cells = re.findall(r'<td class="(\w+)" title="([^"]*)">([^<]*)</td>', table)
    said = {about for _, about, _ in cells}
    assert {"too few", "the rule is not fit for comparing providers"} <= said
    ratios = {text.rstrip("▲▼") for shade, _, text in cells if shade != "none"}
    assert ratios and all(re.fullmatch(r"\d+\.\d", ratio) for ratio in ratios)
    assert len(cells) == len(audit.run["rules"]) * audit.providers["provider"].n_unique()


@pytest.fixture(scope="module")
def packed() -> ebi.Audit:
    share = np.full(PROVIDERS, 0.025)
    share[[2, 9]] = 0.003
    return _audit(share, rows=30)


def test_packs_show_only_figures_of_the_tables(packed: ebi.Audit) -> None:
    packs = list(unit_packs(packed.tables, "provider"))
    assert len(packs) == PROVIDERS + 1 and packs[-1].file == "index"
    rows = {row["provider"]: row for row in packed.providers.iter_rows(named=True)}
    for pack in packs[:-1]:
        text = re.sub(r"<svg.*?</svg>|<style.*?</style>", "", pack.page, flags=re.S)
        row = rows[pack.unit]
        counts = re.search(r"([\d,*]+) in scope of ([\d,*]+) eligible", text)
        assert counts is not None
        shown = ["*" if row[name] is None else f"{row[name]:,}" for name in ("flagged", "eligible")]
        assert list(counts.groups()) == shown
        others = set(rows) - {pack.unit}
        assert not any(other in pack.page for other in others), "the others are anonymous"
    named = next(iter(unit_packs(packed.tables, "provider", name_others=True)))
    assert sum(other in named.page for other in rows) > 5


def test_a_unit_with_few_has_nothing_small_in_its_pack(packed: ebi.Audit) -> None:
    hidden = packed.providers.filter(pl.col("flagged").is_null())["provider"].to_list()
    assert hidden, "some counts are suppressed"
    for pack in unit_packs(packed.tables, "provider"):
        if pack.unit in hidden:
            assert "* in scope of" in pack.page and "not shown" in pack.page and "<title>your place" not in pack.page


def test_there_are_no_packs_of_people_or_of_what_was_not_counted(packed: ebi.Audit) -> None:
    with pytest.raises(ebi.UsageError, match="there are no packs of people"):
        list(unit_packs(packed.tables, "consultant"))
    with pytest.raises(ebi.UsageError, match="count by it too, with --by gp_practice"):
        list(unit_packs(packed.tables, "gp_practice"))
    with pytest.raises(ebi.UsageError, match="no field 'practice'"):
        list(unit_packs(packed.tables, "practice"))


def test_packs_and_charts_are_written(packed: ebi.Audit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed.write(tmp_path / "out", pack="provider")
    packed.write(tmp_path / "out", force=True, pack="provider")
    assert len(list((tmp_path / "out" / "packs").iterdir())) == PROVIDERS + 1
    index = (tmp_path / "out" / "packs" / "index.html").read_text(encoding="utf-8")
    for target in re.findall(r'href="([^"#]+)"', index):
        assert (tmp_path / "out" / "packs" / target).is_file()
    monkeypatch.setattr("ebi_rules.report.browser.find_browser", lambda: None)
    assert packed.charts(tmp_path / "charts") == len(list((tmp_path / "charts").glob("*.svg"))) >= 7
    with pytest.raises(ebi.EngineError, match="no Chromium, Chrome or Edge was found"):
        packed.write(tmp_path / "printed", pdf=True)
    assert not (tmp_path / "printed").exists()
