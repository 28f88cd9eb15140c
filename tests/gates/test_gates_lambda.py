"""Checks that invoke a Lambda function, which really runs, and what its answers mean."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cloud_bench import REGION, CloudBench, cloud

from deliverkit.adapters.aws.lambda_invocation import ANSWER_LIMIT, LambdaCheck
from deliverkit.check_ports import Checker
from deliverkit.domain.checks import assess
from deliverkit.domain.environment import Environment, Serves
from deliverkit.domain.gate import Check, CheckKind, Gate, Verdict
from deliverkit.domain.rollout import Outcome
from deliverkit.testing.contracts import CheckContract
from deliverkit.testing.contracts.checks import Case, context
from deliverkit.testing.rehearsal import Rehearsal

CODE = """
import os, sys, time

def handler(event, context):
    print("asked with", sorted(event))
    print("hunter2-of-the-shop")
    what = event.get("do")
    if what == "raise":
        raise AssertionError("2 orders are lost")
    if what == "exit":
        os._exit(3)
    if what == "sleep":
        time.sleep(30)
    if what == "nap":
        time.sleep(1.5)
        return {"verdict": "passed", "reason": "rested"}
    if what == "much":
        return {"verdict": "passed", "more": "x" * 20000}
    return event.get("answer", event)
"""
TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def made(bench: CloudBench, name: str, role: str, **settings: Any) -> str:
    """A function with the code above; its ARN."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("app.py", CODE)
    asked = {"Runtime": "python3.12", "Handler": "app.handler", "Timeout": 30, **settings}
    answer = bench.client("lambda").create_function(
        FunctionName=name, Role=role, Code={"ZipFile": content.getvalue()}, **asked
    )
    return str(answer["FunctionArn"])


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudBench]:
    with cloud(tmp_path_factory.mktemp("cloud")) as bench:
        iam = bench.client("iam")
        role = iam.create_role(RoleName="functions", AssumeRolePolicyDocument=json.dumps(TRUST))
        made(bench, "smoke", role["Role"]["Arn"])
        yield bench


def test_a_function_is_asked_with_the_release_and_its_verdict_holds(bench: CloudBench) -> None:
    payload = '{answer: {status: Succeeded, reason: "all of ${release.version}", value: 3}}'
    found = bench.sample(bench.check(f"lambda: {{function: smoke, payload: {payload}}}"))
    assert (found.outcome, found.value) == (Verdict.PASSED, 3.0)
    assert found.reason == "smoke (us-east-1) answered Succeeded: all of 1.0"
    assert found.seen is not None
    [seen] = found.seen["answers"]
    assert seen["version"] == "$LATEST"
    assert any(line.startswith("asked with ['answer']") for line in seen["log"])
    assert "${SHOP_TOKEN}" in seen["log"], "secrets of our environment are masked"
    assert found.query.startswith(f"aws lambda invoke --region {REGION} --function-name smoke --cli-binary-format")
    assert "all of 1.0" in found.query


def test_without_a_payload_it_is_given_every_placeholder(bench: CloudBench) -> None:
    check = bench.check("lambda: {function: smoke, passes_if: \"release.version == '1.0' && environment == 'dev'\"}")
    assert bench.sample(check).outcome is Verdict.PASSED


class TestContract(CheckContract):
    kind = CheckKind.LAMBDA

    @pytest.fixture
    def checker(self, bench: CloudBench) -> Checker:
        return bench.process()("lambda")

    @pytest.fixture
    def passing(self) -> Case:
        payload = {"answer": {"verdict": "passed", "value": 1, "reason": "token=hunter2-of-the-shop"}}
        spec = {"function": "smoke", "payload": payload, "timeout": 30.0}
        return Case(spec, context(), ("hunter2-of-the-shop",))

    @pytest.fixture
    def failing(self, passing: Case) -> Case:
        return Case({**passing.spec, "payload": {"do": "raise"}}, context(), passing.secrets)

    @pytest.fixture
    def unaskable(self, passing: Case) -> Case:
        return Case({**passing.spec, "function": "nowhere"}, context(), passing.secrets)


