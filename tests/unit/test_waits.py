"""Measures of waits: counted as they are defined, with everything odd said, and nothing small shown."""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.pathways.definitions import measure as find
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.wait_counts import count_waits, span_of
from ebi_rules.pathways.wait_rows import FIRST_DAY, read_waits
from tests.engines.waiting import Waiting, alike, by_meaning, random_waiting

TODAY = date(2030, 1, 1)
EXACT = ebi.Settings(disclosure="none")
COMMUNITY, SPECIALIST, TREATMENT = "wait_to_community_contact", "wait_to_specialist_attendance", "wait_to_treatment"


def _extracts(data: Waiting, with_outpatients: bool) -> list[ebi.Extract]:
    others = [ebi.open(data.outpatients)] if with_outpatients else []
    return [ebi.open(data.referrals, contacts=data.contacts), ebi.open(data.lists), *others]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("with_outpatients", [True, False])
@pytest.mark.parametrize("key", [COMMUNITY, SPECIALIST])
def test_waits_are_those_of_the_definition(key: str, with_outpatients: bool, seed: int) -> None:
    data = random_waiting(seed)
    measure = replace(find(key), standard_days=20)
    extracts = _extracts(data, with_outpatients)
    rows = read_waits(extracts, measure, ["provider"], TODAY, 1)  # type: ignore[arg-type]
    first, last = (FIRST_DAY + timedelta(days=day) for day in span_of(rows, measure, TODAY))
    if not with_outpatients:
        kept = [event for event in data.events if event.dataset != "outpatient"]
        data = replace(data, events=kept)
    expected = by_meaning(measure, data, first, last)
    counted = count_waits(extracts, measure, ["provider", "month"], TODAY)  # type: ignore[arg-type]
    assert alike(counted.totals) == expected
    assert {key[3] for key in expected} >= {0, 1, None} and len(expected) > 30


def _referral(start: date | None, closed: date | None = None, key: str = "1", **others: object) -> dict[str, object]:
    row = {"Unique_ServiceRequestID": key, "Der_Pseudo_NHS_Number": "a", "ReferralRequest_ReceivedDate": start}
    return {**row, "ReferralClosure_Date": closed, "TeamType": "20", "OrgID_Provider": "ZZ1", **others}


def _contact(day: date, status: str | None, key: str = "1", number: str = "1") -> dict[str, object]:
    row = {"Unique_ServiceRequestID": key, "Unique_CareContactID": number, "Contact_Date": day}
    return {**row, "AttendOrDNACode": status}


def _run(referrals: list[dict[str, object]], contacts: list[dict[str, object]]) -> ebi.MeasureResult:
    schema = {"ReferralRequest_ReceivedDate": pl.Date, "ReferralClosure_Date": pl.Date}
    texts = ("Unique_ServiceRequestID", "Der_Pseudo_NHS_Number", "TeamType", "OrgID_Provider")
    first = pl.DataFrame(referrals, schema={**dict.fromkeys(texts, pl.String), **schema})
    others = ("Unique_ServiceRequestID", "Unique_CareContactID", "AttendOrDNACode")
    second = pl.DataFrame(contacts, schema={**dict.fromkeys(others, pl.String), "Contact_Date": pl.Date})
    return ebi.run_measures(ebi.open(first, contacts=second), COMMUNITY, settings=EXACT)


NEW_YEAR = date(2024, 1, 1)
ANCHOR = [_referral(NEW_YEAR, key="first"), _referral(NEW_YEAR, key="last")]
ANCHORS = [_contact(NEW_YEAR, "5", "first"), _contact(date(2024, 6, 1), "5", "last")]


