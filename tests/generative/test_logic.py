"""What `ebi_rules.criteria.logic` decides about criteria is so, on criteria and activities that Hypothesis makes up."""

from collections.abc import Iterator

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ebi_rules.criteria.activity import Activity
from ebi_rules.criteria.evaluate import holds
from ebi_rules.criteria.logic import decisive_atoms, equivalent, is_decisive, possible, witness
from ebi_rules.criteria.nodes import CODE_FIELD, And, Criterion, NamedCodes, Not, Or, atoms
from opcs_icd import CodeSystem
from tests.engines.case import Case
from tests.generative import every_answer
from tests.generative.strategies import cases, code_lists, criteria

_FEWER = settings(max_examples=max(25, settings.default.max_examples // 2), suppress_health_check=list(HealthCheck))


@st.composite
def _criterion(draw: st.DrawFn) -> Criterion:
    lists = {
        system: [
            NamedCodes(f"{system.name}{place}".lower(), codes) for place, codes in enumerate(draw(code_lists(system)))
        ]
        for system in CodeSystem
    }
    return draw(criteria(lists, dict.fromkeys(CODE_FIELD.values(), True)))


@_FEWER
@given(_criterion())
def test_a_witness_meets_the_criterion_and_denying_it_is_denied(criterion: Criterion) -> None:
    found, other = witness(criterion), witness(Not(criterion))
    assert found is not None or other is not None
    assert found is None or holds(criterion, found)
    assert other is None or not holds(criterion, other)
    assert not possible(And((criterion, Not(criterion))))
    assert equivalent(criterion, Not(Not(criterion)))


@_FEWER
@given(st.lists(_criterion(), min_size=1, max_size=3))
def test_what_is_possible_is_what_going_through_every_answer_finds(parts: list[Criterion]) -> None:
    whole = And(tuple(parts))
    for criterion in (whole, Not(whole), And((parts[0], Not(parts[-1])))):
        assert possible(criterion) == every_answer.possible(criterion)


@_FEWER
@given(cases())
def test_nothing_that_happens_is_impossible(case: Case) -> None:
    for activity in _activities(case):
        for rule in case.rules:
            whole = And(tuple(rule.criteria.values()))
            assert possible(whole if holds(whole, activity) else Not(whole))


@_FEWER
@given(_criterion(), _criterion(), cases())
def test_equivalent_criteria_hold_alike(one: Criterion, other: Criterion, case: Case) -> None:
    same = equivalent(one, other)
    assert same == (not possible(Or((And((one, Not(other))), And((other, Not(one)))))))
    if same:
        assert all(holds(one, activity) == holds(other, activity) for activity in _activities(case))


@_FEWER
@given(_criterion())
def test_an_atom_that_stands_alone_decides(criterion: Criterion) -> None:
    for atom in atoms(criterion):
        found = witness(atom)
        assert found is None or is_decisive(atom, atom, found)


@_FEWER
@given(cases())
def test_decisive_atoms_are_those_whose_opposite_changes_the_answer(case: Case) -> None:
    for activity in _activities(case):
        for rule in case.rules:
            whole = And(tuple(rule.criteria.values()))
            one_by_one = {atom for atom in atoms(whole) if is_decisive(atom, whole, activity)}
            assert decisive_atoms(whole, activity) == one_by_one


def _activities(case: Case) -> Iterator[Activity]:
    binding = case.binding
    for row in case.activity.iter_rows(named=True):
        cells = {}
        for name, frame in case.children.items():
            child = binding.child(name)
            assert child
            own = frame.filter(frame[child.key] == row[binding.key])
            cells[name] = (own.sort(child.position) if child.position else own)[child.code].to_list()
        yield binding.activity(row, cells)
