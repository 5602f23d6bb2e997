"""Texts are numbered, and questions about them answered, the same whatever the batches, the threads and the memory."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ebi_rules as ebi
from ebi_rules.criteria.nodes import FollowedBy, HasCode, NamedCodes, Position
from ebi_rules.engines import cube_dimensions
from ebi_rules.engines.code_tokens import Codes, CodeTokens
from ebi_rules.engines.code_words import Patterns
from ebi_rules.layouts.binding import Binding
from ebi_rules.layouts.layout import find_layout
from ebi_rules.synth.made_up_extract import write_extract
from ebi_rules.translate import distinct_answers
from ebi_rules.translate.distinct_answers import DistinctAnswers
from ebi_rules.translate.text_numbers import TextNumbers, _views
from ebi_rules.translate.view_table import Numbers
from opcs_icd import OPCS4, CodeList, split_codes

SHORT, LONG = ["", "a", "U054", "twelve chars", "é"], ["thirteen chars", "U054,Z665,U055,Y981", "x" * 400]
_texts = st.one_of(st.none(), st.sampled_from([*SHORT, *LONG]), st.text(max_size=20))


def lengths(texts: pl.Series) -> Numbers:
    """Return an answer to each text, by which it can be told from most others."""
    return texts.map_elements(
        lambda text: len(text) * 1000 + sum(map(ord, text)) % 997, return_dtype=pl.Int64
    ).to_numpy()


@given(st.lists(st.lists(_texts, max_size=30), max_size=6))
def test_equal_texts_have_equal_numbers_in_every_batch(batches: list[list[str | None]]) -> None:
    learnt: dict[int, str] = {}
    numbers = TextNumbers(lambda new, texts: learnt.update(zip(new.tolist(), texts, strict=True)))
    for batch in batches:
        found = numbers.of(pl.Series(batch, dtype=pl.String)).tolist()
        assert [learnt[number] for number in found] == [text or "" for text in batch]
        assert all(number == 0 for number, text in zip(found, batch, strict=True) if text is None)
    assert len(set(learnt.values())) == len(learnt)


def test_views_of_rows_without_text_mean_nothing() -> None:
    """Arrow may keep in the place of a missing text the view of another."""
    array = pl.Series(["a", "b", "thirteen chars"]).to_arrow(compat_level=pl.CompatLevel.newest())
    without_second = pa.py_buffer(bytes([0b101]))
    hidden = pl.Series(pa.Array.from_buffers(array.type, 3, [without_second, *array.buffers()[1:]]))
    assert hidden.to_list() == ["a", None, "thirteen chars"]
    numbers = TextNumbers(lambda new, texts: None)
    first, second = numbers.of(pl.Series(["a", "b"]))
    assert numbers.of(hidden).tolist()[:2] == [first, 0]
    assert numbers.of(pl.Series(["b"])).tolist() == [second]


def test_slices_are_read_at_their_own_place() -> None:
    texts = pl.Series([f"text {number}" for number in range(100)])
    answers = DistinctAnswers(lengths)
    assert (answers.of(texts) == lengths(texts)).all()
    for start, size in ((0, 10), (37, 20), (95, 5)):
        assert (answers.of(texts.slice(start, size)) == lengths(texts.slice(start, size))).all()


@pytest.mark.parametrize("most", [1_000_000, 50])
def test_threads_agree_also_while_one_gives_up(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distinct_answers, "_MOST_TEXTS", ((most, 0.25),))
    answers = DistinctAnswers(lengths)
    rng = np.random.default_rng(1)
    every = pl.Series([None, *SHORT, *LONG, *(f"{number}" * (number % 9) for number in range(3_000))], dtype=pl.String)
    batches = [every.gather(rng.integers(0, len(every), 400)) for _ in range(120)]
    with ThreadPoolExecutor(8) as pool:
        for batch, found in zip(batches, pool.map(answers.of, batches), strict=True):
            assert (found == lengths(batch.fill_null(""))).all()
    assert answers.has_given_up == (most == 50)


_pieces = st.text(alphabet="UM05C4|;, .-\t\u00a0x'&", max_size=12)


@given(st.lists(_pieces, min_size=1, max_size=20))
def test_codes_of_texts_are_those_of_the_reference(texts: list[str]) -> None:
    layout = find_layout("ncdr-opa")
    binding = Binding(layout, layout.fields, {}, None)
    found = CodeTokens("procedures", binding, []).read(pl.Series(texts, dtype=pl.String))
    assert found.codes.tolist() == [len(split_codes(text, OPCS4)) for text in texts]


@pytest.mark.parametrize("most", [1_000_000, 5, 0])
def test_texts_in_several_forms_are_read_together_as_each_alone(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also while what is known of codes is given up."""
    monkeypatch.setattr(distinct_answers, "_MOST_TEXTS", ((most, 0.0),))
    rng, layout = np.random.default_rng(2), find_layout("ncdr-opa")
    binding = Binding(layout, layout.fields, {}, None)
    lists = [NamedCodes(name, CodeList.opcs([name])) for name in ("U05", "Z66", "Y98")]
    atoms = [*map(HasCode, lists), HasCode(lists[0], Position.PRIMARY), FollowedBy(lists[0], lists[1])]
    codes, separators = ["U054", "Z665", "Y98.1", "z66", "", "?", "NULL"], [",", ";", "||", ", ", "^"]
    texts = [
        "".join(f"{rng.choice(codes)}{rng.choice(separators, p=[0.8, 0.05, 0.05, 0.05, 0.05])}" for _ in range(4))
        for _ in range(400)
    ]
    together = CodeTokens("procedures", binding, atoms).read(pl.Series(texts))
    alone = CodeTokens("procedures", binding, atoms)
    for place, text in enumerate(texts):
        found = alone.read(pl.Series([text]))
        for field in fields(Codes):
            one, every = getattr(found, field.name), getattr(together, field.name)
            if field.name == "verdicts":
                assert [verdict[0] for verdict in one] == [verdict[place] for verdict in every], text
            else:
                assert one[0] == every[place], (text, field.name)
    assert all(0 < verdict.sum() < len(texts) for verdict in together.verdicts)


