"""Laws of verdicts, for any checks, rules and measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from deliverkit.domain.analysis import Analysis, Judgement, condemn_gate, judge_gate
from deliverkit.domain.gate import Check, Gate, Measurement, Policy, Verdict, worst

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
SEVERITY = [Verdict.PASSED, Verdict.INCONCLUSIVE, Verdict.ERROR, Verdict.FAILED]
VERDICTS = st.sampled_from(Verdict)
LATENCIES = st.lists(st.floats(0.001, 2), max_size=3).map(tuple)
POLICIES = st.builds(
    Policy,
    passes=st.integers(1, 4),
    failure_limit=st.integers(0, 3),
    error_limit=st.integers(0, 3),
    inconclusive_limit=st.integers(0, 3),
    deadline=st.just(timedelta(minutes=1)),
    p95=st.sampled_from([None, timedelta(seconds=1)]),
    count=st.sampled_from([0, 0, 3, 8]),
    observe_only=st.booleans(),
)
SAMPLES = st.tuples(VERDICTS, LATENCIES, st.booleans())
Taken = Sequence[tuple[Verdict, tuple[float, ...], bool]]


def gates(least: int = 1) -> st.SearchStrategy[Gate]:
    """Gates with up to four checks."""
    return st.lists(POLICIES, min_size=least, max_size=4).map(
        lambda policies: Gate(
            "g", tuple(Check("g", f"c{number}", "http", {}, policy) for number, policy in enumerate(policies))
        )
    )


def sampled(check: Check, taken: Taken) -> Analysis:
    """A check's analysis of so many samples."""
    analysis = Analysis(check.key)
    for number, (outcome, latencies, is_open) in enumerate(taken):
        at = AT + timedelta(seconds=number)
        sample = Measurement("g", at, outcome, "because", latencies, check.name, is_open=is_open)
        analysis = analysis.including(sample, check)
    return analysis


def judged(gate: Gate, analyses: Mapping[str, Analysis], waited: float) -> Judgement | None:
    return judge_gate(gate, analyses.__getitem__, waited=timedelta(seconds=waited), now=AT)


# --- the worst of several --------------------------------------------------------------------------


@given(st.lists(VERDICTS, min_size=1), st.lists(VERDICTS, min_size=1), st.lists(VERDICTS, min_size=1))
def test_the_worst_is_associative_commutative_and_idempotent(
    first: list[Verdict], second: list[Verdict], third: list[Verdict]
) -> None:
    together = worst([*first, *second, *third])
    assert worst([worst([*first, *second]), worst(third)]) is together
    assert worst([worst(first), worst([*second, *third])]) is together
    assert worst([*third, *first, *second]) is together
    assert worst([together, together]) is together


@given(st.lists(VERDICTS), st.lists(VERDICTS, min_size=1))
def test_more_verdicts_are_never_better(some: list[Verdict], more: list[Verdict]) -> None:
    assert SEVERITY.index(worst([*more, *some])) >= SEVERITY.index(worst(more))


# --- nothing is not a pass -------------------------------------------------------------------------


@given(gates(least=0), st.floats(0, 1000))
def test_empty_never_passes(gate: Gate, waited: float) -> None:
    empty = {check.key: Analysis(check.key) for check in gate.checks}
    found = judged(gate, empty, waited)
    assert found is None or found.verdict is Verdict.ERROR
    if waited >= 60:
        assert found is not None


@given(st.lists(POLICIES, max_size=3), st.lists(SAMPLES, max_size=9), st.floats(0, 1000))
def test_what_is_only_observed_never_passes_a_gate(policies: list[Policy], taken: Taken, waited: float) -> None:
    checks = tuple(Check("g", str(n), "http", {}, replace(each, observe_only=True)) for n, each in enumerate(policies))
    gate = Gate("g", checks)
    found = judged(gate, {check.key: sampled(check, taken) for check in checks}, waited)
    assert found is not None
    assert found.verdict is Verdict.ERROR


