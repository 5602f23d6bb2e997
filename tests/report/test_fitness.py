"""What a rule may be used for decides whether providers are compared by it, and where it is shown."""

import re
from pathlib import Path

import polars as pl
import pytest

import ebi_rules as ebi
from ebi_rules.provider_audit.signals import NOT_FIT
from ebi_rules.rule_model.catalogue import rules
from ebi_rules.rule_model.rule_documentation import FITNESS, NOT_STATED
from ebi_rules.synth.made_up_extract import write_extract

RULES = ["1O", "1A", "1M", "2N"]
UNSAFE, COUNTED = "1O_ganglion_excision", "1M_carpal_tunnel_release"
COMPARING = ["expected", "standardised_ratio", "ratio_lower_95", "ratio_upper_95", "signal"]


@pytest.fixture(scope="module")
def extract(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fitness") / "apc.parquet"
    write_extract(path, 20_000, layout="hes-apc")
    return path


@pytest.fixture(scope="module")
def audit(extract: Path) -> ebi.Audit:
    return ebi.audit(extract, RULES, settings=ebi.Settings(disclosure="none"))


def test_every_rule_says_what_it_may_be_used_for() -> None:
    for rule in rules():
        for edition in (rule, *rule.editions.values()):
            fitness = edition.documentation.fitness
            assert fitness.use in FITNESS
            assert fitness.reason.endswith(".")
    unsafe = {rule.key for rule in rules() if rule.documentation.fitness.is_unsafe}
    assert unsafe == {"1O_ganglion_excision", "2H_cystoscopy", "2R_appendicectomy"}


@pytest.mark.parametrize("key", [UNSAFE, COUNTED])
def test_providers_are_not_compared_by_a_rule_that_is_not_fit(audit: ebi.Audit, key: str) -> None:
    table = audit.providers.filter(rule=key)
    assert table["flagged"].sum() > 0
    assert set(table["not_judged"]) == {NOT_FIT}
    assert table.select(pl.col(COMPARING).count()).row(0) == (0,) * len(COMPARING)


def test_a_ceiling_is_compared(audit: ebi.Audit) -> None:
    assert audit.providers.filter(rule="2N_colonoscopy")["standardised_ratio"].count() > 0


def test_they_are_compared_when_asked(extract: Path) -> None:
    asked = ebi.audit(extract, RULES, settings=ebi.Settings(disclosure="none", compare_unfit=True))
    assert asked.providers.filter(rule=UNSAFE)["standardised_ratio"].count() > 0
    assert asked.run["shown"]["compare_unfit"] is True


def test_unsafe_rules_come_last_and_apart(audit: ebi.Audit, tmp_path: Path) -> None:
    assert [entry["key"] for entry in audit.run["rules"]][-1] == UNSAFE
    audit.write(tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text()
    overview, _, rest = page.partition("Not safe to use")
    _, _, overview = overview.partition('<table id="overview"')
    rows, _, _ = overview.partition("</table>")
    cards = re.findall(r'<h3><a href="#([^"]+)"', page)
    linked = set(re.findall(r'href="#([^"]+)"', rows))
    sections = re.findall(r'<section id="(rule\d+)" class="one">', page)
    assert linked == set(cards) == set(sections[:-1]), (
        "the overview has a row of each rule but the unsafe one, which is the last"
    )
    assert "Providers are not compared by this rule. Not safe to use" in rest
    signals = {key: _last_cells(rows, key) for key in linked}
    counted = sections[[entry["key"] for entry in audit.run["rules"]].index(COUNTED)]
    assert all(not re.search(r"\d", cell) for cell in signals.pop(counted)), "no signals of a rule that is only counted"
    assert all(re.search(r"\d", cell) for cells in signals.values() for cell in cells)
    for section in sections[:-1]:
        drawn = "Rates by provider, ranked" in _section(page, section)
        assert drawn == (section != counted), "only rates that are compared are drawn"


def _last_cells(rows: str, key: str) -> list[str]:
    """Return the cells with signals of a rule's row in the overview."""
    (row,) = [row for row in rows.split("<tr") if f'href="#{key}"' in row]
    return re.findall(r"<td[^>]*>(.*?)</td>", row, re.S)[-2:]


def _section(page: str, key: str) -> str:
    return page.partition(f'<section id="{key}" class="one">')[2].partition("</section>")[0]


def test_a_rule_without_fitness_is_refused_unless_it_is_local(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "fixtures" / "as_written" / "2K.cur.toml").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("fitness")]
    path = tmp_path / "rule.toml"
    path.write_text("\n".join(lines))
    with pytest.raises(ebi.RuleError, match="the entry fitness is missing"):
        ebi.rules(path)
    path.write_text("\n".join(lines).replace('status = "ported"', 'status = "local"'))
    (rule,) = ebi.rules(path)
    assert rule.documentation.fitness == NOT_STATED