@pytest.mark.parametrize(
    ("referral", "contacts", "warning"),
    [
        (_referral(None), [], "1 wait has no day, or one before 1990 or after the data, on which the clock starts"),
        (_referral(date(1900, 1, 1)), [], "1 wait has no day"),
        (_referral(date(2025, 1, 1)), [], "1 wait has no day"),
        (_referral(date(2023, 12, 1)), [], "1 wait has a clock that starts before the first contact in the data"),
        (
            _referral(date(2024, 2, 1)),
            [_contact(date(2024, 1, 20), "5")],
            "1 wait has an attendance before the clock starts; it does not end the wait",
        ),
        (
            _referral(date(2024, 2, 1)),
            [_contact(date(2024, 2, 20), "5"), _contact(date(2024, 2, 21), "5")],
            r"2 rows have the same referral and key as another|1 row has the same referral and key as another",
        ),
        (
            _referral(date(2024, 2, 1)),
            [_contact(date(2024, 2, 20), "5", key="none")],
            "1 row has a referral in the table of contacts .* that the other table lacks; they are left out",
        ),
    ],
)
def test_what_is_odd_is_said(referral: dict[str, object], contacts: list[dict[str, object]], warning: str) -> None:
    result = _run([*ANCHOR, referral], [*ANCHORS, *contacts])
    text = " ".join(result.warnings)
    assert re.search(warning, text), text
    shares = result.shares.filter(provider="all providers")
    assert shares["index_activity"][0] == 3


def test_contacts_are_counted_by_status() -> None:
    statuses = ["5", "6", "3", "7", "2", "4", None, "9"]
    contacts = [_contact(date(2024, 3, 1 + place), status, number=str(place)) for place, status in enumerate(statuses)]
    result = _run([*ANCHOR, _referral(date(2024, 2, 1))], [*ANCHORS, *contacts])
    found = dict(result.table("contacts").select("status", "contacts").iter_rows())
    assert found == {"attended": 4, "did not attend": 2, "cancelled": 2, "no status": 2}


def _list_row(key: str, week: date, start: date, provider: str = "ZZ1") -> dict[str, object]:
    return {
        "PATIENT_PATHWAY_IDENTIFIER": key,
        "Pseudo_NHS_NUMBER": "a",
        "Week_Ending_Date": week,
        "REFERRAL_REQUEST_RECEIVED_DATE": start,
        "FIRST_ACTIVITY_DATE": None,
        "ACTIVITY_TREATMENT_FUNCTION_CODE": "110",
        "ORGANISATION_IDENTIFIER_CODE_OF_PROVIDER": provider,
    }


def test_missing_weeks_and_repeated_identifiers_are_said() -> None:
    weeks = [date(2024, 1, 7) + timedelta(days=7 * place) for place in range(12)]
    rows = [_list_row("1", week, date(2024, 1, 2)) for week in weeks if week not in weeks[4:6]]
    rows += [_list_row("2", week, date(2024, 1, 3), "ZZ2") for week in weeks[:6]]
    rows += [_list_row("2", weeks[5], date(2024, 2, 3), "ZZ2")]
    frame = pl.DataFrame(rows, schema_overrides={"FIRST_ACTIVITY_DATE": pl.Date})
    result = ebi.run_measures(frame, SPECIALIST, settings=EXACT)
    text = " ".join(result.warnings)
    assert "2 weekly lists of 1 providers are missing between others" in text
    assert "1 providers sent no list in the last weeks of the data" in text
    assert "2 waits have the identifier of another wait of the same provider" in text
    assert "without outpatient activity, people who were seen and were on no later list count as removed" in text
    # Nobody left: the provider that stopped sending lists is followed until its last one.
    assert result.tables.waits["ended"].to_list() == [0, 0, 0]