def test_secrets_in_an_answer_are_masked_and_it_is_judged_all_the_same(bench: CloudBench) -> None:
    answer = "{verdict: passed, token: 12345678, api_key: hunter2-of-the-shop, of: {password: opensesame}, n: 3}"
    found = bench.sample(bench.check(f"lambda: {{function: smoke, payload: {{answer: {answer}}}}}"))
    assert (found.outcome, found.seen is not None) == (Verdict.PASSED, True)
    told = json.dumps(found.seen) + found.query
    for secret in ("12345678", "hunter2-of-the-shop", "opensesame"):
        assert secret not in told
    assert found.seen is not None
    assert found.seen["answers"][0]["answer"]["n"] == 3


def test_an_assertion_fails_and_a_broken_function_is_an_error(bench: CloudBench) -> None:
    raised = bench.measured("lambda: {function: smoke, payload: {do: raise}}")
    assert raised == (Verdict.FAILED, "smoke (us-east-1) raised AssertionError: 2 orders are lost")
    verdict, reason = bench.measured("lambda: {function: smoke, payload: {do: exit}}")
    assert (verdict, "could not run to its end: Runtime.ExitError" in reason) == (Verdict.ERROR, True)


def test_what_cannot_be_asked_is_an_error(bench: CloudBench) -> None:
    verdict, reason = bench.measured("lambda: {function: nowhere}")
    assert (verdict, "invoking nowhere in us-east-1" in reason) == (Verdict.ERROR, True)
    verdict, reason = bench.measured("lambda: {function: smoke, payload: {do: much}}")
    assert (verdict, f"{ANSWER_LIMIT} can be judged" in reason) == (Verdict.ERROR, True)
    fault = {"kind": "throttling", "service": "lambda", "operation": "Invoke", "count": 1}
    bench.sandbox.control.answer("POST", "faults", {"faults": [fault]})
    verdict, reason = bench.measured("lambda: {function: smoke}")
    assert (verdict, "TooManyRequestsException" in reason or "Throttl" in reason) == (Verdict.ERROR, True), reason


def test_it_is_invoked_in_each_region_and_the_worst_answer_counts(bench: CloudBench) -> None:
    text = "lambda: {function: smoke, payload: {answer: {verdict: passed, reason: 'in ${region}'}}}"
    elsewhere = bench.sample(bench.check(text), regions=(REGION, "eu-west-1"))
    assert (elsewhere.outcome, "invoking smoke in eu-west-1" in elsewhere.reason) == (Verdict.ERROR, True)
    assert elsewhere.seen is not None
    assert elsewhere.seen["answers"][0]["answer"]["reason"] == f"in {REGION}"
    arn = bench.client("lambda").get_function(FunctionName="smoke")["Configuration"]["FunctionArn"]
    known = bench.measured(text.replace("smoke", f"'{arn}'"), regions=("eu-west-1",))
    assert (known[0], f"in {REGION}" in known[1]) == (Verdict.PASSED, True), "an ARN names its own region"


def test_a_function_that_takes_too_long_holds_up_nobody(bench: CloudBench) -> None:
    check = bench.check("lambda: {function: smoke, payload: {do: sleep}, timeout: 2s}")
    checker = bench.process()("lambda")
    assert bench.measure(check, checker=checker, sample="late") is None
    found = None
    while found is None:
        found = bench.measure(check, checker=checker, sample="late")
    assert (found.outcome, "no answer" in found.reason) == (Verdict.ERROR, True)


