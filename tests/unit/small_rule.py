"""A rule file with one criterion, for tests about rule files."""


def rule_text(key: str = "x", title: str = "Scan", head: str = "", spine: str = '["U055"]', more: str = "") -> str:
    """Return the text of a rule file: what is outpatient imaging of the spine is in scope.

    Args:
        key: The key of the rule.
        title: Its title.
        head: Another line of its head.
        spine: The code list, which is on line 10.
        more: Another criterion.
    """
    return f"""\
key = "{key}"
title = "{title}"
dataset = "outpatient"
status = "local"
source = "Made up for a test, 2026"
edition = "2026-01"
{head}

[codes.opcs]
spine = {spine}

[criteria]
imaging = "procedure(spine)"
{more}

[[examples]]
about = "MRI of the spine"
activity = {{ procedures = ["U055"], age = 40 }}
flagged = true

[[examples]]
about = "another scan"
activity = {{ procedures = ["U132"], age = 40 }}
flagged = false
stopped_by = "imaging"
"""
