"""Queries of logs held against limits, through a sandbox's Logs Insights and its clock."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.stub import ANY, Stubber
from metrics_bench import REGION, aws, aws_at, check_of, context, place  # noqa: F401

from deliverkit.adapters.aws.logs_insights import KEPT, ROWS, LogsCheck
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Measurement, Verdict
from deliverkit.domain.ledger import canonical
from deliverkit.domain.masking import Masking
from deliverkit.sandbox.kernel.clock import VirtualClock
from deliverkit.sandbox.server import Sandbox
from deliverkit.testing.clock import FakeClock

COUNT = {"query": "filter @message like /ERROR/", "delay": 0, "window": 300}


@dataclass(frozen=True)
class StandingClock:
    """The sandbox's clock, which a test moves."""

    inner: VirtualClock

    def now(self) -> datetime:
        return self.inner.now()

    def sleep_until(self, moment: datetime) -> None:
        self.inner.advance(max(moment - self.now(), timedelta(0)))


@dataclass
class Logs:
    """A log group of its own for each test."""

    aws: Aws
    clock: StandingClock
    group: str

    def write(self, *lines: object) -> None:
        """Records of this moment, which is then over."""
        at = int(self.clock.now().timestamp() * 1000)
        events = [{"timestamp": at, "message": each if isinstance(each, str) else json.dumps(each)} for each in lines]
        self.aws.client("logs").put_log_events(logGroupName=self.group, logStreamName="app", logEvents=events)
        self.clock.inner.advance(timedelta(seconds=2))

    def check(self) -> LogsCheck:
        return LogsCheck(self.aws, self.clock, masking=Masking({"DB_PASS": "known-secret"}))

    def ask(self, check: LogsCheck, **spec: Any) -> Measurement | None:
        return check.measure(check_of("logs", {"groups": [self.group], **COUNT, **spec}), context())

    def measure(self, **spec: Any) -> Measurement:
        """Ask until there is an answer."""
        check = self.check()
        for _ in range(100):
            sample = self.ask(check, **spec)
            if sample:
                return sample
            self.clock.inner.advance(timedelta(seconds=1))
        raise AssertionError


@pytest.fixture
def logs(place: Sandbox, aws: Aws, request: pytest.FixtureRequest) -> Iterator[Logs]:  # noqa: F811
    clock = place.world.clock
    clock.set_speed(0)
    group = f"/shop/{request.node.name}"[:200].replace("[", "-").replace("]", "")
    aws.client("logs").create_log_group(logGroupName=group)
    aws.client("logs").create_log_stream(logGroupName=group, logStreamName="app")
    clock.advance(timedelta(seconds=5))
    yield Logs(aws, StandingClock(clock), group)
    clock.set_speed(1)


def statuses(logs: Logs) -> Sequence[str]:
    found = logs.aws.client("logs").describe_queries(logGroupName=logs.group)["queries"]
    return [each["status"] for each in found]


def test_the_number_of_matching_records_is_judged(logs: Logs) -> None:
    logs.write("INFO fine", "ERROR out of stock", "ERROR again")
    sample = logs.measure(below=3)
    assert (sample.outcome, sample.value, sample.reason) == (
        Verdict.PASSED,
        2.0,
        "2 records match (us-east-1), below 3",
    )
    failed = logs.measure(below=2)
    assert failed.outcome is Verdict.FAILED
    assert failed.reason == "2 records match (us-east-1), allowed is below 2: ERROR again"
    assert failed.query.startswith("aws logs start-query --region us-east-1 --log-group-names ")
    assert "--query-string 'filter @message like /ERROR/'" in failed.query


def test_nothing_blocks_while_a_query_runs(logs: Logs) -> None:
    check = logs.check()
    assert logs.ask(check, below=1) is None
    assert logs.ask(check, below=1) is None
    assert statuses(logs) == ["Scheduled"]
    logs.clock.inner.advance(timedelta(seconds=30))
    sample = logs.ask(check, below=1)
    assert sample is not None
    assert sample.outcome is Verdict.PASSED
    assert statuses(logs) == ["Complete"]


def test_a_field_of_every_row_is_judged(logs: Logs) -> None:
    logs.write(*({"path": path, "ms": ms} for path, ms in (("/", 10), ("/", 30), ("/buy", 900))))
    query = "stats avg(ms) as latency by path"
    assert logs.measure(query=query, field="latency", below=1000).outcome is Verdict.PASSED
    sample = logs.measure(query=query, field="latency", at_most=500)
    assert (sample.outcome, sample.value) == (Verdict.FAILED, 900.0)
    assert "latency is 900 in 1 of 2 rows" in sample.reason