def test_a_process_that_takes_over_invokes_it_again(bench: CloudBench) -> None:
    check = bench.check("lambda: {function: smoke, payload: {do: nap}}")
    assert bench.measure(check, checker=bench.process()("lambda"), sample="p-1/1") is None
    other, found = bench.process()("lambda"), None
    while found is None:
        found = bench.measure(check, checker=other, sample="p-1/1")
    assert (found.outcome, found.reason) == (Verdict.PASSED, "smoke (us-east-1) answered passed: rested")


def test_a_function_turns_a_promotion_back_and_the_record_says_why(bench: CloudBench) -> None:
    answer = "{verdict: passed, reason: 'all of ${release.version}'}"
    check = replace(bench.check(f"lambda: {{function: smoke, payload: {{answer: {answer}}}}}"), gate="checkout")
    gate = Gate("checkout", (check,))
    serves = Serves("http://${target.address}/version")
    dev = Environment("dev", ((REGION,),), "shop", "shop-dev", after=("checkout",), serves=serves)
    world = Rehearsal((dev,), {"checkout": gate})
    for version in ("1.0", "2.0"):
        world.release(version)
    world.checks["lambda"] = LambdaCheck(bench.aws, world.clock)
    delivery = world.delivery()
    passed = delivery.watch(delivery.promote("1.0", to="dev"))
    assert (passed.outcome, passed.analysis("checkout").passes_in_a_row) == (Outcome.SUCCEEDED, 1)
    raising = replace(check, spec={**check.spec, "payload": {"do": "raise"}})
    world.gates = {"checkout": Gate("checkout", (raising,))}
    delivery = world.delivery(driver="driver-2")
    failed = delivery.watch(delivery.promote("2.0", to="dev"))
    assert failed.outcome is Outcome.ROLLED_BACK
    assert "smoke (us-east-1) raised AssertionError: 2 orders are lost" in failed.reason
    events = delivery.ledger.read(f"promotions/{failed.id}")
    [taken] = [each for event in events if event.kind == "gate.measured" for each in event.payload["measurements"]]
    assert taken["seen"]["answers"][0]["answer"]["errorType"] == "AssertionError"


def judged(answer: Any, **spec: Any) -> tuple[Verdict, str]:
    seen = {"function": "smoke", "region": REGION, "function_error": "", "answer": answer, "log": []}
    found = assess(Check("smoke", "", "lambda", {"function": "smoke", **spec}), {"answers": [seen]})
    return found.outcome, found.reason


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"verdict": "passed"}, Verdict.PASSED),
        ({"status": "Failed", "reason": "one\nline"}, Verdict.FAILED),
        ({"verdict": "inconclusive"}, Verdict.INCONCLUSIVE),
        ({"verdict": "error"}, Verdict.ERROR),
        ({"verdict": "splendid"}, Verdict.ERROR),
        ({"verdict": True}, Verdict.ERROR),
        ({"verdict": False, "status": "ok"}, Verdict.ERROR),
        ({"verdict": None, "status": "ok"}, Verdict.ERROR),
        ({"verdict": "", "status": "ok"}, Verdict.ERROR),
        ({"verdict": "passed", "value": 10**400}, Verdict.PASSED),
        ({"verdict": "passed", "value": float("nan")}, Verdict.PASSED),
        (None, Verdict.ERROR),
        ("passed", Verdict.ERROR),
        ([], Verdict.ERROR),
        ({}, Verdict.ERROR),
    ],
)
def test_only_a_verdict_is_one(answer: Any, verdict: Verdict) -> None:
    found, reason = judged(answer)
    assert found is verdict
    assert "\n" not in reason


@pytest.mark.parametrize(
    ("condition", "verdict"),
    [
        ("errors == `0`", Verdict.PASSED),
        ("errors > `0`", Verdict.FAILED),
        ("errors", Verdict.ERROR),
        ("failures", Verdict.ERROR),
        ("length(errors)", Verdict.ERROR),
    ],
)
def test_a_condition_must_be_true_or_false(condition: str, verdict: Verdict) -> None:
    assert judged({"errors": 0, "reason": "why"}, passes_if=condition)[0] is verdict
