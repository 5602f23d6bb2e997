"""The audit's tables, against counts and formulas that are worked out here, independently of the code under test."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy import stats

import ebi_rules as ebi
from ebi_rules.cube import AGE_BANDS
from ebi_rules.provider_audit.audit_tables import AuditTables
from ebi_rules.provider_audit.input_files import read_population, read_standard
from ebi_rules.statistics.rates import EUROPEAN_STANDARD, standardised_ratio
from ebi_rules.synth.made_up_extract import write_extract
from tests.report.made_up import audited, cube_of, run_record

KEY = "2S_lower_back_imaging"
ALL = "all providers"
EXACT = ebi.Settings(disclosure="none")


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audit") / "opa.parquet"
    write_extract(path, 60_000, seed=5)
    return path


@pytest.fixture(scope="module")
def rows(extract: Path) -> pl.DataFrame:
    """Return the extract's rows with what an audit counts, worked out by other means."""
    frame = ebi.flag(pl.read_parquet(extract), ["2S"])
    age = pl.coalesce("Age_at_Start_of_Episode_SUS", "Der_Age_at_CDS_Activity_Date").cast(pl.Int64)
    edges = [5, 10, 15, 19, *range(20, 95, 5)]
    starred = ["C", "D0", "D37", "D38", "D39", "D40", "D41", "D42", "D43", "D44", "D45", "D46", "D47", "D48"]
    cancer = pl.col("Der_Diagnosis_All").fill_null("").str.to_uppercase().str.split("|").list.join(",").str.split(",")
    has_cancer = cancer.list.eval(pl.element().str.strip_chars().str.contains(f"^(?:{'|'.join(starred)})")).list.any()
    category = pl.col("Administrative_Category").cast(pl.String).str.strip_chars().str.zfill(2)
    return frame.select(
        provider="Der_Provider_Code",
        month=pl.col("Appointment_Date").dt.strftime("%Y-%m"),
        band=pl.coalesce(
            pl.when(age < edge).then(pl.lit(band)) for edge, band in zip([*edges, 999], AGE_BANDS, strict=True)
        ),
        sex="Sex",
        flagged=KEY,
        eligible=age.is_between(19, 120).fill_null(False) & ~has_cancer & (category != "02").fill_null(True),
        procedures=pl.col("Der_Procedure_All"),
    )


@pytest.fixture(scope="module")
def exact(extract: Path) -> ebi.Audit:
    return ebi.audit(extract, ["2S"], by=["commissioner"], settings=EXACT)


def test_the_cube_counts_what_is_in_the_rows(rows: pl.DataFrame, exact: ebi.Audit) -> None:
    cube = exact.exact_cube.filter(pl.col("rule") == KEY).cast({"measure": pl.String})
    keys = ["provider", "month", "age_band", "sex"]
    for measure in ("eligible", "flagged"):
        counted = cube.filter(measure=measure).group_by(keys).agg(pl.col("count").sum())
        counted = counted.cast(dict.fromkeys(keys, pl.String)).sort(keys, nulls_last=True)
        expected = (
            rows.rename({"band": "age_band"}).group_by(keys).agg(pl.col(measure).sum().cast(pl.Int64).alias("count"))
        )
        expected = expected.filter(pl.col("count") > 0).sort(keys, nulls_last=True)
        assert counted.equals(expected), measure


