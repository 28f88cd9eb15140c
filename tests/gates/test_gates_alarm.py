"""Alarms, metric and composite, through a sandbox's CloudWatch."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.stub import Stubber
from metrics_bench import REGION, MetricsBench, aws, aws_at, bench, check_of, context, place  # noqa: F401

from deliverkit.adapters.aws.cloudwatch import AlarmCheck
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Measurement, Verdict
from deliverkit.testing.clock import FakeClock


def put(bench: MetricsBench, state: str, why: str = "the test says so") -> str:  # noqa: F811
    cloudwatch, name = bench.aws.client("cloudwatch"), f"alarm-{bench.namespace()}"
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace="Nobody",
        MetricName="nothing",
        Statistic="Sum",
        Period=86_400,
        EvaluationPeriods=1,
        Threshold=1,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="ignore",
    )
    cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=why)
    return name


def measure(bench: MetricsBench, names: list[str], **more: Any) -> Measurement:  # noqa: F811
    return AlarmCheck(bench.aws, bench.clock).measure(check_of("alarm", {"names": names, **more}), context())


def test_alarms_that_are_ok_pass_and_one_that_is_not_fails_with_its_reason(bench: MetricsBench) -> None:  # noqa: F811
    good, bad = put(bench, "OK"), put(bench, "ALARM", "9 errors in a minute")
    assert measure(bench, [good]).outcome is Verdict.PASSED
    sample = measure(bench, [good, bad])
    assert (sample.outcome, sample.reason) == (
        Verdict.FAILED,
        f"alarm {bad} (us-east-1) is ALARM: 9 errors in a minute",
    )
    assert sample.query.endswith(f"--alarm-names {good} {bad}")
    assert sample == measure(bench, [good, bad])


def test_a_composite_alarm_is_asked_like_any_other(bench: MetricsBench) -> None:  # noqa: F811
    part = put(bench, "ALARM")
    name = f"all-{part}"
    bench.aws.client("cloudwatch").put_composite_alarm(AlarmName=name, AlarmRule=f'ALARM("{part}")')
    bench.aws.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="a part is")
    assert measure(bench, [name]).outcome is Verdict.FAILED


@pytest.mark.parametrize("choice", ["inconclusive", "passed", "failed"])
def test_an_alarm_without_data_comes_to_what_the_rules_say(bench: MetricsBench, choice: str) -> None:  # noqa: F811
    name = put(bench, "INSUFFICIENT_DATA")
    assert measure(bench, [name]).outcome is Verdict.INCONCLUSIVE
    sample = measure(bench, [name], insufficient_data=choice)
    assert sample.outcome is Verdict(choice)
    assert sample.seen is not None
    assert assess(check_of("alarm", {"names": [name]}), sample.seen).outcome is Verdict.INCONCLUSIVE


def test_an_alarm_that_is_not_there_is_an_error(bench: MetricsBench) -> None:  # noqa: F811
    sample = measure(bench, [put(bench, "OK"), "nosuch"])
    assert (sample.outcome, sample.reason) == (Verdict.ERROR, "there is no alarm nosuch in us-east-1")


def test_an_aws_that_does_not_answer_is_an_error() -> None:
    sample = AlarmCheck(aws_at("http://127.0.0.1:9"), FakeClock()).measure(
        check_of("alarm", {"names": ["a"]}), context()
    )
    assert sample.outcome is Verdict.ERROR
    assert "no answer" in sample.reason


def test_a_state_that_nobody_knows_never_passes() -> None:
    seen = {"alarms": [{"name": "a", "region": "us-east-1", "state": "FINE", "why": ""}]}
    assert assess(check_of("alarm", {"names": ["a"]}), seen).outcome is Verdict.ERROR
    assert assess(check_of("alarm", {"names": []}), {"alarms": []}).outcome is Verdict.ERROR


@pytest.mark.parametrize(
    ("state", "evaluation", "outcome"),
    [
        ("OK", None, Verdict.PASSED),
        ("OK", "PARTIAL_DATA", Verdict.INCONCLUSIVE),
        ("OK", "EVALUATION_ERROR", Verdict.ERROR),
        ("OK", "EVALUATION_FAILURE", Verdict.ERROR),
        ("OK", "NEVER_HEARD_OF", Verdict.ERROR),
        ("ALARM", "EVALUATION_FAILURE", Verdict.FAILED),
        ("INSUFFICIENT_DATA", "EVALUATION_ERROR", Verdict.ERROR),
    ],
)
def test_a_state_that_cannot_be_relied_on_does_not_pass(state: str, evaluation: str | None, outcome: Verdict) -> None:
    nobody = aws_at("http://127.0.0.1:9")
    alarm = {"AlarmName": "a", "StateValue": state, **({"EvaluationState": evaluation} if evaluation else {})}
    with Stubber(nobody.client("cloudwatch", REGION)) as stub:
        stub.add_response("describe_alarms", {"MetricAlarms": [alarm], "CompositeAlarms": []})
        check = check_of("alarm", {"names": ["a"], "insufficient_data": "passed"})
        sample = AlarmCheck(nobody, FakeClock()).measure(check, context())
    assert sample.outcome is outcome
    assert (evaluation or "") in sample.reason
