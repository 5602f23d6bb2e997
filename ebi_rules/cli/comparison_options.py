"""The options that say how an audit compares providers, and with what."""

import click

from ebi_rules.cli.options import adjust_option, combined, disclosure_option, merge_option, names_option

comparison_options = combined(
    disclosure_option,
    names_option,
    merge_option,
    click.option(
        "--population",
        type=click.Path(),
        metavar="FILE",
        help="People, for rates per 100,000: CSV with area, age_band, sex, count.",
    ),
    click.option(
        "--standard",
        type=click.Path(),
        metavar="FILE",
        help="Rates to standardise by: CSV with rule, age_band, sex, eligible, flagged; by default those of all "
        "providers together.",
    ),
    adjust_option,
    click.option(
        "--casemix",
        default="auto",
        show_default=True,
        metavar="METHOD",
        help="How to adjust: strata, model (logistic; needs statsmodels), or auto, which uses the model if strata are "
        "thin.",
    ),
    click.option(
        "--compare-unfit",
        is_flag=True,
        help="Compare providers also by rules that are not fit for it (count and unsafe in ebi-rules rules).",
    ),
    click.option(
        "--most-different",
        default=0.5,
        show_default=True,
        metavar="DISTANCE",
        help="No signal for a provider whose treatment functions differ by more from those of all others (0 to 1).",
    ),
    click.option(
        "--least-within",
        default=0.1,
        show_default=True,
        metavar="SHARE",
        help="No signal for a provider with a smaller share of its activity within what the rule compares (0 to 1).",
    ),
    click.option(
        "--fewest-expected",
        default=10.0,
        show_default=True,
        metavar="NUMBER",
        help="With --by consultant or referrer, show only those with at least this expected count.",
    ),
    click.option(
        "--real-codes",
        is_flag=True,
        help="Show codes of consultants and referrers; by default pseudonyms, new in every run.",
    ),
    click.option(
        "--overdispersion",
        default="winsorised",
        show_default=True,
        metavar="METHOD",
        help="How signals allow for normal differences between providers: winsorised, shmi, cqc or none.",
    ),
    click.option(
        "--trim", default=0.1, show_default=True, help="Share of providers at each end with little influence on it."
    ),
    click.option(
        "--baseline", type=int, metavar="MONTHS", help="Fix the mean and limits of a trend after this many months."
    ),
    click.option(
        "--benchmark",
        metavar="WHICH",
        help="Also say how much is above a benchmark: p25 (or another percentile of providers' rates), median, a rate "
        "per 1,000, or a CSV file with rule, rate_per_1000, source.",
    ),
    click.option(
        "--prices",
        type=click.Path(),
        metavar="FILE",
        help="Prices for what is above the benchmark: CSV with rule, price, from, to (months).",
    ),
    click.option(
        "--comparators",
        type=click.Path(),
        metavar="FILE",
        help="Published rates to show beside yours: CSV with rule, rate_per_1000, source.",
    ),
    click.option(
        "--direction",
        metavar="WAY",
        help="Colour trends as improvement and concern: lower or higher rates are better. By default neither is.",
    ),
    click.option(
        "--rebase", multiple=True, metavar="MONTH", help="Start a new mean and limits in this month (2024-04)."
    ),
)