def test_short_texts_have_a_place_of_their_own() -> None:
    """Three texts in a hundred may share both their places with others, and are looked up otherwise; none is wrong."""
    texts = pl.Series([f"Y{number:05}" for number in range(60_000)])
    numbers = TextNumbers(lambda new, of: None)
    # Of those asked for once some still wait, as few new ones are not put in a table of many.
    for start in (*range(0, len(texts), 6_000), *range(0, len(texts), 6_000)):
        numbers.of(texts.slice(start, 6_000))
    found, is_known = numbers._table.look_up(_views(texts))
    assert is_known.mean() > 0.95
    assert 8 * sum(len(waiting) for _, waiting in numbers._waiting) <= numbers._table.taken
    assert (found == numbers.of(texts))[is_known].all()
    assert len(set(numbers.of(texts).tolist())) == len(texts)
    assert not numbers._has_long_texts


def test_what_is_almost_always_different_is_not_remembered() -> None:
    answers = DistinctAnswers(lengths)
    rows = 120_000
    # Two rows of three have no text, and do not count.
    texts = pl.Series([None if number % 3 else f"a different text {number}" for number in range(3 * rows)])
    for start in range(0, len(texts), 90_000):
        part = texts.slice(start, 90_000)
        assert (answers.of(part)[:50] == lengths(part[:50].fill_null(""))).all()
    assert answers.has_given_up


def test_combinations_of_truths_keep_their_numbers_and_meanings() -> None:
    rng = np.random.default_rng(1)
    patterns = Patterns(130)
    batches = [[rng.random(200) < 0.02 for _ in range(130)] for _ in range(5)]
    numbers = [patterns.numbers(batch, 200) for batch in batches]
    meanings = patterns.meanings()
    for batch, found in zip(batches, numbers, strict=True):
        assert (meanings[found] == np.array(batch).T).all()
    assert not meanings[0].any()


def test_more_values_than_there_is_room_for_are_counted_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_extract(tmp_path / "opa.parquet", 3_000)
    expected = ebi.audit(tmp_path / "opa.parquet", "2S", by=["gp_practice"]).exact_cube
    monkeypatch.setattr(cube_dimensions, "_SOME", 3)
    monkeypatch.setattr(cube_dimensions, "_MANY", 3)
    found = ebi.audit(tmp_path / "opa.parquet", "2S", by=["gp_practice"]).exact_cube
    assert found.equals(expected)


@pytest.mark.parametrize("day", [date(1, 1, 1), date(1899, 12, 31), date(2070, 1, 1), date(9999, 12, 31)])
def test_days_far_away_do_not_disturb_other_keys(tmp_path: Path, day: date) -> None:
    write_extract(tmp_path / "opa.parquet", 2_000)
    frame = pl.read_parquet(tmp_path / "opa.parquet")
    is_far = pl.int_range(pl.len()) % 7 == 0
    far = frame.with_columns(pl.when(is_far).then(day).otherwise("Appointment_Date").alias("Appointment_Date"))
    none = frame.with_columns(pl.when(~is_far).then("Appointment_Date").alias("Appointment_Date"))
    found, expected = (ebi.audit(each, "2S") for each in (far, none))
    assert found.exact_cube.equals(expected.exact_cube)
    assert any("a date before 1990 or after" in text for text in found.warnings)


def test_one_expression_answers_frames_of_other_types() -> None:
    flag = ebi.rule("2S").expr("ncdr-opa")
    columns = {
        "OPA_Ident": [1, 2, 3],
        "Der_Procedure_All": ["||U055", None, "||U055"],
        "Der_Diagnosis_All": [None, None, "C509"],
        "Age_at_Start_of_Episode_SUS": [45, 45, 45],
        "Der_Age_at_CDS_Activity_Date": [None, 45, None],
        "Administrative_Category": ["01", "01", "01"],
    }
    frame = pl.DataFrame(columns)
    age = pl.lit(" 45\u00a0").alias("Age_at_Start_of_Episode_SUS")
    texts = frame.cast({"Der_Procedure_All": pl.Categorical}).with_columns(age)
    numbers = frame.cast({"Administrative_Category": pl.Int8, "Age_at_Start_of_Episode_SUS": pl.Float64})
    for each in (frame, texts, numbers, frame.clear()):
        assert each.select(flag).to_series().to_list() == [True, False, False][: each.height]
        assert (
            each.lazy().select(flag).collect(engine="streaming").to_series().to_list()
            == [True, False, False][: each.height]
        )
