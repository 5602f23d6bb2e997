"""Made-up rows of imaging, community care, emergency care and waiting lists, from the events of people's stories."""

from collections.abc import Iterator
from datetime import date, timedelta

import polars as pl

from ebi_rules.synth.event_kinds import GONE, KINDS, SEEN_ON_LIST, STAYS

TABLES = ("imaging", "community", "contacts", "emergency", "waiting_list")
"""The tables, by the names of their files; contacts are the second table of community care."""

_KINDS = list(KINDS.values())
_OTHER_TEAM = "12"
_DAYS_TO_REPORT = 3
_PLANNED = "4"

_PERSON = {"patient": "Der_Pseudo_NHS_Number", "sex": "Sex", "ethnic_category": "Ethnic_Category"}


def neighbour_rows(frame: pl.DataFrame, ends: pl.DataFrame, last_day: date) -> Iterator[tuple[str, pl.DataFrame]]:
    """Yield each table with its rows.

    Args:
        frame: The events of people: kind (its place in `KINDS`), key, activity_date, referral_date, and the values of
            the person.
        ends: Rows of the same form on the first and the last day of the data, which no measure counts; none for the
            later parts of a population.
        last_day: The last day of the data.
    """
    yield "imaging", _imaging(_of(frame, "imaging"), ends)
    community = _of(frame, "community")
    yield "community", _referrals(community, ends)
    yield "contacts", _contacts(community, ends)
    yield "emergency", _emergency(_of(frame, "emergency"), ends)
    yield "waiting_list", _lists(_of(frame, "waiting_list"), ends, last_day)


def _of(frame: pl.DataFrame, dataset: str) -> pl.DataFrame:
    places = [place for place, kind in enumerate(_KINDS) if kind.dataset == dataset]
    return frame.filter(pl.col("kind").is_in(places))


def _by_kind(name: str) -> pl.Expr:
    """Return an attribute of each row's kind of event."""
    values = pl.Series([getattr(kind, name) for kind in _KINDS])
    return pl.lit(values).gather(pl.col("kind")).alias(name)


def _key(letter: str) -> pl.Expr:
    return pl.format("{}{}", pl.lit(letter), "key")


