"""Recodings, in criteria and in counts: sources of referral by setting, and practices by area."""

from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.criteria.areas import read_areas
from ebi_rules.criteria.fields import FIELDS
from ebi_rules.criteria.labels import read_recoding, referral_settings
from ebi_rules.criteria.nodes import CriterionError, In, Not
from ebi_rules.criteria.parser import parse
from ebi_rules.provider_audit.settings import Settings
from ebi_rules.synth.made_up_extract import write_extract

EXACT = Settings(disclosure="none")

SMALL = """
name = "referral_setting"
field = "referral_source"
otherwise = "elsewhere"
[groups]
"general practice" = ["3"]
"hospital" = ["05", "11"]
"""


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recoding") / "opa.parquet"
    write_extract(path, 20_000, 7)
    return path


@pytest.fixture
def areas(tmp_path: Path) -> Path:
    """Return a file that puts made-up practices into networks of 10, boroughs of 100 and one board; one is in none."""
    rows = ["GP_practice, pcn,Borough,icb"]
    rows += [f"zz{place:04d},Network {place // 10},Borough {place // 100},ZZ board" for place in range(1, 400)]
    path = tmp_path / "areas.csv"
    path.write_text("\n".join(rows))
    return path


def test_every_national_code_is_in_one_setting() -> None:
    recoding = referral_settings()
    assert set(recoding.labels) == set(FIELDS["referral_source"].meanings) - {"99"}  # not known
    assert recoding.known == (
        "primary care",
        "community and allied health",
        "specialist",
        "emergency",
        "other",
        "unknown",
    )
    assert [recoding.label(value) for value in ("03", " 3", 3, "13", "99", "", None, "NULL")] == [
        "primary care",
        "primary care",
        "primary care",
        "specialist",
        "unknown",
        "unknown",
        "unknown",
        "unknown",
    ]


def test_a_criterion_names_settings() -> None:
    assert parse("referral_setting = 'emergency'", {}) == In("referral_source", ("04", "10"))
    assert parse("referral_setting <> 'emergency'", {}) == Not(In("referral_source", ("04", "10")))
    labels = referral_settings().labels
    known = tuple(code for code, label in labels.items() if label != "primary care")
    assert parse("referral_setting IN ('unknown', 'primary care')", {}) == Not(In("referral_source", known))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("referral_setting = 'gp'", "there is no referral setting 'gp'; choose from primary care, community"),
        ("referral_setting IS NULL", "use referral_setting with =, <> or IN, and one of primary care"),
        ("referral_setting > 'other'", "use referral_setting with =, <> or IN"),
        ("starts_with(referral_setting, 'p')", "use referral_setting with =, <> or IN"),
        ("referral_setting = 3", "there is no referral setting '3'"),
        (
            "referral_setting IN ('primary care', 'community and allied health', 'specialist', 'emergency', 'other', "
            "'unknown')",
            "every referral setting is listed, so this is always true",
        ),
        ("pcn = 'Network 1'", "a criterion cannot use the field pcn"),
    ],
)
def test_a_wrong_criterion_about_settings_is_refused(text: str, message: str) -> None:
    with pytest.raises(CriterionError, match=message):
        parse(text, {})


def test_the_users_settings_replace_ours(extract: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "settings.toml").write_text(SMALL)
    monkeypatch.setenv("EBI_REFERRAL_SETTINGS", str(tmp_path / "settings.toml"))
    assert parse("referral_setting = 'hospital'", {}) == In("referral_source", ("05", "11"))
    result = ebi.audit(extract, ["2S"], by=["referral_setting"], settings=EXACT)
    assert result.grouped("referral_setting")["referral_setting"].to_list() == [
        "elsewhere",
        "general practice",
        "hospital",
    ]
    monkeypatch.setenv("EBI_REFERRAL_SETTINGS", str(tmp_path / "none.toml"))
    with pytest.raises(ebi.DataFileError, match=r"the referral settings .*none\.toml cannot be read: No such file"):
        ebi.audit(extract, ["2S"], by=["referral_setting"])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("otherwise", "otherwize", "there is no entry 'otherwize'; the nearest is otherwise"),
        ('name = "referral_setting"\n', "", "the entry name is missing"),
        ('["3"]', '"3"', "groups.general practice: this must be a list of codes in quotation marks"),
        ('["3"]', "[3]", "this must be a list of codes"),
        ('["3"]', '[" "]', "groups.general practice: one of its codes is empty"),
        ('["3"]', '["5"]', "the code 05 appears more than once"),
        ("general practice", "elsewhere", "groups.elsewhere: this is the label of all other codes"),
        ('"referral_source"', '"age"', "there is no coded field 'age'"),
        ("[groups]", "[groups", "mine.toml: "),
    ],
)
def test_a_wrong_file_of_settings_is_reported(old: str, new: str, message: str) -> None:
    with pytest.raises(ebi.DataFileError, match=message):
        read_recoding(SMALL.replace(old, new), "mine.toml")


