"""GetMetricData's limits and pages, how often it was asked, and its request rate."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from sandbox_processes import client_at

from deliverkit.sandbox.server import Sandbox

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def cloudwatch(sandbox: Sandbox) -> Iterator[Any]:
    """Two metrics with a value in each of four minutes."""
    found = client_at(sandbox.endpoint, "cloudwatch")
    for name, factor in (("Errors", 1), ("Requests", 10)):
        data = [
            {"MetricName": name, "Timestamp": NOON + timedelta(minutes=minute), "Values": [1.0, 2.0, 3.0 * factor]}
            for minute in range(4)
        ]
        found.put_metric_data(Namespace="Shop", MetricData=data)
    sandbox.world.clock.set_speed(0)
    yield found
    sandbox.world.clock.set_speed(1)


def query(query_id: str, name: str = "Errors", stat: str = "Sum", **more: Any) -> dict[str, Any]:
    metric = {"Namespace": "Shop", "MetricName": name}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": 60, "Stat": stat}, **more}


def get(cloudwatch: Any, *queries: Any, **more: Any) -> Any:
    times = {"StartTime": NOON, "EndTime": NOON + timedelta(minutes=4)}
    return cloudwatch.get_metric_data(MetricDataQueries=list(queries), **times, **more)


def test_five_hundred_queries_are_asked_at_once_and_no_more(cloudwatch: Any) -> None:
    found = get(cloudwatch, *(query(f"q{number}") for number in range(500)))
    assert [each["Id"] for each in found["MetricDataResults"]] == [f"q{number}" for number in range(500)]
    assert all(each["Values"] == [6, 6, 6, 6] for each in found["MetricDataResults"])
    with pytest.raises(ClientError, match=r"ValidationError.*must not have a size greater than 500"):
        get(cloudwatch, *(query(f"q{number}") for number in range(501)))


def test_what_is_beyond_the_datapoints_of_an_answer_comes_with_the_next(cloudwatch: Any) -> None:
    queries = [query("a"), query("nothing", "Nothing"), query("b", "Requests"), {"Id": "c", "Expression": "a + b"}]
    asked = {"MaxDatapoints": 6, "ScanBy": "TimestampAscending"}
    first = get(cloudwatch, *queries, **asked)
    told = [(each["Id"], each["StatusCode"], len(each["Values"])) for each in first["MetricDataResults"]]
    assert told == [("a", "Complete", 4), ("nothing", "Complete", 0), ("b", "PartialData", 2)]
    rest = get(cloudwatch, *queries, **asked, NextToken=first["NextToken"])
    told = [(each["Id"], each["StatusCode"], len(each["Values"])) for each in rest["MetricDataResults"]]
    assert told == [("b", "Complete", 2), ("c", "Complete", 4)]
    assert "NextToken" not in rest
    halves = [each for page in (first, rest) for each in page["MetricDataResults"] if each["Id"] == "b"]
    assert [at for each in halves for at in each["Timestamps"]] == [NOON + timedelta(minutes=each) for each in range(4)]


def test_pages_together_are_the_whole(cloudwatch: Any) -> None:
    queries = [query("a"), query("b", "Requests", "p99"), query("c", "Requests", "tm50")]
    whole = {each["Id"]: each["Values"] for each in get(cloudwatch, *queries)["MetricDataResults"]}
    assert whole == {"a": [6] * 4, "b": [30] * 4, "c": [1.5] * 4}
    for size in (1, 2, 3, 5, 12, 13):
        paginator = cloudwatch.get_paginator("get_metric_data")
        found: dict[str, list[float]] = {}
        times = {"StartTime": NOON, "EndTime": NOON + timedelta(minutes=4)}
        for page in paginator.paginate(MetricDataQueries=queries, MaxDatapoints=size, **times):
            for each in page["MetricDataResults"]:
                found[each["Id"]] = found.get(each["Id"], []) + each["Values"]
        assert found == whole


@pytest.mark.parametrize(
    ("queries", "more", "message"),
    [
        ([query("a"), query("a")], {}, "not unique: a"),
        ([query("Big")], {}, "not matching the expected format"),
        ([query("a")], {"MaxDatapoints": 100_801}, "between 1 and 100800"),
        ([query("a")], {"NextToken": "elsewhere"}, "InvalidNextToken"),
        ([query("a", stat="Median")], {}, "Median"),
    ],
)
def test_what_cannot_be_asked_is_refused(cloudwatch: Any, queries: Any, more: Any, message: str) -> None:
    with pytest.raises(ClientError, match=message):
        get(cloudwatch, *queries, **more)


def test_calls_are_counted(sandbox: Sandbox, cloudwatch: Any) -> None:
    action = "cloudwatch:GetMetricData"
    sandbox.control.answer("POST", "calls/clear", {})
    for _ in range(3):
        get(cloudwatch, query("a"))
    with pytest.raises(ClientError):
        get(cloudwatch, query("a"), NextToken="elsewhere")
    cloudwatch.list_metrics()
    told = sandbox.control.answer("GET", "calls", {"action": "cloudwatch:Get*"})["calls"]
    assert list(told) == [action]
    assert (told[action]["count"], told[action]["most_in_a_second"]) == (4, 4)
    assert told[action]["first_at"] == told[action]["last_at"] == sandbox.world.clock.now().isoformat()
    assert set(sandbox.control.answer("GET", "calls", {})["calls"]) == {action, "cloudwatch:ListMetrics"}


def test_a_request_rate_is_kept_by_the_second(sandbox: Sandbox, cloudwatch: Any) -> None:
    quota = {"kind": "throttling", "service": "cloudwatch", "operation": "GetMetricData", "rate": 50}
    (fault,) = sandbox.control.answer("POST", "faults", {"faults": [quota]})["faults"]
    try:
        for _ in range(50):
            get(cloudwatch, query("a"))
        with pytest.raises(ClientError, match=r"Throttling.*Rate exceeded"):
            get(cloudwatch, query("a"))
        cloudwatch.list_metrics()
        sandbox.control.answer("POST", "clock", {"advance_seconds": 1})
        get(cloudwatch, query("a"))
    finally:
        (over,) = sandbox.control.answer("POST", "faults/clear", {"id": fault["id"]})["faults"]
    assert over["strikes"] == 1


def test_data_may_come_incomplete(sandbox: Sandbox, cloudwatch: Any) -> None:
    asked = {"ScanBy": "TimestampAscending"}
    for status, values in (("PartialData", [6, 6]), ("InternalError", [])):
        fault = {"kind": "incomplete-metrics", "metric": "Err*", "status": status}
        (added,) = sandbox.control.answer("POST", "faults", {"faults": [fault]})["faults"]
        # Faults that change the world begin by a timer, which fires as time goes on.
        sandbox.control.answer("POST", "clock", {"advance_seconds": 1})
        found = get(cloudwatch, query("a"), query("b", "Requests"), **asked)["MetricDataResults"]
        assert [(each["StatusCode"], each["Values"]) for each in found] == [(status, values), ("Complete", [33] * 4)]
        assert found[0]["Timestamps"] == [NOON + timedelta(minutes=each) for each in range(len(values))]
        (over,) = sandbox.control.answer("POST", "faults/clear", {"id": added["id"]})["faults"]
        assert over["strikes"] == 1
    assert get(cloudwatch, query("a"))["MetricDataResults"][0]["StatusCode"] == "Complete"
