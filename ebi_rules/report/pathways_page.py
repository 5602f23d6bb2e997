"""Make the report of pathways: measures and flows, one HTML file that loads nothing."""

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl
from markupsafe import Markup

from ebi_rules.disclosure.rounding import ABOUT
from ebi_rules.pathways.flow import BEGINS
from ebi_rules.pathways.flow_tables import places
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.pathway_tables import PathwayTables
from ebi_rules.provider_audit.audit_tables import SIGNS
from ebi_rules.provider_audit.percentages import PERCENT
from ebi_rules.provider_audit.table_columns import ALL_PROVIDERS
from ebi_rules.report import charts
from ebi_rules.report.flow_picture import flow_picture
from ebi_rules.report.page_tables import PageTable, Row, counted, page_table
from ebi_rules.report.page_templates import environment, resource
from ebi_rules.report.rule_section import inequalities, titled
from ebi_rules.report.svg_charts import svg
from ebi_rules.rule_model.measure_logic import COUNT, DAYS, WITHIN_DAYS, WITHOUT

_MOST_DRAWN = 8
"""Of so many providers, those with the most pathways, the flow is drawn."""

_FOLLOWED = ["followed", "outcome", *PERCENT]
_RATIOS = ["expected", "standardised_ratio", "ratio_lower_95", "ratio_upper_95", "signal"]
_TREND = ["month", "followed", "outcome", "percent", "mean", "lower", "upper", "signal"]
_NUMBERS = ["mean", "mean_lower_95", "mean_upper_95", "median", "percentile_90"]


def pathways_page(found: PathwayTables) -> str:
    """Give the report of measures and flows as one HTML page."""
    measures = [_measure(found, entry.measure, place) for place, entry in enumerate(found.entries)]
    return (
        environment()
        .get_template("pathways.jinja")
        .render(
            run=found.run,
            exact=found.settings.disclosure == "none",
            disclosure=ABOUT[found.settings.disclosure],
            signs=SIGNS,
            warnings=found.warnings,
            lead=_lead(found),
            overview=_overview(found, measures) if measures else None,
            measures=measures,
            flows=[_flow(found, place) for place in range(len(found.moves))],
            method=_method(found),
            style=Markup(resource("style.css")),
            script=Markup(resource("script.js")),
        )
    )


def _lead(found: PathwayTables) -> str:
    spans = [
        f"{each['dataset']} activity from {each['first_day']} to {each['last_day']}" for each in found.run["extracts"]
    ]
    return "; ".join(spans)[:1].upper() + "; ".join(spans)[1:] + "."


def _overview(found: PathwayTables, sections: Sequence[dict[str, Any]]) -> PageTable:
    table = found.by_file["measures"].filter(provider=ALL_PROVIDERS)
    told = page_table(
        table.rename({"rule": "measure"}),
        "All measures, all providers together",
        ["measure", "index_activity", *_FOLLOWED],
    )
    links = [Markup('<a href="#{}">{}</a>').format(section["key"], section["measure"].title) for section in sections]
    rows = [Row((link, *row.cells[1:])) for row, link in zip(told.rows, links, strict=True)]
    return PageTable(told.caption, told.headings, tuple(rows))