def test_counts_by_setting_are_sums_of_counts_by_source(extract: Path) -> None:
    by_source = ebi.audit(extract, ["2S"], by=["referral_source"], settings=EXACT).grouped("referral_source")
    by_setting = ebi.audit(extract, ["2S"], by=["referral_setting"], settings=EXACT).grouped("referral_setting")
    settings = pl.Series([referral_settings().label(code) for code in by_source["referral_source"]])
    expected = by_source.group_by(settings.alias("referral_setting")).agg(
        pl.col("activity", "eligible", "flagged").sum()
    )
    counts = by_setting.select("referral_setting", "activity", "eligible", "flagged").sort("referral_setting")
    assert counts.equals(expected.sort("referral_setting"))
    assert counts["flagged"].min() > 0  # type: ignore[operator]


def test_an_audit_can_use_any_level_of_area(extract: Path, areas: Path) -> None:
    settings = Settings(areas=areas, disclosure="none")
    result = ebi.audit(extract, ["2S"], by=["pcn", "borough", "icb"], settings=settings)
    networks, boroughs = result.grouped("pcn"), result.grouped("borough")
    assert networks.height == 41
    assert boroughs["borough"].to_list() == ["Borough 0", "Borough 1", "Borough 2", "Borough 3", None]
    without = pl.read_parquet(extract).filter(pl.col("GP_Practice_Code") == "ZZ0000").height
    assert boroughs.filter(pl.col("borough").is_null())["activity"].item() == without > 10
    practices = [f"ZZ{place:04d}" for place in range(10, 20)]
    of_network = pl.read_parquet(extract).filter(pl.col("GP_Practice_Code").is_in(practices)).height
    assert networks.filter(pcn="Network 1")["activity"].item() == of_network
    assert result.tables.counts.nested == {"pcn": "borough", "borough": "icb"}


def test_an_area_without_a_map_is_reported(extract: Path) -> None:
    with pytest.raises(ebi.ExtractError, match=r"no column for pcn\. Use --areas FILE, a CSV with the pcn of each GP"):
        ebi.audit(extract, ["2S"], by=["pcn"])


def test_an_extract_may_contain_areas(extract: Path) -> None:
    frame = pl.read_parquet(extract).with_columns(Place=pl.lit(" St Anne's "))
    extract_with_areas = ebi.open(frame, columns={"borough": "Place"})
    result = ebi.audit(extract_with_areas, ["2S"], by=["borough"], settings=EXACT)
    assert result.grouped("borough")["borough"].to_list() == ["St Anne's"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("pcn,borough\n1,2\n", "must have one column gp_practice or lsoa, not both"),
        ("gp_practice,lsoa,pcn\na,b,c\n", "must have one column gp_practice or lsoa, not both"),
        ("gp_practice,town\na,b\n", "has no column pcn, borough, icb or imd_decile"),
        ("gp_practice,pcn\nA1,x\na1 ,y\n", r"has codes more than once in gp_practice \(1\)"),
        ("gp_practice,pcn\n,x\n", r"has rows without gp_practice \(1\)"),
        ("", "is empty"),
    ],
)
def test_wrong_areas_are_reported(content: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "areas.csv").write_text(content)
    with pytest.raises(ebi.UsageError, match=message):
        read_areas(tmp_path / "areas.csv")
    with pytest.raises(ebi.UsageError, match="there is no file"):
        read_areas(tmp_path / "none.csv")


def test_an_example_contains_the_code_and_not_the_label() -> None:
    with pytest.raises(ValueError, match="referral_setting is derived from the codes of another field"):
        ebi.Activity.of({"referral_setting": "primary care"})