def test_rows_that_a_record_does_not_keep_are_judged_by_their_extremes(logs: Logs) -> None:
    logs.write(*({"n": number} for number in range(KEPT + 40)))
    sample = logs.measure(query="fields n | sort n asc", field="n", below=KEPT + 39)
    assert (sample.outcome, sample.value) == (Verdict.FAILED, KEPT + 39.0)
    assert sample.seen is not None
    assert len(sample.seen["answers"][0]["rows"]) <= KEPT + 3


@pytest.mark.parametrize(
    ("choice", "outcome"),
    [("error", Verdict.ERROR), ("inconclusive", Verdict.INCONCLUSIVE), ("zero", Verdict.PASSED)],
)
def test_a_result_without_rows_comes_to_what_the_rules_say(logs: Logs, choice: str, outcome: Verdict) -> None:
    spec = {"query": "filter x = 1 | fields x", "field": "x", "below": 1}
    assert logs.measure(**spec).outcome is Verdict.ERROR
    assert logs.measure(**spec, missing_data=choice).outcome is outcome


def test_a_field_that_is_no_number_or_not_there_is_an_error(logs: Logs) -> None:
    logs.write({"a": "much"}, {"a": 1})
    sample = logs.measure(query="fields a", field="a", below=5)
    assert (sample.outcome, sample.value) == (Verdict.ERROR, None)
    assert "a is much in a row" in sample.reason
    absent = logs.measure(query="fields a", field="b", below=5)
    assert absent.outcome is Verdict.ERROR
    assert "there are: a" in absent.reason


def test_secrets_in_records_are_masked_before_they_are_told(logs: Logs) -> None:
    logs.write(f"{'x' * 290}ERROR password=hunter2222", "ERROR known-secret Authorization: Bearer abcdefgh12345678")
    sample = logs.measure(at_most=0)
    assert sample.outcome is Verdict.FAILED
    told = json.dumps(sample.seen) + sample.reason
    assert "ERROR" in told
    for secret in ("hunt", "known-secret", "abcdefgh"):
        assert secret not in told
    logs.write({"path": "/", "password": "open sesame", "api_key": 12345678})
    fields = logs.measure(query="fields path, password, api_key | filter path = '/'", field="api_key", above=1e7)
    assert (fields.outcome, fields.value) == (Verdict.PASSED, 12345678.0)  # what is judged is a number, and no secret
    assert "sesame" not in json.dumps(fields.seen)


def test_a_query_may_speak_of_the_address_of_the_environment(logs: Logs) -> None:
    logs.write("ERROR of http://shop.example.com", "ERROR of http://elsewhere.example.com")
    spec = {"groups": [logs.group], **COUNT, "query": "filter @message like '${endpoint}'", "at_most": 1}
    where, check = replace(context(), endpoint="http://shop.example.com"), logs.check()
    samples = []
    for _ in range(30):
        samples.append(check.measure(check_of("logs", spec), where))
        if samples[-1]:
            break
        logs.clock.inner.advance(timedelta(seconds=1))
    assert samples[-1] is not None
    assert (samples[-1].outcome, samples[-1].value) == (Verdict.PASSED, 1.0), samples[-1].reason


def test_the_last_of_many_rows_is_judged_too(logs: Logs) -> None:
    logs.write(*({"svc": f"s{number:04}", "bad": 999 if number >= 1200 else 0} for number in range(1500)))
    query = "stats max(bad) as n by svc | sort svc asc"
    sample = logs.measure(query=query, field="n", below=1)
    assert (sample.outcome, sample.value) == (Verdict.FAILED, 999.0)


@pytest.mark.parametrize(("worst", "outcome"), [("0", Verdict.ERROR), ("999", Verdict.FAILED)])
def test_a_result_that_was_cut_off_is_no_pass(worst: str, outcome: Verdict) -> None:
    nobody, clock = aws_at("http://127.0.0.1:9"), FakeClock()
    check = LogsCheck(nobody, clock)
    spec = {"groups": ["/shop"], "query": "stats max(bad) as n by svc", "field": "n", "below": 1}
    with Stubber(nobody.client("logs", REGION)) as stub:
        asked = {"logGroupNames": ["/shop"], "queryString": spec["query"], "startTime": ANY, "endTime": ANY}
        stub.add_response("start_query", {"queryId": "q"}, {**asked, "limit": ROWS})
        rows = [[{"field": "n", "value": "0"}]] * (ROWS - 1) + [[{"field": "n", "value": worst}]]
        stub.add_response("get_query_results", {"status": "Complete", "results": rows})
        assert check.measure(check_of("logs", spec), context()) is None
        sample = check.measure(check_of("logs", spec), context())
    assert sample is not None
    assert sample.outcome is outcome
    assert ("10,000 rows" in sample.reason) is (outcome is Verdict.ERROR)
    assert assess(check_of("logs", spec), json.loads(canonical(sample.seen))).reason == sample.reason


