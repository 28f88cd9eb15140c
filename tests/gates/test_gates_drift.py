"""Checks of stacks' drift, through the sandbox's CloudFormation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cloud_bench import REGION, CloudBench, cloud

from deliverkit.check_ports import Checker
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Check, CheckKind, Verdict
from deliverkit.testing.contracts import CheckContract
from deliverkit.testing.contracts.checks import Case, context

QUEUES = {
    "Orders": {
        "Type": "AWS::SQS::Queue",
        "Properties": {"QueueName": "orders", "DelaySeconds": 5, "VisibilityTimeout": 60},
    },
    "Mail": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": "mail"}},
}


class Stacks:
    """Stacks with two queues, which somebody changes by hand."""

    def __init__(self, bench: CloudBench) -> None:
        self.bench, self.sqs = bench, bench.client("sqs")

    def make(self, name: str) -> None:
        resources = {
            key: {
                **each,
                "Properties": {**each["Properties"], "QueueName": f"{name}-{each['Properties']['QueueName']}"},
            }
            for key, each in QUEUES.items()
        }
        self.bench.client("cloudformation").create_stack(
            StackName=name, TemplateBody=json.dumps({"Resources": resources})
        )

    def change(self, queue: str, **attributes: str) -> None:
        url = self.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
        self.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)

    def delete(self, queue: str) -> None:
        self.sqs.delete_queue(QueueUrl=self.sqs.get_queue_url(QueueName=queue)["QueueUrl"])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudBench]:
    with cloud(tmp_path_factory.mktemp("cloud")) as bench:
        bench.sandbox.world.clock.set_speed(0)
        yield bench


@pytest.fixture(scope="module")
def stacks(bench: CloudBench) -> Stacks:
    return Stacks(bench)


def test_a_stack_is_as_its_template_says_until_somebody_changes_it(bench: CloudBench, stacks: Stacks) -> None:
    stacks.make("shop-dev")
    check = bench.check("drift: {stack: 'shop-${environment}'}")
    found = bench.sample(check)
    assert (found.outcome, found.value, found.reason) == (
        Verdict.PASSED,
        0.0,
        "stack shop-dev (us-east-1) is what its template says",
    )
    assert found.query == f"aws cloudformation detect-stack-drift --region {REGION} --stack-name shop-dev"
    stacks.change("shop-dev-orders", DelaySeconds="9")
    changed = bench.sample(check)
    assert (changed.outcome, changed.value) == (Verdict.FAILED, 1.0)
    assert changed.reason == (
        "stack shop-dev (us-east-1) has drifted: Orders (AWS::SQS::Queue) /DelaySeconds is 9, and should be 5"
    )
    for ignored in ("Orders", "Orders/DelaySeconds", "Orders/*", "Ord*"):
        verdict, reason = bench.measured(f"drift: {{stack: shop-dev, ignore: ['{ignored}']}}")
        assert (verdict, reason) == (
            Verdict.PASSED,
            "stack shop-dev (us-east-1) has drifted only where that is ignored",
        )
    assert bench.measured("drift: {stack: shop-dev, ignore: [Mail, Orders/VisibilityTimeout]}")[0] is Verdict.FAILED
    stacks.delete("shop-dev-mail")
    verdict, reason = bench.measured("drift: {stack: shop-dev, ignore: [Orders/DelaySeconds]}")
    assert (verdict, "Mail (AWS::SQS::Queue) is deleted" in reason) == (Verdict.FAILED, True)


@pytest.fixture(scope="module")
def made(stacks: Stacks) -> None:
    for name in ("same", "other"):
        stacks.make(name)
    stacks.change("other-orders", DelaySeconds="9")


class TestContract(CheckContract):
    kind = CheckKind.DRIFT

    @pytest.fixture
    def checker(self, bench: CloudBench) -> Iterator[Checker]:
        bench.sandbox.world.clock.set_speed(50)
        yield bench.process()("drift")
        bench.sandbox.world.clock.set_speed(0)

    @pytest.fixture
    def passing(self, made: None) -> Case:
        return Case({"stack": "same", "unchecked": "inconclusive"}, context())

    @pytest.fixture
    def failing(self, made: None) -> Case:
        return Case({"stack": "other", "unchecked": "inconclusive"}, context())

    @pytest.fixture
    def unaskable(self) -> Case:
        return Case({"stack": "nowhere", "unchecked": "inconclusive"}, context())


def test_what_cannot_be_asked_is_an_error_at_once(bench: CloudBench, stacks: Stacks) -> None:
    stacks.make("whole")
    found = bench.measure(bench.check("drift: {stacks: [whole, nowhere]}"))
    assert found is not None
    assert (found.outcome, "nowhere" in found.reason) == (Verdict.ERROR, True)
    assert found.query.endswith(f"aws cloudformation detect-stack-drift --region {REGION} --stack-name nowhere")


def test_it_is_looked_after_now_and_then_and_not_at_every_turn(bench: CloudBench, stacks: Stacks) -> None:
    stacks.make("patient")
    check, checker, calls = bench.check("drift: {stack: patient}"), bench.process()("drift"), list[str]()
    events = bench.aws.client("cloudformation").meta.events
    events.register("before-call", lambda model, **_: calls.append(model.name), unique_id="patient")
    for _ in range(3):
        assert bench.measure(check, checker=checker, sample="patient") is None
    assert calls == ["DescribeStacks", "DetectStackDrift", "DescribeStackDriftDetectionStatus"]
    bench.clock.pass_time(timedelta(seconds=10))
    found = bench.measure(check, checker=checker, sample="patient")
    events.unregister("before-call", unique_id="patient")
    assert found is not None
    assert found.outcome is Verdict.PASSED


def test_a_process_that_takes_over_waits_for_the_detection_that_runs_and_asks_again(
    bench: CloudBench, stacks: Stacks
) -> None:
    stacks.make("resumed")
    check = bench.check("drift: {stack: resumed}")
    assert bench.measure(check, checker=bench.process()("drift"), sample="p-1/1") is None
    other = bench.process()("drift")
    assert bench.measure(check, checker=other, sample="p-1/1") is None, "CloudFormation refuses a second detection"
    stacks.change("resumed-orders", DelaySeconds="9")
    found = None
    for _ in range(10):
        bench.clock.pass_time(timedelta(seconds=10))
        found = found or bench.measure(check, checker=other, sample="p-1/1")
    assert found is not None
    assert (found.outcome, "/DelaySeconds is 9" in found.reason) == (Verdict.FAILED, True)


# --- without a stack ---------------------------------------------------------------------------------


def resource(name: str = "Fleet", status: str = "MODIFIED", *paths: str, more: int = 0) -> dict[str, Any]:
    differences = [{"path": each, "expected": "1", "actual": "2", "kind": "NOT_EQUAL"} for each in paths]
    return {"id": name, "type": "T", "status": status, "differences": differences, "more": more}


def judged(*resources: dict[str, Any], ignore: tuple[str, ...] = (), **stack: Any) -> tuple[Verdict, str]:
    seen = {
        "name": "shop",
        "region": REGION,
        "detection": "DETECTION_COMPLETE",
        "why": "",
        "status": "DRIFTED",
        "resources": list(resources),
        "more": 0,
        "more_unknown": 0,
        **stack,
    }
    check = Check("declared", "", "drift", {"stack": "shop", "ignore": list(ignore), "unchecked": "inconclusive"})
    found = assess(check, {"stacks": [seen]})
    return found.outcome, found.reason


def test_what_was_not_checked_is_what_the_settings_say() -> None:
    assert judged(status="NOT_CHECKED")[0] is Verdict.INCONCLUSIVE
    assert judged(resource("Odd", "UNKNOWN"), status="IN_SYNC")[0] is Verdict.INCONCLUSIVE
    failed = {"detection": "DETECTION_FAILED", "why": "Odd cannot be read"}
    assert judged(resource("Odd", "UNKNOWN"), **failed) == (
        Verdict.ERROR,
        "drift of stack shop (us-east-1) could not be detected: Odd cannot be read",
    )
    assert judged(**failed)[0] is Verdict.ERROR
    assert judged(resource("Odd", "UNKNOWN"), resource("Fleet", "DELETED"), **failed)[0] is Verdict.FAILED
    assert judged(resource("Odd", "UNKNOWN"), ignore=("Odd",), **failed, status="IN_SYNC")[0] is Verdict.PASSED
    assert judged(resource("Odd", "UNKNOWN"), ignore=("Odd",), more_unknown=1, **failed)[0] is Verdict.ERROR
    strict = Check("declared", "", "drift", {"stack": "shop", "unchecked": "failed"})
    unchecked = {"name": "shop", "region": REGION, "detection": "DETECTION_COMPLETE", "status": "NOT_CHECKED"}
    assert assess(strict, {"stacks": [{**unchecked, "resources": []}]}).outcome is Verdict.FAILED


def test_what_was_not_kept_is_not_ignored() -> None:
    assert judged(resource("Fleet", "MODIFIED", "/Size"), ignore=("Fleet/Size",))[0] is Verdict.PASSED
    assert judged(resource("Fleet", "MODIFIED", "/Size", more=1), ignore=("Fleet/Size",))[0] is Verdict.FAILED
    assert judged(resource("Fleet", "MODIFIED", "/Size"), ignore=("Fleet",), more=1)[0] is Verdict.FAILED
    deeper = resource("Fleet", "MODIFIED", "/Rules/0/Port", "/Rules/1/Port")
    assert judged(deeper, ignore=("Fleet/Rules",))[0] is Verdict.PASSED
    assert judged(deeper, ignore=("Fleet/Rules/0",))[0] is Verdict.FAILED


def test_a_stack_that_has_drifted_passes_only_for_drifts_that_are_ignored() -> None:
    fleet, another = resource("Fleet", "MODIFIED", "/Size"), "was another detection begun, or a partial one?"
    assert judged() == (
        Verdict.ERROR,
        f"stack shop (us-east-1) has drifted, says CloudFormation, and does not list where: {another}",
    )
    assert judged(ignore=("Fleet",))[0] is Verdict.ERROR
    assert judged(resource("Odd", "UNKNOWN"), ignore=("Odd",))[0] is Verdict.ERROR
    assert judged(resource("Fleet", "MODIFIED")) == (
        Verdict.FAILED,
        "stack shop (us-east-1) has drifted: Fleet (T) is modified, in which properties is not told",
    )
    assert judged(resource("Fleet", "MODIFIED"), ignore=("Fleet/Size",))[0] is Verdict.FAILED
    assert judged(resource("Fleet", "MODIFIED"), ignore=("Fleet",), drifted=1)[0] is Verdict.PASSED
    assert judged(fleet, ignore=("Fleet",), drifted=1)[0] is Verdict.PASSED
    assert judged(fleet, ignore=("Fleet",), drifted=2) == (
        Verdict.ERROR,
        f"of stack shop (us-east-1) CloudFormation counts 2 drifted resources and lists 1: {another}",
    )
    assert judged(fleet, drifted=2)[0] is Verdict.FAILED
    assert judged(status="IN_SYNC", drifted=0)[0] is Verdict.PASSED


def test_no_stack_at_all_is_an_error() -> None:
    assert assess(Check("declared", "", "drift", {"unchecked": "passed"}), {"stacks": []}).outcome is Verdict.ERROR