def test_expected_numbers_are_those_of_the_published_function(rows: pl.DataFrame, exact: ebi.Audit) -> None:
    strata = rows.group_by("band", "sex").agg(pl.col("eligible", "flagged").sum())
    for row in exact.providers.filter(pl.col("rule") == KEY).head(6).iter_rows(named=True):
        provider = rows.filter(pl.col("provider") == row["provider"])
        eligible = provider.group_by("band", "sex").agg(pl.col("eligible").sum())
        joined = strata.join(eligible, on=["band", "sex"], how="left", nulls_equal=True, suffix="_here").fill_null(0)
        expected, ratio, lower, upper = standardised_ratio(
            row["flagged"], joined["eligible_here"], joined["flagged"], joined["eligible"]
        )
        assert row["expected"] == pytest.approx(expected, abs=0.051)
        assert row["standardised_ratio"] == pytest.approx(ratio, rel=0.01)
        assert row["ratio_lower_95"] == pytest.approx(lower, rel=0.01)
        assert row["ratio_upper_95"] == pytest.approx(upper, rel=0.01)
    assert exact.providers["expected"].sum() == pytest.approx(exact.providers["flagged"].sum(), abs=2)


def test_rates_and_their_intervals(exact: ebi.Audit) -> None:
    for row in exact.providers.iter_rows(named=True):
        assert row["rate_per_1000_eligible"] == pytest.approx(row["flagged"] / row["eligible"] * 1000, abs=0.001)
        if 0 < row["flagged"] < 10:
            exact_lower = stats.chi2.ppf(0.025, 2 * row["flagged"]) / 2 / row["eligible"] * 1000
            assert row["rate_lower_95"] == pytest.approx(exact_lower, abs=0.001)


def test_under_disclosure_control_every_figure_comes_from_the_counts_shown(extract: Path, exact: ebi.Audit) -> None:
    shown = exact.shown("hes").providers
    for row, true in zip(shown.iter_rows(named=True), exact.providers.iter_rows(named=True), strict=True):
        if 1 <= true["flagged"] <= 7:
            derived = ("flagged", "rate_per_1000_eligible", "standardised_ratio", "ratio_lower_95", "signal")
            assert all(row[name] is None for name in derived)
        else:
            assert row["flagged"] % 5 == 0
            assert abs(row["flagged"] - true["flagged"]) <= 2
            assert row["rate_per_1000_eligible"] == pytest.approx(row["flagged"] / row["eligible"] * 1000, abs=0.001)
            assert row["standardised_ratio"] == pytest.approx(row["flagged"] / row["expected"], abs=0.001)


def test_the_trend_is_the_rate_by_month(rows: pl.DataFrame, exact: ebi.Audit) -> None:
    trend = exact.trend.filter(pl.col("provider") == ALL)
    expected = rows.group_by("month").agg(pl.col("eligible", "flagged").sum()).sort("month")
    assert trend["month"].to_list() == expected["month"].to_list()
    assert trend["flagged"].to_list() == expected["flagged"].to_list()
    values = (expected["flagged"] / expected["eligible"] * 1000).to_numpy()
    ranges = np.abs(np.diff(values))
    kept = ranges[ranges < 3.267 * ranges.mean()]
    assert trend["mean"][0] == pytest.approx(values.mean(), abs=0.001)
    assert trend["upper"][0] == pytest.approx(values.mean() + 2.66 * kept.mean(), abs=0.001)


def frame_of(dates: list[str], providers: list[str] | None = None) -> pl.DataFrame:
    count = len(dates)
    return pl.DataFrame(
        {
            "OPA_Ident": range(count),
            "Der_Provider_Code": providers or ["ZZ1"] * count,
            "Appointment_Date": dates,
            "Der_Procedure_All": ["U055"] * count,
            "Der_Diagnosis_All": ["M545"] * count,
            "Administrative_Category": ["01"] * count,
            "Age_at_Start_of_Episode_SUS": [45] * count,
            "Sex": ["1"] * count,
        }
    ).with_columns(pl.col("Appointment_Date").str.to_date())


@pytest.mark.parametrize(("last", "partial"), [("2024-03-27", True), ("2024-03-28", False), ("2024-03-31", False)])
def test_the_month_in_which_the_data_end_is_partial(last: str, partial: bool) -> None:
    trend = ebi.audit(frame_of(["2024-02-29", last]), ["2S"], settings=EXACT).trend.filter(pl.col("provider") == ALL)
    assert trend["partial"].to_list() == [False, partial]


