"""How measurements become verdicts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.domain.analysis import LATENCY_MINIMUM, Analysis, Judgement, condemn, judge, percentile
from deliverkit.domain.gate import Check, Measurement, Policy, Verdict, worst

AT = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)
OUTCOMES = st.lists(st.sampled_from(Verdict), max_size=12)


def analysis(outcomes: list[Verdict], policy: Policy, latency: float | None = None) -> Analysis:
    found = Analysis("g")
    for number, outcome in enumerate(outcomes):
        at = AT + timedelta(seconds=number)
        sample = Measurement("g", at, outcome, "because", () if latency is None else (latency,))
        found = found.including(sample, Check("g", "", "http", {}, policy))
    return found


def test_the_worst_of_nothing_is_an_error() -> None:
    assert worst([]) is Verdict.ERROR
    assert worst([Verdict.PASSED, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert worst([Verdict.ERROR, Verdict.FAILED]) is Verdict.FAILED


@given(OUTCOMES, st.integers(0, 3), st.integers(0, 3), st.integers(0, 3), st.integers(1, 3))
def test_a_pass_needs_its_passes_in_a_row_and_every_limit_kept(
    outcomes: list[Verdict], failures: int, errors: int, inconclusive: int, passes: int
) -> None:
    policy = Policy(passes=passes, failure_limit=failures, error_limit=errors, inconclusive_limit=inconclusive)
    found = judge(analysis(outcomes, policy), policy, waited=timedelta(0), now=AT)
    if found is not None and found.verdict is Verdict.PASSED:
        assert outcomes[-passes:] == [Verdict.PASSED] * passes
        assert outcomes.count(Verdict.FAILED) <= failures
        assert outcomes.count(Verdict.INCONCLUSIVE) <= inconclusive


@given(OUTCOMES, OUTCOMES)
def test_a_failure_once_certain_stays_certain(before: list[Verdict], after: list[Verdict]) -> None:
    policy = Policy(failure_limit=1)
    first = condemn(analysis(before, policy), policy)
    if first is not None and first.verdict is Verdict.FAILED:
        later = condemn(analysis([*before, *after], policy), policy)
        assert later is not None
        assert later.verdict is Verdict.FAILED


def test_limits_are_strictly_exceeded_and_the_reason_says_by_what() -> None:
    policy = Policy(failure_limit=2)
    assert condemn(analysis([Verdict.FAILED] * 2, policy), policy) is None
    condemned = condemn(analysis([Verdict.FAILED] * 3, policy), policy)
    assert condemned is not None
    assert condemned.reason == "failed 3 times, 2 are tolerated: because"


def test_nothing_measured_by_the_deadline_is_an_error_and_too_little_is_inconclusive() -> None:
    policy = Policy(passes=3, deadline=timedelta(minutes=1))
    assert judge(Analysis("g"), policy, waited=timedelta(seconds=59), now=AT) is None
    nothing = judge(Analysis("g"), policy, waited=timedelta(minutes=1), now=AT)
    little = judge(analysis([Verdict.PASSED], policy), policy, waited=timedelta(minutes=1), now=AT)
    assert nothing is not None
    assert little is not None
    assert (nothing.verdict, little.verdict) == (Verdict.ERROR, Verdict.INCONCLUSIVE)
    assert little.reason == "not enough evidence: 1 of 3 passes in a row within 60 s"


def test_an_end_for_want_of_evidence_tells_what_was_heard_last() -> None:
    policy = Policy(deadline=timedelta(minutes=1))
    found = judge(analysis([Verdict.ERROR], policy), policy, waited=timedelta(minutes=1), now=AT)
    assert found is not None
    assert found.reason == "not enough evidence: 0 of 1 passes in a row within 60 s; the last: because"
    counted = Policy(passes=2, count=2, failure_limit=1)
    over = judge(analysis([Verdict.PASSED, Verdict.FAILED], counted), counted, waited=timedelta(0), now=AT)
    assert over is not None
    assert over.reason.endswith("at the end of 2 measurements; the last: because")


def test_slow_answers_fail_a_gate_once_there_are_enough_of_them() -> None:
    policy = Policy(p95=timedelta(milliseconds=300), passes=2)
    few = analysis([Verdict.PASSED] * (LATENCY_MINIMUM - 1), policy, latency=0.5)
    assert few.failed == 0
    enough = analysis([Verdict.PASSED] * LATENCY_MINIMUM, policy, latency=0.5)
    assert enough.failed == 1
    assert enough.last is not None
    assert "is 500 ms, allowed are 300 ms" in enough.last.reason
    assert analysis([Verdict.PASSED] * 20, policy, latency=0.3).failed == 0


@given(st.lists(st.floats(0, 100), min_size=1), st.floats(0.01, 1))
def test_a_percentile_is_a_value_that_the_share_does_not_exceed(values: list[float], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


@pytest.mark.parametrize(("values", "share"), [([], 0.5), ([1.0], 0), ([1.0], 1.1)])
def test_there_is_no_percentile_of_nothing(values: list[float], share: float) -> None:
    with pytest.raises(ValueError, match="percentile"):
        percentile(values, share)


def test_a_gate_is_due_at_once_and_then_at_its_pace() -> None:
    policy = Policy(every=timedelta(seconds=5))
    assert Analysis("g").next_due(policy, AT) == AT
    assert analysis([Verdict.PASSED], policy).next_due(policy, AT) == AT + timedelta(seconds=5)


def test_what_warms_up_is_not_measured_and_what_is_counted_ends() -> None:
    policy = Policy(every=timedelta(seconds=5), initial_delay=timedelta(seconds=30), count=2)
    assert Analysis("g").next_due(policy, AT) == AT + timedelta(seconds=30)
    once, twice = analysis([Verdict.PASSED], policy), analysis([Verdict.PASSED] * 2, policy)
    assert judge(once, policy, waited=timedelta(0), now=AT) is None
    assert twice.next_due(policy, AT) is None
    assert judge(twice, policy, waited=timedelta(0), now=AT) == Judgement(
        Verdict.PASSED, "passed 2 times in a row, 1 needed"
    )
    late = analysis([Verdict.PASSED, Verdict.FAILED], Policy(count=2, failure_limit=1))
    found = judge(late, Policy(count=2, failure_limit=1), waited=timedelta(0), now=AT)
    assert found is not None
    assert found.verdict is Verdict.INCONCLUSIVE