def _measure(found: PathwayTables, measure: Measure, place: int) -> dict[str, Any]:
    """Give all that the page says of one measure."""
    own = pl.col("rule") == measure.key
    shares = found.by_file["measures"].filter(own)
    providers = _named(found, shares.filter(pl.col("provider").ne_missing(ALL_PROVIDERS)))
    told, row = _of_what(measure), shares.filter(provider=ALL_PROVIDERS).row(0, named=True)
    numbers = found.by_file["numbers"].filter(own)
    everyone = found.by_file["trend"].filter(own, pl.col("provider") == ALL_PROVIDERS)
    ranked = charts.ranked(providers, "percent")
    name = f"{measure.title}, per cent {told}"
    return {
        "key": f"measure{place}",
        "measure": measure,
        "figures": list(_figures(row, numbers, measure)),
        "providers_chart": svg(charts.rates(providers, PERCENT, f"per cent {told}"), f"{name}, by provider")
        if ranked.height
        else None,
        "providers": page_table(
            providers,
            f"By provider: index activity, those followed, and those {told}",
            ["provider", "index_activity", *_FOLLOWED, *_RATIOS],
        ),
        "numbers": page_table(_named(found, numbers), _numbers_caption(measure), ["provider", "followed", *_NUMBERS])
        if numbers.height
        else None,
        "trend_chart": svg(charts.trend(everyone, "percent", f"per cent {told}"), f"{name}, by month of the index")
        if everyone["percent"].count()
        else None,
        "trend": page_table(
            everyone.with_columns(pl.col("signal").replace(charts.SIGNAL_WORDS)),
            "All providers by month of the index",
            _TREND,
        ),
        "groups": [_group(found, measure, field, told) for field in found.counts.fields],
        "inequalities": inequalities(found.by_file["inequalities"].filter(own), "followed"),
    }


def _of_what(measure: Measure) -> str:
    """Say what the share of a measure is of."""
    if measure.gives == DAYS:
        return f"who waited more than {WITHIN_DAYS // 7} weeks"
    return "without the outcome" if measure.gives == WITHOUT else "with the outcome"


def _numbers_caption(measure: Measure) -> str:
    return "Days waited, by provider" if measure.gives == DAYS else "Outcomes an index activity, by provider"


def _figures(row: dict[str, Any], numbers: pl.DataFrame, measure: Measure) -> Iterator[tuple[str, str]]:
    """Give the figures that stand first: each with what it is."""
    yield counted(row["index_activity"]), "index activity"
    if measure.window or measure.gives == DAYS:
        yield counted(row["followed"]), "followed"
    told = _of_what(measure)
    yield ("–" if row["percent"] is None else f"{row['percent']:.1f}%"), told
    every = numbers.filter(provider=ALL_PROVIDERS)
    if every.height and every["mean"][0] is not None:
        if measure.gives == COUNT:
            yield f"{every['mean'][0]:.2f}", "outcomes on average"
        else:
            yield f"{every['median'][0]:.0f}", "days, the median"
            yield f"{every['percentile_90'][0]:.0f}", "days, the 90th percentile"


def _named(found: PathwayTables, table: pl.DataFrame) -> pl.DataFrame:
    """Give a table with providers' names, where these are known, and signals in words."""
    signal = [pl.col("signal").replace(charts.SIGNAL_WORDS)] if "signal" in table.columns else []
    return table.with_columns(pl.col("provider").replace(found.settings.names).fill_null("not recorded"), *signal)


def _group(found: PathwayTables, measure: Measure, field: str, told: str) -> dict[str, Any]:
    table = found.by_file[f"by_{field}"].filter(pl.col("rule") == measure.key, pl.col("followed").fill_null(1) > 0)
    labels = pl.Series(field, [charts.value_label(field, value) for value in table[field]], dtype=pl.String)
    name, drawn = titled(field), table["percent"].count()
    return {
        "title": name,
        "chart": svg(charts.breakdown(table, field, PERCENT, f"per cent {told}"), f"{measure.title}, {name.lower()}")
        if 0 < drawn <= charts.MOST_NAMED
        else None,
        "table": page_table(
            table.drop(field).with_columns(labels), f"{name}: those followed and those {told}", [field, *_FOLLOWED]
        ),
    }