def test_every_month_is_there_and_has_no_rate_where_nothing_is_eligible() -> None:
    dates = ["2024-01-31", "2024-02-29", "2024-04-28", "2024-02-28", "2024-05-31"]
    trend = ebi.audit(frame_of(dates, ["ZZ1", "ZZ1", "ZZ1", "ZZ2", "ZZ2"]), ["2S"], settings=EXACT).trend
    columns = ["month", "eligible", "flagged", "rate_per_1000_eligible"]
    of_one = trend.filter(pl.col("provider") == "ZZ1").select(columns)
    first, second, last = ((f"2024-0{month}", 1, 1, 1000.0) for month in (1, 2, 4))
    assert of_one.rows() == [first, second, ("2024-03", 0, 0, None), last]
    assert trend.filter(pl.col("provider") == "ZZ2")["month"].to_list() == [f"2024-0{month}" for month in (2, 3, 4, 5)]


def test_limits_need_twelve_months_and_can_be_rebased() -> None:
    dates = [f"{2022 + place // 12}-{place % 12 + 1:02d}-28" for place in range(24) for _ in range(20)]
    imaging = [place % 20 < 10 + place // 20 % 3 for place in range(len(dates))]
    frame = frame_of(dates).with_columns(pl.Series("Der_Procedure_All", ["U055" if each else None for each in imaging]))
    few = ebi.audit(frame.head(11 * 20), ["2S"], settings=EXACT).trend
    assert few["mean"].null_count() == few.height
    assert few["judged"].unique().to_list() == ["needs 1 more month"]
    settings = ebi.Settings(disclosure="none", rebase=("2023-01",))
    rebased = ebi.audit(frame, ["2S"], settings=settings).trend.filter(pl.col("provider") == ALL)
    assert rebased["mean"].null_count() == 0
    with pytest.raises(ebi.UsageError, match="--rebase: there is no month '2031-01'"):
        assert ebi.audit(frame_of(dates), ["2S"], settings=ebi.Settings(rebase=("2031-01",))).trend


def test_quality_counts_codes_and_what_is_missing() -> None:
    frame = frame_of(["2024-01-31"] * 4).with_columns(
        pl.Series("Der_Procedure_All", ["U055,Z665", "||U05.4||", None, "XX,U0"]),
        pl.Series("Der_Diagnosis_All", [None, "M545 ,NULL", "-", "M54X,999"]),
        pl.Series("Administrative_Category", ["01", None, "", "01"]),
        pl.Series("Age_at_Start_of_Episode_SUS", [45, None, 45, 45]),
    )
    quality = ebi.audit(frame, ["2S"], settings=EXACT).quality.row(0, named=True)
    assert quality["provider"] == ALL
    assert quality["activity"] == 4
    assert quality["percent_with_procedures"] == 75.0
    assert quality["procedures_per_activity"] == 1.25
    assert quality["percent_malformed_procedures"] == 40.0
    assert quality["percent_with_diagnoses"] == 50.0
    assert quality["percent_malformed_diagnoses"] == pytest.approx(33.3)
    assert quality["percent_without_administrative_category"] == 50.0
    assert quality["percent_without_age"] == 25.0


def test_quality_is_the_same_in_every_shape_of_codes(tmp_path: Path) -> None:
    tables = []
    for layout in ("ncdr-opa", "hes-op", "unified-sus-op"):
        write_extract(tmp_path / f"{layout}.parquet", 3_000, 9, layout)
        tables.append(ebi.audit(tmp_path / f"{layout}.parquet", ["2S"], settings=EXACT).quality)
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


def test_a_low_rate_with_incomplete_coding_has_a_warning() -> None:
    rng = np.random.default_rng(1)
    coded = {"ZZ1": 0.05, **{f"ZZ{letter}": 0.9 for letter in "ABCDEFGH"}}
    providers = [code for code in coded for _ in range(800)]
    imaging = ["U055" if rng.random() < 0.3 else "X384" for _ in providers]
    kept = [code if rng.random() < coded[provider] else None for code, provider in zip(imaging, providers, strict=True)]
    frame = frame_of(["2024-01-31"] * len(providers), providers).with_columns(pl.Series("Der_Procedure_All", kept))
    audit = ebi.audit(frame, ["2S"])
    assert audit.providers.filter(pl.col("low_coding"))["provider"].to_list() == ["ZZ1"]
    assert any(
        "ZZ1: a rate below the limits, with few procedures coded. Providers with incomplete coding" in text
        for text in audit.warnings
    )


def test_missing_columns_have_a_warning_and_the_rest_is_done() -> None:
    bare = frame_of(["2024-01-31"] * 30).drop("Appointment_Date", "Sex")
    audit = ebi.audit(bare, ["2S"])
    assert any("no column for activity_date, so there is no trend" in text for text in audit.warnings)
    assert any("no column for sex, so rates are not standardised by sex" in text for text in audit.warnings)
    assert audit.trend.height == 0
    assert audit.providers["flagged"].to_list() == [30]


def test_a_population_makes_rates_per_100_000_people(rows: pl.DataFrame, extract: Path, tmp_path: Path) -> None:
    bands = [*list(EUROPEAN_STANDARD)[4:], "19"]
    lines = [
        f"ZZC{place},{band},{sex},{1000 + 10 * place}" for place in range(6) for band in bands for sex in ("1", "2")
    ]
    (tmp_path / "people.csv").write_text("area,age_band,sex,count\n" + "\n".join(lines))
    settings = ebi.Settings(disclosure="none", population=read_population(tmp_path / "people.csv"))
    audit = ebi.audit(extract, ["2S"], settings=settings)
    assert audit.population is not None
    row = audit.population.row(2, named=True)
    commissioner = pl.read_parquet(extract)["Der_Commissioner_Code"]
    here = rows.with_columns(commissioner=commissioner).filter(pl.col("commissioner") == row["commissioner"])
    assert row["flagged"] == here["flagged"].sum()
    people = 2 * (1000 + 10 * int(row["commissioner"][-1]))
    assert row["people"] == people * len(bands)
    assert row["rate_per_100000"] == pytest.approx(row["flagged"] / row["people"] * 1e5, abs=0.051)
    weights = {**EUROPEAN_STANDARD, "19": 1100}
    by_band = dict(here.group_by("band").agg(pl.col("flagged").sum()).rows())
    direct = sum(weights[band] * by_band.get(band, 0) / people for band in bands) / sum(weights[band] for band in bands)
    assert row["standardised_rate_per_100000"] == pytest.approx(direct * 1e5, abs=0.051)
    assert row["standardised_lower_95"] < row["standardised_rate_per_100000"] < row["standardised_upper_95"]
    hidden = audit.shown("hes").population
    assert hidden is not None
    assert set(hidden["flagged"].drop_nulls() % 5) == {0}


def test_a_standard_of_the_users_own(exact: ebi.Audit, tmp_path: Path) -> None:
    lines = [f"{KEY},{band},{sex},1000,50" for band in AGE_BANDS for sex in ("1", "2", "0", "9")]
    (tmp_path / "standard.csv").write_text("rule,age_band,sex,eligible,flagged\n" + "\n".join(lines))
    standard = read_standard(tmp_path / "standard.csv")
    table = ebi.audit_cube(exact.exact_cube, settings=ebi.Settings(disclosure="none", standard=standard)).providers
    assert table["expected"].to_list() == pytest.approx((exact.providers["eligible"] * 0.05).to_list(), abs=0.051)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("area,age_band,sex\n", "has no column count"),
        ("area,age_band,sex,count\nA,20-25,1,5\n", "no age band '20-25'; the nearest is 20-24"),
        ("area,age_band,sex,count\nA,20-24,1,many\n", "1 of the cells in count are not whole numbers"),
        ("place,age_band,sex,count\nA,20-24,1,5\n", "exactly one column must name the area"),
    ],
)
def test_a_wrong_population_file_is_reported_in_one_message(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(text)
    with pytest.raises(ebi.UsageError, match=message):
        read_population(tmp_path / "people.csv")


def test_the_band_from_15_to_19_is_split(tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text("provider,age_band,sex,count\nZZ1,15-19,female,1000\n")
    people = read_population(tmp_path / "people.csv").people.sort("age_band")
    assert people.select("age_band", "sex", "people").rows() == [("15-18", "2", 800), ("19", "2", 200)]


def test_expected_numbers_reveal_nothing_that_is_rounded_away() -> None:
    """Two cubes whose exact counts differ by age, but are shown alike, have the same expected numbers."""
    cells = {
        "provider": ["ZZ1", "ZZ1", "ZZ2", "ZZ2"],
        "month": ["2024-01"] * 4,
        "age_band": ["20-24", "65-69"] * 2,
        "sex": ["1"] * 4,
    }
    entries = tuple(audited(1))
    eligible = np.array([[300, 100, 100, 300]])
    expected = []
    for flagged in ([3, 5, 10, 10], [5, 3, 10, 10]):
        cube = cube_of(entries, cells, eligible, np.array([flagged]))
        tables = AuditTables(cube, entries, ebi.Settings(), run_record())
        expected.append(ebi.Audit(tables).providers["expected"].to_list())
    assert expected[0] == expected[1]
    assert None not in expected[0]


@pytest.mark.parametrize(("coded", "low"), [(74, False), (73, True)])
def test_coding_is_low_below_three_quarters_of_the_share_overall(coded: int, low: bool) -> None:
    """1,000 activities of one provider all have a procedure: the share overall is 97.5 or 97.6%."""
    providers = ["ZZ1"] * 1_000 + ["ZZ2"] * 100
    codes = ["X384"] * (1_000 + coded) + [None] * (100 - coded)
    frame = frame_of(["2024-01-31"] * 1_100, providers).with_columns(pl.Series("Der_Procedure_All", codes))
    table = ebi.audit(frame, ["2S"], settings=EXACT).providers
    assert dict(table.select("provider", "low_coding").iter_rows()) == {"ZZ1": False, "ZZ2": low}


@pytest.mark.parametrize("method", ["hes", "none"])
def test_a_rule_has_the_counts_that_it_has_alone(method: str, tmp_path: Path) -> None:
    path = tmp_path / "apcs.parquet"
    write_extract(path, 8_000, seed=3, layout="ncdr-apcs")
    opened, settings = ebi.open(path), ebi.Settings(disclosure=method)
    names = ["2Q", "1M", "2E"]
    together = ebi.audit(opened, names, settings=settings).tables
    assert together.counts.cells["withheld"].any() == (method == "hes")
    for name in names:
        alone = ebi.audit(opened, name, settings=settings).tables
        (entry,) = alone.audited
        is_of_rule = pl.col("rule") == entry.key
        assert together.counts.cells.filter(is_of_rule).equals(alone.counts.cells.filter(is_of_rule))
        for table in ("total", "provider", "month", "provider_month", "provider_quarter", "sex"):
            shown = alone.counts.table(table)
            assert together.counts.table(table).filter(is_of_rule).equals(shown)
            assert shown.equals(shown.sort("provider", "month", "value", nulls_last=True))
        assert together.attrition.filter(is_of_rule).equals(alone.attrition)
        # Each count stands where its own rule, measure and group are.
        cells = alone.counts.cells.filter(pl.col("table") == "provider", is_of_rule, pl.col("measure") == "flagged")
        joined = alone.counts.table("provider").join(cells, on=["rule", "provider"], nulls_equal=True, how="left")
        assert joined["flagged"].equals(joined["shown"], check_names=False)
