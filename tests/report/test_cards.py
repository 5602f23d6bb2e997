"""Cards, heatmap and icons: what they say of made-up situations, and that they say no more than the tables."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.report.rule_card import Card
from ebi_rules.report.rule_heatmap import FEWEST_EXPECTED, STATES
from ebi_rules.report.rule_section import rule_section
from ebi_rules.report.trend_charts import multiples
from ebi_rules.report.variation_icons import DOWN, UP, colour_of
from ebi_rules.synth.made_up_extract import write_extract
from tests.report.situations import PROVIDERS, made_up_audit


def _card(audit: ebi.Audit) -> Card:
    section = rule_section(audit.tables, audit.tables.audited[0], 0)
    card: Card = section["card"]
    return card


def test_nothing_stands_out() -> None:
    card = _card(made_up_audit())
    assert card.look_at.startswith("Nothing stands out")
    assert not card.stands_out
    assert card.extremes == "highest and lowest: none of the 20 largest providers can be told apart"
    assert "usual variation" in card.trend
    assert re.fullmatch(r"[+−]?\d+% against the year before \(.*; \w{3} 2024 to \w{3} 2025\)", card.change), card.change


def test_one_provider_stands_out() -> None:
    share = np.full(PROVIDERS, 0.05)
    share[7] = 0.12
    card = _card(made_up_audit(share))
    assert card.look_at.startswith("Look at ZZ07, which does more than its patients' case mix explains (2.2 times")
    assert card.extremes.startswith("of 20 providers with at least 10 expected, highest: ZZ07 2.")
    assert "by more than providers normally do" in card.beyond and card.stands_out


def test_rare_counts_are_not_made_into_findings() -> None:
    card = _card(made_up_audit(0.0003, rows=40))
    assert card.extremes.startswith("highest and lowest: fewer than two providers")
    assert "not judged" in card.trend
    assert re.match(r"\+\d+% against the year before \(−\d+% to \+\d+%", card.change), card.change
    assert "Look at" not in card.look_at
    assert "numbers are too small" in card.look_at and "as usual" not in card.look_at


def test_providers_with_few_expected_are_not_named() -> None:
    """Here all ratios can be shown, and fewer than ten are expected of each provider."""
    share = np.full(PROVIDERS, 0.005)
    share[7] = 0.02
    audit = made_up_audit(share, rows=40)
    shown = audit.providers.drop_nulls("standardised_ratio")
    assert shown.height > 2 and shown["expected"].max() < FEWEST_EXPECTED  # type: ignore[operator]
    assert _card(audit).extremes == (
        "highest and lowest: fewer than two providers have an expected number of 10 or more"
    )


def test_poor_coding_is_a_doubt() -> None:
    coded = np.ones(PROVIDERS)
    coded[:3] = 0.2
    share = np.full(PROVIDERS, 0.05)
    share[:3] = 0.02
    card = _card(made_up_audit(share, coded=coded))
    assert any(doubt.startswith("coding: 3 providers code procedures for less") for doubt in card.doubts), card.doubts
    assert card.look_at.startswith("No provider stands out, but 3 providers code few procedures")


def test_a_change_is_seen() -> None:
    card = _card(made_up_audit(later=1.5))
    assert re.match(r"\+(4|5)\d% against the year before", card.change), card.change
    assert "rose by more than usual" in card.look_at
    assert card.stands_out and "a point above the upper limit" in card.trend


def test_a_direction_alone_makes_improvement_and_concern() -> None:
    assert colour_of(UP, None) == colour_of(DOWN, None) == "#490092"
    assert colour_of(DOWN, "lower") == colour_of(UP, "higher") != colour_of(UP, "lower") == colour_of(DOWN, "higher")
    with pytest.raises(ebi.UsageError, match="no direction 'down'"):
        ebi.Settings(direction="down")


def test_many_rules_have_a_heatmap_with_every_state(tmp_path: Path) -> None:
    write_extract(tmp_path / "apc.parquet", rows=40_000, layout="ncdr-apcs")
    audit = ebi.audit(tmp_path / "apc.parquet")
    audit.report(tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    table = page.partition('class="scroll heat"')[2].partition("</table>")[0]
    cells = re.findall(r'<td class="(\w+)" title="([^"]*)">([^<]*)</td>', table)
    said = Counter(about for _, about, _ in cells if not about.startswith("ratio"))
    reasons = audit.providers.filter(pl.col("not_judged").is_not_null() | pl.col("standardised_ratio").is_null())
    expected = Counter(STATES[why][1] if why else "too few" for why in reasons["not_judged"])
    assert len(expected) > 1
    assert {about: number for about, number in said.items() if about != "no activity"} == expected
    ratios = {text.rstrip("▲▼") for shade, _, text in cells if shade != "none"}
    assert ratios and all(re.fullmatch(r"\d+\.\d", ratio) for ratio in ratios)
    assert len(cells) == len(audit.run["rules"]) * audit.providers["provider"].n_unique()


def test_small_trends_keep_within_their_frame_and_name_both_ends() -> None:
    months = [f"{2022 + month // 12}-{month % 12 + 1:02}" for month in range(36)]
    rows = pl.DataFrame({"month": months}).with_columns(
        rate_per_1000_eligible=10.0 + pl.int_range(pl.len()),
        mean=10.0,
        lower=1.0,
        upper=500.0,
        signal=pl.lit(None, pl.String),
        partial=False,
    )
    body = multiples([("ZZ1", rows)], {"month": months}, "Rates over time", None).body
    assert body.count(">2022<") == body.count(">2024<") == 1
    top, height = map(float, re.findall(r'<rect x="[\d.]+" y="([\d.]+)" width="[\d.]+" height="([\d.]+)"', body)[0])
    downs = [float(down) for path in re.findall(r' d="(M[^"]*)"', body) for down in re.findall(r",([-\d.]+)", path)]
    assert len(downs) == 36 + 3 * 2 and all(top <= down <= top + height for down in downs)