def _flow(found: PathwayTables, place: int) -> dict[str, Any]:
    """Give all that the page says of one flow."""
    flow, _ = found.moves[place]
    moved = found.by_file["flow"].filter(flow=flow.key)
    stages = found.by_file["flow_stages"].filter(flow=flow.key)
    quarters = found.by_file["flow_quarters"].filter(flow=flow.key)
    begun = stages.filter(pl.col("stage") == BEGINS, pl.col("provider").ne_missing(ALL_PROVIDERS))
    largest = begun.filter(pl.col("entered").is_not_null()).top_k(_MOST_DRAWN, by="entered")["provider"].to_list()
    overall, names = stages.filter(provider=ALL_PROVIDERS), found.settings.names
    return {
        "key": f"flow{place}",
        "flow": flow,
        "figures": [
            (counted(entered), "pathways" if stage == BEGINS else stage)
            for stage, entered in overall.select("stage", "entered").iter_rows()
            if stage in (BEGINS, *flow.ends)
        ],
        "picture": picture(found, place, ALL_PROVIDERS),
        "moves": page_table(
            moved.filter(provider=ALL_PROVIDERS),
            "From stage to stage, all providers together",
            ["step", "from", "to", "pathways", "of", *PERCENT],
        ),
        "stages": page_table(
            overall, "How many come to each stage, all providers together", ["stage", "entered", "per_100_pathways"]
        ),
        "providers": _wide(
            _named(found, stages.filter(pl.col("provider").ne_missing(ALL_PROVIDERS))),
            "provider",
            "Per 100 pathways that begin at a provider",
        ),
        "provider_pictures": [
            (names.get(provider, provider) or "not recorded", picture(found, place, provider)) for provider in largest
        ],
        "quarters_chart": svg(
            charts.by_quarter(quarters.filter(pl.col("stage") != BEGINS)),
            f"Per 100 pathways, by quarter of their beginning, {flow.title}",
        )
        if quarters["per_100_pathways"].count()
        else None,
        "quarters": _wide(quarters, "quarter", "Per 100 pathways, by the quarter in which they begin"),
    }


def picture(found: PathwayTables, place: int, provider: str | None) -> Markup | None:
    """Draw one flow, the first being 0, of all providers or of one; None where nothing may be shown of it."""
    (flow, _), shown = found.moves[place], found.flow_cells[place]
    own = found.by_file["flow"].filter(pl.col("flow") == flow.key, pl.col("provider").eq_missing(provider))
    if not own.height:
        return None
    who = provider or "provider not recorded"
    return svg(flow_picture(own, places(shown, provider), flow), f"{flow.title}, {who}")


def _wide(table: pl.DataFrame, by: str, caption: str) -> PageTable:
    """Give a row a provider or quarter, a column a stage: how many of 100 pathways come to it."""
    long = page_table(table, "", [by, "stage", "entered", "per_100_pathways"])
    stages = [stage for stage in table["stage"].unique(maintain_order=True) if stage != BEGINS]
    cells = {(row.cells[0], row.cells[1]): row.cells for row in long.rows}
    rows = []
    for who in dict.fromkeys(row.cells[0] for row in long.rows):
        given = [cells[who, stage][3] for stage in stages]
        rows.append(Row((who, cells[who, BEGINS][2], *given)))
    headings = [(by, False), ("pathways", True), *((stage, True) for stage in stages)]
    return PageTable(caption, tuple(headings), tuple(rows))


def _method(found: PathwayTables) -> list[str]:
    """Say how figures were made."""
    said = [
        "Activity of one person is found by its pseudonym. A window is in whole days; on one day the index comes "
        "first.",
        "Followed is an index activity whose whole window lies within the data; others are set apart, and never count "
        "as no.",
        "Intervals of shares are Wilson's, of counts Byar's. Ratios are indirectly standardised by age and sex, or "
        "what --adjust named; funnel signals as in the audit's report.",
        "Trends are XmR charts. In limits and means a suppressed count stands in as 4.",
    ]
    for flow, _ in found.moves:
        said.append(
            f"{flow.title}: a pathway is lost to view when nothing follows for more than {flow.lost_after} "
            "days, and still in view when the data end before that. Those whose first activity comes in the "
            f"first {flow.lost_after} days of data may have begun earlier, and are left out. Visits in a row "
            "to one stage are one; on one day stages have their order in the list."
        )
    return said