def test_a_query_that_is_not_understood_is_told_in_the_words_of_cloudwatch(logs: Logs) -> None:
    sample = logs.measure(query="filtre x = 1", below=1)
    assert sample.outcome is Verdict.ERROR
    assert "MalformedQueryException" in sample.reason
    assert "filtre" in sample.query


def test_a_log_group_that_is_not_there_is_an_error(logs: Logs) -> None:
    sample = logs.measure(groups=["/nobody"], below=1)
    assert sample.outcome is Verdict.ERROR
    assert "ResourceNotFoundException" in sample.reason


def test_one_that_takes_over_asks_again_and_finds_the_same(logs: Logs) -> None:
    logs.write("ERROR once")
    died = logs.check()
    assert logs.ask(died, below=1) is None
    sample = logs.measure(below=1)
    assert (sample.outcome, sample.value) == (Verdict.FAILED, 1.0)
    assert len(statuses(logs)) == 2
    logs.clock.inner.advance(timedelta(seconds=30))
    late = logs.ask(died, below=1)
    assert late is not None
    assert late.seen == sample.seen


def test_one_that_is_told_to_end_stops_its_queries(logs: Logs) -> None:
    check = logs.check()
    logs.ask(check, below=1)
    check.interrupt()
    assert statuses(logs) == ["Cancelled"]


def test_a_query_that_takes_too_long_is_stopped_and_an_error(logs: Logs) -> None:
    check = logs.check()
    assert logs.ask(check, below=1, timeout=0.05) is None
    logs.clock.inner.advance(timedelta(seconds=0.05))
    sample = logs.ask(check, below=1, timeout=0.05)
    assert sample is not None
    assert (sample.outcome, sample.reason) == (Verdict.ERROR, "the query of logs did not end within 0.05 s")
    assert statuses(logs) == ["Cancelled"]


def test_a_query_that_somebody_stopped_is_an_error(logs: Logs) -> None:
    check = logs.check()
    logs.ask(check, below=1)
    (query,) = logs.aws.client("logs").describe_queries(logGroupName=logs.group)["queries"]
    logs.aws.client("logs").stop_query(queryId=query["queryId"])
    sample = logs.ask(check, below=1)
    assert sample is not None
    assert sample.outcome is Verdict.ERROR
    assert "ended as Cancelled" in sample.reason


def test_records_count_in_one_window_only(logs: Logs) -> None:
    start = logs.clock.now()
    logs.clock.sleep_until(start.replace(microsecond=0) + timedelta(seconds=10))
    at = logs.clock.now()
    logs.write("ERROR on the border")
    spec = {"below": 1, "window": 10}
    logs.clock.sleep_until(at + timedelta(seconds=10))
    assert logs.measure(**spec).value == 1.0
    before = (logs.clock.now() - at).total_seconds()
    assert logs.measure(**spec, delay=before).value == 0.0


def test_the_record_is_judged_again_under_other_rules(logs: Logs) -> None:
    logs.write("ERROR once")
    sample = logs.measure(below=1)
    assert sample.seen is not None
    kept = json.loads(canonical(sample.seen))
    assert assess(check_of("logs", {"below": 2}), kept).outcome is Verdict.PASSED


def test_an_aws_that_does_not_answer_is_an_error() -> None:
    check = LogsCheck(aws_at("http://127.0.0.1:9"), FakeClock())
    sample = check.measure(check_of("logs", {"groups": ["/a"], **COUNT, "below": 1}), context())
    assert sample is not None
    assert sample.outcome is Verdict.ERROR
    assert "no answer" in sample.reason


def test_too_many_queries_at_once_are_waited_for_and_at_last_an_error() -> None:
    nobody, clock = aws_at("http://127.0.0.1:9"), FakeClock()
    wanted, busy = check_of("logs", {"groups": ["/a"], **COUNT, "below": 1, "timeout": 60}), "LimitExceededException"
    answer = {"status": "Complete", "results": [], "statistics": {"recordsMatched": 0.0}}
    with Stubber(nobody.client("logs", REGION)) as stub:
        stub.add_client_error("start_query", busy)
        stub.add_response("start_query", {"queryId": "q"})
        stub.add_response("get_query_results", answer)
        stub.add_client_error("start_query", busy)
        stub.add_client_error("start_query", busy)
        check = LogsCheck(nobody, clock)
        assert [check.measure(wanted, context()) for _ in range(2)] == [None, None]
        assert (passed := check.measure(wanted, context())) is not None
        assert passed.outcome is Verdict.PASSED
        assert check.measure(wanted, context()) is None
        clock.advance(timedelta(seconds=60))
        assert (refused := check.measure(wanted, context())) is not None
    assert refused.outcome is Verdict.ERROR
    assert "too many queries run in the account" in refused.reason
