"""Files to fill in: a rule from the programme's page, and a policy, a measure or a layout (`ebi-rules new`)."""

import re
from string import Template

from ebi_rules._support.errors import UsageError
from ebi_rules._support.package_data import data_folder
from ebi_rules.rule_model.rule_documentation import Intervention

PLACEHOLDER = re.compile("FILL[ -]IN")
"""What stands in a new file wherever something is to be filled in; lint reports what is left."""

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


def rule_template(intervention: Intervention) -> tuple[str, str]:
    """Return the key of a new rule for an intervention, and the text of its file, to be filled in.

    Example:
        >>> from ebi_rules.rule_model.catalogue import interventions
        >>> rule_template(interventions()[1])[0]
        '1B_dilatation_and_curettage_for_heavy_menstrual_bleeding'
    """
    words = re.sub(r"\([^)]*\)", "", intervention.title).lower()
    slug = re.sub(r"[^a-z0-9]+", "_", words).strip("_")[:60].rstrip("_")
    key = f"{intervention.letter}_{slug}"
    template = Template((data_folder("templates") / "rule.toml").read_text(encoding="utf-8"))
    text = template.substitute(
        letter=intervention.letter,
        title=intervention.title,
        list_number=intervention.list_number,
        where=intervention.where_coded,
        key=key,
    )
    return key, text


def definition_template(kind: str, key: str) -> str:
    """Return the text of a new policy, measure or layout, which works as it stands and is to be changed.

    Args:
        kind: policy, measure or layout.
        key: Its key.

    Raises:
        UsageError: The key is no name.

    Example:
        >>> definition_template("layout", "our-extract").splitlines()[6]
        'name = "our-extract"'
    """
    if not _KEY.fullmatch(key):
        raise UsageError(f"{key}: a key is made of letters, digits, - and _, and begins with a letter or digit.")
    template = Template((data_folder("templates") / f"{kind}.toml").read_text(encoding="utf-8"))
    return template.substitute(key=key)
