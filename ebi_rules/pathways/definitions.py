"""The pathway measures and flows: one TOML file each, found by key."""

from collections.abc import Iterable
from pathlib import Path

from ebi_rules.pathways.definition_files import Definitions
from ebi_rules.pathways.flow import Flow
from ebi_rules.pathways.flow_parser import parse_flow
from ebi_rules.pathways.measure import Measure
from ebi_rules.pathways.measure_parser import parse_measure
from ebi_rules.rule_model.catalogue import rule
from ebi_rules.rule_model.coded_source import SharedDefinitions

MeasureNames = str | Path | Measure | Iterable[str | Path | Measure]
"""Measures, keys of measures, or folders and files with measures; one or several."""

FlowNames = str | Path | Flow | Iterable[str | Path | Flow]
"""Flows, keys of flows, or folders and files with flows; one or several."""


def measure(name: str) -> Measure:
    """Return a pathway measure by its key.

    Raises:
        UsageError: There is no measure of that key.

    Example:
        >>> measure("re_entry").gives
        'share'
    """
    return MEASURES.find(name)


def measures(names: MeasureNames | None = None) -> list[Measure]:
    """Return several measures, each once.

    Args:
        names: Keys, measures, or folders and files with measures; one or several. Without names, all measures of the
            package.

    Raises:
        UsageError: A key is unknown, or a folder has no measures.
        RuleError: A file is wrong.

    Example:
        >>> [measure.key for measure in measures("re_entry")]
        ['re_entry']
    """
    return MEASURES.find_all(names)


def flow(name: str) -> Flow:
    """Return a flow by its key.

    Raises:
        UsageError: There is no flow of that key.

    Example:
        >>> flow("musculoskeletal").key
        'musculoskeletal'
    """
    return FLOWS.find(name)


def flows(names: FlowNames | None = None) -> list[Flow]:
    """Return several flows, each once.

    Args:
        names: Keys, flows, or folders and files with flows; one or several. Without names, all flows of the package.

    Raises:
        UsageError: A key is unknown, or a folder has no flows.
        RuleError: A file is wrong.

    Example:
        >>> [flow.key for flow in flows()]
        ['musculoskeletal']
    """
    return FLOWS.find_all(names)


def _parse_measure(content: str, file: str, shared: SharedDefinitions) -> Measure:
    return parse_measure(content, file, shared, rule)


def _parse_flow(content: str, file: str, shared: SharedDefinitions) -> Flow:
    return parse_flow(content, file, shared, rule)


MEASURES = Definitions("measure", "measures", _parse_measure)
FLOWS = Definitions("flow", "flows", _parse_flow)
