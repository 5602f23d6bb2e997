"""Export a rule's code lists for other tools: as CSV that OpenCodelists reads, and as FHIR R4 value sets.

Our lists contain prefixes. With the user's own classification files each prefix becomes the codes that it covers.
Without them the prefix itself is exported; in a value set, a filter covers the codes under it.
"""

import csv
import io
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ebi_rules.criteria.nodes import NamedCodes, NamedImagingCodes
from ebi_rules.rule_model.rule import Rule
from ebi_rules.translate.english import heading, with_dot
from opcs_icd import ICD10, OPCS4, ImagingSystem
from opcs_icd.reference import Reference

_SYSTEMS = {OPCS4: "https://fhir.hl7.org.uk/CodeSystem/OPCS-4", ICD10: "http://hl7.org/fhir/sid/icd-10-uk"}
"""The addresses under which the NHS terminology server keeps the classifications."""

_SNOMED = "http://snomed.info/sct"


def csv_codes(rule: Rule, reference: Reference | None = None) -> str:
    """Return the codes of a rule as CSV.

    Args:
        rule: The rule.
        reference: The user's own classification files, for titles and to expand prefixes.

    Returns:
        The columns code (without a dot), term (the title, may be empty) and category (the code list; of imaging codes
        also the kind, as one list has NICIP and SNOMED CT codes).
    """
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(["code", "term", "category"])
    for named in rule.logic.code_lists():
        for code in _codes(named, reference):
            writer.writerow([code, rule.documentation.code_title(named.system, code, reference) or "", named.name])
    for imaging in rule.logic.imaging_lists():
        category = f"{imaging.name} ({imaging.system.value})"
        writer.writerows([code, "", category] for code in imaging.codes)
    return target.getvalue()


def value_sets(rule: Rule, reference: Reference | None = None) -> str:
    """Return the code lists of a rule as a FHIR R4 Bundle of ValueSet resources, in JSON.

    NICIP has no code system in FHIR that we know of: of imaging codes, the SNOMED CT codes are exported.

    Args:
        rule: The rule.
        reference: The user's own classification files, for titles and to expand prefixes.

    Source:
        HL7 FHIR R4, ValueSet (https://hl7.org/fhir/R4/valueset.html).
    """
    entries = [
        {"fullUrl": f"urn:uuid:{_identity(rule, named)}", "resource": _value_set(rule, named, reference)}
        for named in rule.logic.code_lists()
    ]
    entries += [
        {"fullUrl": f"urn:uuid:{_identity(rule, named)}", "resource": _imaging_value_set(rule, named)}
        for named in rule.logic.imaging_lists()
        if named.system is ImagingSystem.SNOMED
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    return json.dumps(bundle, indent=2, ensure_ascii=False) + "\n"


FORMATS: Mapping[str, Callable[[Rule, Reference | None], str]] = {"csv": csv_codes, "fhir": value_sets}
"""The functions that export a rule's code lists, by the name of the format."""


def _codes(named: NamedCodes, reference: Reference | None) -> list[str]:
    """Return the codes that a list covers or, if no classification file has them, its prefixes."""
    expanded = reference.expand(named.codes) if reference else []
    return expanded or list(named.codes.prefixes)


def _value_set(rule: Rule, named: NamedCodes, reference: Reference | None) -> dict[str, Any]:
    return _resource(rule, named, list(_includes(rule, named, reference)))


def _imaging_value_set(rule: Rule, named: NamedImagingCodes) -> dict[str, Any]:
    return _resource(rule, named, [{"system": _SNOMED, "concept": [{"code": code} for code in named.codes]}])


def _resource(rule: Rule, named: NamedCodes | NamedImagingCodes, includes: list[dict[str, Any]]) -> dict[str, Any]:
    edition = re.match(r"\d{4}(-\d{2})?", rule.edition_name)
    return {
        "resourceType": "ValueSet",
        "id": str(_identity(rule, named)),
        "url": f"urn:uuid:{_identity(rule, named)}",
        "version": rule.edition_name,
        "name": "".join(part.capitalize() for part in re.split(r"\W|_", f"ebi_{rule.key}_{named.name}")),
        "title": f"{rule.title}: {heading(named.name, rule.documentation.words)}",
        "status": "draft" if rule.documentation.status == "local" else "active",
        "experimental": False,
        **({"date": edition[0]} if edition else {}),
        "description": f"Code list {named.name} of the rule {rule.key}. Source: {rule.documentation.source}",
        "compose": {"include": includes},
    }


def _includes(rule: Rule, named: NamedCodes, reference: Reference | None) -> Iterator[dict[str, Any]]:
    """Return whole codes as concepts, and a filter for each prefix that covers the codes under it."""
    expanded = bool(reference and reference.expand(named.codes))
    codes = _codes(named, reference)
    whole = [code for code in codes if expanded or len(code) > 3]
    system = _SYSTEMS[named.system]
    if whole:
        concepts = []
        for code in whole:
            title = rule.documentation.code_title(named.system, code, reference)
            concepts.append({"code": with_dot(code), **({"display": title} if title else {})})
        yield {"system": system, "concept": concepts}
    for code in codes:
        if code not in whole:
            yield {"system": system, "filter": [{"property": "code", "op": "regex", "value": rf"{code}(\..*)?"}]}


def _identity(rule: Rule, named: NamedCodes | NamedImagingCodes) -> uuid.UUID:
    content = f"{rule.key} {rule.edition_name} {rule.variant_name} {named.name} {named.codes}"
    return uuid.uuid5(uuid.NAMESPACE_URL, content)