@given(gates(), st.data(), st.floats(0, 1000))
def test_a_check_without_a_pass_never_lets_its_gate_pass(gate: Gate, data: st.DataObject, waited: float) -> None:
    analyses = {check.key: sampled(check, data.draw(st.lists(SAMPLES, max_size=9))) for check in gate.checks}
    for check in gate.counting:
        taken = data.draw(st.lists(SAMPLES, max_size=9))
        unproved = [(each, times, is_open or each is Verdict.PASSED) for each, times, is_open in taken]
        found = judged(gate, {**analyses, check.key: sampled(check, unproved)}, waited)
        assert found is None or found.verdict is not Verdict.PASSED


# --- a failing measurement more --------------------------------------------------------------------


@given(gates(), st.data(), st.floats(0, 120))
def test_a_failing_measurement_never_improves_a_verdict(gate: Gate, data: st.DataObject, waited: float) -> None:
    taken = {check.key: data.draw(st.lists(SAMPLES, min_size=1, max_size=9)) for check in gate.checks}
    before = {check.key: sampled(check, taken[check.key]) for check in gate.checks}
    check = data.draw(st.sampled_from(gate.checks))
    failing = (Verdict.FAILED, data.draw(LATENCIES), False)
    after = {**before, check.key: sampled(check, [*taken[check.key], failing])}
    was, now = judged(gate, before, waited), judged(gate, after, waited)
    if was is not None and was.verdict is not Verdict.PASSED:
        assert now is not None  # what was bad does not become open again
        assert SEVERITY.index(now.verdict) >= SEVERITY.index(was.verdict)
    if was is None:
        assert now is None or now.verdict is not Verdict.PASSED


@given(gates(), st.data())
def test_what_is_condemned_stays_condemned_whatever_comes_after(gate: Gate, data: st.DataObject) -> None:
    taken = {check.key: data.draw(st.lists(SAMPLES, max_size=9)) for check in gate.checks}
    more = {check.key: data.draw(st.lists(SAMPLES, max_size=9)) for check in gate.checks}
    was = condemn_gate(gate, {c.key: sampled(c, taken[c.key]) for c in gate.checks}.__getitem__)
    later = {c.key: sampled(c, [*taken[c.key], *more[c.key]]) for c in gate.checks}
    now = condemn_gate(gate, later.__getitem__)
    if was is not None:
        assert now is not None
        assert SEVERITY.index(now.verdict) >= SEVERITY.index(was.verdict)


# --- order -----------------------------------------------------------------------------------------


@given(gates(least=2), st.data(), st.floats(0, 120))
def test_the_order_of_simultaneous_results_is_irrelevant(gate: Gate, data: st.DataObject, waited: float) -> None:
    rounds = data.draw(st.lists(st.lists(SAMPLES, min_size=len(gate.checks), max_size=len(gate.checks)), max_size=4))
    shuffle = data.draw(st.sampled_from(list(permutations(range(len(gate.checks))))))
    found = []
    for order in (range(len(gate.checks)), shuffle):
        analyses = {check.key: Analysis(check.key) for check in gate.checks}
        for number, taken in enumerate(rounds):
            for place in order:
                check, (outcome, latencies, is_open) = gate.checks[place], taken[place]
                at = AT + timedelta(seconds=number)
                sample = Measurement("g", at, outcome, "because", latencies, check.name, is_open=is_open)
                analyses[check.key] = analyses[check.key].including(sample, check)
        found.append(judged(gate, analyses, waited))
    assert found[0] == found[1]


@given(gates(), st.data(), st.floats(0, 120))
def test_the_order_of_checks_changes_no_verdict(gate: Gate, data: st.DataObject, waited: float) -> None:
    analyses = {check.key: sampled(check, data.draw(st.lists(SAMPLES, max_size=6))) for check in gate.checks}
    turned = replace(gate, checks=tuple(reversed(gate.checks)))
    was, now = judged(gate, analyses, waited), judged(turned, analyses, waited)
    assert (was and was.verdict) == (now and now.verdict)
