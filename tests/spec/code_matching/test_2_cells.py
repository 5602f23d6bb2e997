"""How codes stand in cells"""

from collections.abc import Callable

Spec = Callable[..., None]
SPINE = {"spine": ["U05[45]"]}


def test_how_codes_stand_in_one_text(spec: Spec) -> None:
    """Any run of commas, bars, semicolons and blanks is one boundary, at the ends too."""
    spec(
        "procedure(spine)",
        opcs=SPINE,
        raw=True,
        table="""
        procedures            ¦ holds
        ||U054,Z665           ¦ yes
        ||Y981 ,U054 ,Z665    ¦ yes
        ||Y981||U054||        ¦ yes
        Y981|U054             ¦ yes
        Y981;U054             ¦ yes
        Y981 U054             ¦ yes
        ||,,U054              ¦ yes
        ,U05.4,               ¦ yes
        ||Y981,Z665           ¦ no
        Y981_U054             ¦ no
        Y981/U054             ¦ no
        ||                    ¦ no
        """,
    )


def test_what_is_no_code(spec: Spec) -> None:
    """Empty text, separators alone, texts such as NULL and NA, the fillers - and &, and X997 to X999 are no codes."""
    spec(
        "procedure_recorded",
        raw=True,
        table="""
        procedures    ¦ holds
        U054          ¦ yes
        ||Q           ¦ yes
        NULL,U054     ¦ yes
        U054,X999     ¦ yes
        Z665          ¦ yes
        U132||NA      ¦ yes
        NULLS         ¦ yes
        --            ¦ yes
                      ¦ no
        ""            ¦ no
        " "           ¦ no
        "||"          ¦ no
        NULL          ¦ no
        null          ¦ no
        ||NULL,NULL|| ¦ no
        -             ¦ no
        &             ¦ no
        -,&           ¦ no
        NA            ¦ no
        nan           ¦ no
        None          ¦ no
        N/A           ¦ no
        X999          ¦ no
        X99.7,NA      ¦ no
        x998          ¦ no
        """,
    )


def test_what_is_no_code_in_cells(spec: Spec) -> None:
    """The same where every code has a cell of its own."""
    spec(
        "diagnosis_recorded",
        table="""
        diagnoses ¦ holds
        M545      ¦ yes
        - M545    ¦ yes
        NULL M545 ¦ yes
        -         ¦ no
        NULL      ¦ no
        - &       ¦ no
                  ¦ no
        """,
    )