def test_people_without_a_pseudonym_are_counted() -> None:
    data = random_waiting(3)
    result = ebi.run_measures(_extracts(data, with_outpatients=True), SPECIALIST, settings=EXACT)
    rows = data.lists.filter(pl.col("ACTIVITY_TREATMENT_FUNCTION_CODE") != "300")["Pseudo_NHS_NUMBER"].null_count()
    assert any(f"{rows} rows have no pseudonym" in text for text in result.warnings)
    lists = [data.lists, data.lists.drop("Pseudo_NHS_NUMBER")]
    known, unknown = (ebi.run_measures(ebi.open(each), SPECIALIST, settings=EXACT) for each in lists)
    assert known.tables.waits.equals(unknown.tables.waits) and known.tables.waits.height > 20


def test_a_second_table_is_found_beside_the_first_and_refused_when_it_is_not(tmp_path: Path) -> None:
    data = random_waiting(1)
    data.referrals.write_parquet(tmp_path / "referrals.parquet")
    with pytest.raises(ebi.ExtractError, match=r"this layout has contacts in a second table.*CYP201CareContact"):
        ebi.open(tmp_path / "referrals.parquet")
    data.contacts.rename({"Contact_Date": "Day"}).write_parquet(tmp_path / "contacts.parquet")
    with pytest.raises(ebi.ExtractError, match="the table of contacts has no column Contact_Date"):
        ebi.open(tmp_path / "referrals.parquet")
    named = ebi.open(tmp_path / "referrals.parquet", columns={"activity_date": "Day"})
    assert named.binding.fields["activity_date"] == ("Day",)
    data.contacts.write_parquet(tmp_path / "CYP201CareContact.parquet")
    assert ebi.open(tmp_path, layout="csds").binding.joined is not None


def _simulated(seed: int, referrals: int, months: int = 6) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return referrals of some months whose waits are log-normal, and the contacts until the end of the data."""
    rng = np.random.default_rng(seed)
    start = rng.integers(0, 30 * months, referrals)
    wait = np.ceil(np.exp(rng.normal(3.4, 0.8, referrals))).astype(np.int64)
    seen = start + wait <= 30 * months
    keys = [str(number) for number in range(referrals)]
    epoch = (NEW_YEAR - date(1970, 1, 1)).days
    first = pl.DataFrame(
        {
            "Unique_ServiceRequestID": keys,
            "Der_Pseudo_NHS_Number": keys,
            "ReferralRequest_ReceivedDate": pl.Series(start + epoch).cast(pl.Int32).cast(pl.Date),
            "TeamType": ["20"] * referrals,
            "OrgID_Provider": ["ZZ1"] * referrals,
        }
    )
    contacts = pl.DataFrame(
        {
            "Unique_ServiceRequestID": keys,
            "Unique_CareContactID": ["1"] * referrals,
            "Contact_Date": pl.Series(start + wait + epoch).cast(pl.Int32).cast(pl.Date),
            "AttendOrDNACode": ["5"] * referrals,
        }
    ).filter(pl.Series(seen))
    return first, contacts


def _ends(first: pl.DataFrame, contacts: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Add a contact of another team on the first day, so that no referral is before the data."""
    row = {"Unique_ServiceRequestID": "end", "Der_Pseudo_NHS_Number": "end", "TeamType": "12", "OrgID_Provider": "ZZ1"}
    ends = pl.DataFrame({**row, "ReferralRequest_ReceivedDate": NEW_YEAR}).select(first.columns)
    contact = pl.DataFrame(_contact(NEW_YEAR, "5", "end")).select(contacts.columns)
    return pl.concat([first, ends]), pl.concat([contacts, contact])


