"""Codes"""

from collections.abc import Callable

Spec = Callable[..., None]

_LAYOUTS = ["dids-v1"]
_KNEE = {"knee": ["MKNE[BLR]"]}


def test_either_code_is_enough(spec: Spec) -> None:
    """A list of NICIP codes is met by their SNOMED CT codes too. Where the two codes disagree, either is enough."""
    spec(
        "examination(knee)",
        nicip=_KNEE,
        layouts=_LAYOUTS,
        table="""
        nicip ¦ snomed        ¦ holds
        MKNEL ¦               ¦ yes
              ¦ 2471000087103 ¦ yes
        MKNEL ¦ 2471000087103 ¦ yes
        MKNEL ¦ 241648005     ¦ yes
        MLUSP ¦ 2471000087103 ¦ yes
        MLUSP ¦ 241648005     ¦ no
              ¦               ¦ no
        """,
    )
    spec(
        "NOT examination(knee)",
        nicip=_KNEE,
        layouts=_LAYOUTS,
        table="nicip ¦ snomed ¦ holds\nMLUSP ¦ 2471000087103 ¦ no\nMLUSP ¦ ¦ yes\n ¦ ¦ yes",
    )


def test_codes_are_compared_whole(spec: Spec) -> None:
    """A longer code is another examination: with contrast, or of another part. Case and blanks make no difference."""
    spec(
        "examination(lumbar)",
        nicip={"lumbar": ["MLUSP"]},
        layouts=_LAYOUTS,
        table="""
        nicip    ¦ snomed     ¦ holds
        MLUSP    ¦            ¦ yes
        mlusp    ¦            ¦ yes
        " MLUSP" ¦            ¦ yes
        MLUSPC   ¦            ¦ no
        MLUS     ¦            ¦ no
        NULL     ¦            ¦ no
                 ¦ 241648005  ¦ yes
                 ¦ 2416480051 ¦ no
        """,
    )


def test_a_list_of_snomed_ct_codes(spec: Spec) -> None:
    """A list of SNOMED CT codes is met by every NICIP code that stands for one of them."""
    spec(
        "examination(knee)",
        snomed={"knee": ["241504009"]},
        layouts=_LAYOUTS,
        table="""
        nicip ¦ snomed    ¦ holds
              ¦ 241504009 ¦ yes
        UKNEL ¦           ¦ yes
        UKNER ¦           ¦ yes
        MKNEL ¦           ¦ no
        """,
    )


def test_an_extract_with_one_kind_of_code(spec: Spec) -> None:
    """Where an extract has only one kind of code, the other is missing in every row."""
    spec("examination(knee)", nicip=_KNEE, layouts=_LAYOUTS, table="nicip ¦ holds\nMKNEL ¦ yes\nMLUSP ¦ no")
    spec(
        "examination(knee)", nicip=_KNEE, layouts=_LAYOUTS, table="snomed ¦ holds\n2471000087103 ¦ yes\n241648005 ¦ no"
    )