def _imaging(rows: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """Return examinations in the layout dids-icb; x-rays on the first and the last day."""
    rows = pl.concat([rows.with_columns(_by_kind("nicip")), ends.with_columns(nicip=pl.lit("XKNEL"))], how="diagonal")
    day = pl.col("activity_date")
    return rows.select(
        _key("A").alias("RadiologicalAccessionNumber"),
        pl.col("patient").alias("PatientPseudonym"),
        pl.col("referral_date").alias("DiagnosticTestRequestDateTime"),
        day.alias("DiagnosticTestDateTime"),
        (day + pl.duration(days=_DAYS_TO_REPORT)).alias("ServiceReportIssueDateTime"),
        pl.col("nicip").alias("ImagingCodeNICIP"),
        pl.lit("04").alias("PatientSourceType"),
        pl.col("provider").alias("ProviderCode"),
        pl.col("age").alias("AgeAtTest"),
        pl.col("sex").alias("PersonGenderCodeCurrent"),
        pl.col("ethnic_category").alias("EthnicCategory"),
    )


def _referrals(rows: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """Return referrals in the layout csds."""
    rows = rows.with_columns(_by_kind("closed"), _by_kind("team"))
    ends = ends.with_columns(closed=pl.lit(False), team=pl.lit(_OTHER_TEAM), referral_date=pl.col("activity_date"))
    every = pl.concat([rows, ends], how="diagonal")
    return every.select(
        _key("R").alias("Unique_ServiceRequestID"),
        pl.col("referral_date").alias("ReferralRequest_ReceivedDate"),
        pl.when("closed").then("activity_date").alias("ReferralClosure_Date"),
        pl.col("team").alias("TeamType"),
        pl.col("provider").alias("OrgID_Provider"),
        pl.col("age").alias("Age_ReferralRequest_ReceivedDate"),
        pl.col("priority").alias("PriorityType"),
        pl.col("patient").alias("Der_Pseudo_NHS_Number"),
        pl.col("sex").alias("Sex"),
        pl.col("ethnic_category").alias("EthnicCategory"),
    )


def _contacts(rows: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """Return contacts in the layout csds; the numbers of contacts begin anew in every referral."""
    parts = [ends.with_columns(number=pl.lit("1"), status=pl.lit("5"))]
    for place, kind in enumerate(_KINDS):
        for number, (offset, status) in enumerate(kind.contacts, start=1):
            day = pl.col("activity_date") + pl.duration(days=offset)
            of_kind = rows.filter(pl.col("kind") == place)
            status_of_rows = pl.lit(status, pl.String)
            parts.append(of_kind.with_columns(activity_date=day, number=pl.lit(str(number)), status=status_of_rows))
    return pl.concat(parts, how="diagonal").select(
        _key("R").alias("Unique_ServiceRequestID"),
        pl.col("number").alias("Unique_CareContactID"),
        pl.col("activity_date").alias("Contact_Date"),
        pl.col("status").alias("AttendOrDNACode"),
    )


def _emergency(rows: pl.DataFrame, ends: pl.DataFrame) -> pl.DataFrame:
    """Return attendances in the layout ecds; planned ones on the first and the last day."""
    rows = rows.with_columns(_by_kind("category"))
    every = pl.concat([rows, ends.with_columns(category=pl.lit(_PLANNED))], how="diagonal")
    return every.select(
        _key("E").alias("EC_Ident"),
        *(pl.col(name).alias(column) for name, column in _PERSON.items()),
        pl.col("activity_date").alias("Arrival_Date"),
        pl.lit("01").alias("EC_Department_Type"),
        pl.col("category").alias("EC_AttendanceCategory"),
        pl.col("provider").alias("Der_Provider_Code"),
        pl.col("age").alias("Age_At_Arrival"),
    )


def _lists(rows: pl.DataFrame, ends: pl.DataFrame, last_day: date) -> pl.DataFrame:
    """Return the entries of weekly lists in the layout wlmds: one row for each week that a pathway is on the list.

    Every provider has a list each week, because one pathway of another kind is always on it.
    """
    rows = rows.with_columns(_by_kind("listed"), function=pl.col("treatment_function"))
    if ends.height:
        first_day = ends["activity_date"].min()
        always = ends.unique("provider").with_columns(
            activity_date=pl.lit(first_day),
            referral_date=pl.lit(first_day),
            listed=pl.lit(STAYS),
            function=pl.lit("300"),
        )
        rows = pl.concat([rows, always], how="diagonal")
    day, until = pl.col("activity_date"), pl.lit(sunday_before(last_day + timedelta(days=1)))
    last_list = (
        pl.when(pl.col("listed") == SEEN_ON_LIST)
        .then(_sunday_from(day))
        .when(pl.col("listed") == GONE)
        .then(_sunday_from(day) - pl.duration(days=7))
        .otherwise(until)
    )
    weeks = pl.date_ranges(_sunday_from(pl.col("referral_date")), pl.min_horizontal(last_list, until), interval="1w")
    every = rows.with_columns(week=weeks).explode("week").drop_nulls("week").sort("week", "key")
    seen = pl.when((pl.col("listed") == SEEN_ON_LIST) & (pl.col("week") >= day)).then(day)
    return every.select(
        _key("P").alias("PATIENT_PATHWAY_IDENTIFIER"),
        pl.col("patient").alias("Pseudo_NHS_NUMBER"),
        pl.col("week").alias("Week_Ending_Date"),
        pl.col("referral_date").alias("REFERRAL_REQUEST_RECEIVED_DATE"),
        pl.col("referral_date").alias("REFERRAL_TO_TREATMENT_PERIOD_START_DATE"),
        seen.alias("REFERRAL_TO_TREATMENT_PERIOD_END_DATE"),
        seen.alias("FIRST_ACTIVITY_DATE"),
        pl.col("function").alias("ACTIVITY_TREATMENT_FUNCTION_CODE"),
        pl.lit("ORTT").alias("Waiting_List_Type"),
        pl.col("priority").alias("PRIORITY_TYPE_CODE"),
        pl.col("provider").alias("ORGANISATION_IDENTIFIER_CODE_OF_PROVIDER"),
        pl.col("age").alias("der_Age_at_Referral_To_Treatment_Period_Start_Date"),
        pl.col("sex").alias("PERSON_STATED_GENDER_CODE"),
        pl.col("ethnic_category").alias("ETHNIC_CATEGORY"),
    )


def _sunday_from(day: pl.Expr) -> pl.Expr:
    """Return the first Sunday on or after a day."""
    return day + pl.duration(days=7 - day.dt.weekday())


def sunday_before(day: date) -> date:
    """Return the last Sunday before a day."""
    return day - timedelta(days=day.isoweekday())