@pytest.mark.long
def test_intervals_cover_the_truth_only_with_those_who_still_wait() -> None:
    """Of 400 data sets, 95 % should cover; of those seen alone hardly any does."""
    rng = np.random.default_rng(99)
    truth = float((np.ceil(np.exp(rng.normal(3.4, 0.8, 2_000_000))) <= 28).mean())
    covered = alone = 0
    runs = 400
    for seed in range(runs):
        first, contacts = _ends(*_simulated(seed, 300))
        result = ebi.run_measures(ebi.open(first, contacts=contacts), COMMUNITY, settings=EXACT)
        row = result.table("waits").filter(field="all").row(0, named=True)
        covered += row["percent_within_lower_95"] <= 100 * truth <= row["percent_within_upper_95"]
        of_seen, seen = row["percent_within_of_seen"] / 100, row["seen"]
        half = 1.96 * (of_seen * (1 - of_seen) / seen) ** 0.5
        alone += of_seen - half <= truth <= of_seen + half
    print(f"coverage with those still waiting {covered / runs:.3f}, of those seen alone {alone / runs:.3f}")
    assert 0.93 <= covered / runs <= 0.97
    assert alone / runs < 0.5


def test_nothing_small_is_shown() -> None:
    first, contacts = _ends(*_simulated(5, 900))
    providers = pl.Series([f"ZZ{place % 40}" for place in range(first.height)])
    first = first.with_columns(OrgID_Provider=providers)
    few = pl.when(pl.int_range(pl.len()) < 5).then(pl.lit("ZZ_FEW")).otherwise("OrgID_Provider")
    first = first.with_columns(OrgID_Provider=few)
    extract = ebi.open(first, contacts=contacts)
    shown = ebi.run_measures(extract, COMMUNITY)
    exact = ebi.run_measures(extract, COMMUNITY, settings=EXACT)
    table = shown.table("waits")
    few_seen = exact.table("waits").filter(pl.col("seen") < 20)
    assert few_seen.height > 0
    hidden = table.join(few_seen.select("field", "value"), on=["field", "value"], nulls_equal=True)
    assert hidden.drop("measure", "field", "value").null_count().row(0) == (hidden.height,) * (hidden.width - 3)
    for column in ("waits", "seen", "left_unseen", "still_waiting"):
        counts = table[column].drop_nulls()
        assert ((counts == 0) | (counts >= 8)).all() and (counts % 5 == 0).all()
    weeks = shown.table("seen_by_week")
    of_all = weeks.filter(provider="all providers")
    steps = (of_all["percent_seen"].diff().drop_nulls() / 100 * 900).round(1)
    assert ((steps == 0) | (steps >= 5)).all(), "a week shows fewer than eight people, rounded to five"
    assert (weeks["at_risk"] % 5 == 0).all()
    assert set(weeks["provider"].unique()) - {"all providers"} <= set(
        table.filter(pl.col("field") == "provider", pl.col("seen").is_not_null())["value"]
    )


def _every_wait_measure() -> list[Measure]:
    return [find(key) for key in (COMMUNITY, SPECIALIST, TREATMENT)]


def test_the_curve_is_that_of_an_independent_computation() -> None:
    """The product-limit estimate, worked out person by person, where nobody leaves unseen."""
    first, contacts = _ends(*_simulated(7, 250))
    result = ebi.run_measures(ebi.open(first, contacts=contacts), COMMUNITY, settings=EXACT)
    waits = result.tables.waits
    rows = [
        (until, ended) for until, ended, count in waits.select("until", "ended", "count").rows() for _ in range(count)
    ]
    expected, still = {}, 1.0
    for day in range(181):
        at_risk = sum(until >= day for until, _ in rows)
        ended_now = sum(until == day and ended == 1 for until, ended in rows)
        still *= 1 - ended_now / at_risk if at_risk else 1
        expected[day] = 100 * (1 - still)
    for week, percent in result.table("seen_by_week").select("week", "percent_seen").iter_rows():
        assert percent == pytest.approx(expected[7 * week], abs=0.051)


def test_different_periods_are_said() -> None:
    data = random_waiting(2)
    later = data.outpatients.with_columns(pl.col("Appointment_Date") + pl.duration(days=60))
    result = ebi.run_measures([ebi.open(data.lists), ebi.open(later)], "did_not_attend", settings=EXACT)
    said = "the extracts cover different days (waiting_list 2024-01-14"
    assert any(text.startswith(said) for text in result.warnings)
