"""Checks of kind prometheus, against a server that answers as Prometheus documents it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from web_bench import Site, context, measured, nobody, served, taken_over

from deliverkit.adapters.prometheus import PrometheusCheck
from deliverkit.check_ports import Checker
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Check, CheckKind, Gate, Measurement, Policy, Verdict
from deliverkit.domain.rollout import Outcome
from deliverkit.testing.clock import FakeClock
from deliverkit.testing.contracts import CheckContract
from deliverkit.testing.contracts.checks import Case

TOKEN = "prometheus-token-1234"
QUERY = 'sum(rate(errors{version="${release.version}"}[5m]))'
INSTANT, RANGE = "/api/v1/query", "/api/v1/query_range"


@pytest.fixture
def site() -> Iterator[Site]:
    with served() as one:
        yield one


def vector(*values: str, name: str = "errors") -> dict[str, Any]:
    series = [
        {"metric": {"__name__": name, "zone": f"z{number}"}, "value": [1767603600.123, value]}
        for number, value in enumerate(values)
    ]
    return {"resultType": "vector", "result": series}


def answers(site: Site, data: dict[str, Any], path: str = INSTANT, **more: Any) -> None:
    site.says(path, json.dumps({"status": "success", "data": data, **more}))


def ask(site: Site, clock: FakeClock | None = None, **spec: Any) -> Measurement:
    checker = PrometheusCheck(nobody, clock=clock or FakeClock(), environ={"PROM_TOKEN": TOKEN})
    return measured(checker, "prometheus", {"url": f"{site.url}/", "query": QUERY, **spec})


class TestContract(CheckContract):
    kind = CheckKind.PROMETHEUS

    @pytest.fixture
    def checker(self) -> Checker:
        return PrometheusCheck(nobody, clock=FakeClock(), environ={"PROM_TOKEN": TOKEN})

    @pytest.fixture
    def passing(self, site: Site) -> Case:
        answers(site, vector("0.25"))
        spec = {"url": site.url, "query": QUERY, "below": 1.0, "headers": {"Authorization": "Bearer ${env.PROM_TOKEN}"}}
        return Case(spec, context(), (TOKEN,))

    @pytest.fixture
    def failing(self, passing: Case) -> Case:
        return Case({**passing.spec, "below": 0.2}, context(), (TOKEN,))

    @pytest.fixture
    def unaskable(self, site: Site, passing: Case) -> Case:
        refused = {"status": "error", "errorType": "bad_data", "error": f"who is {TOKEN}?"}
        site.says("/refusing" + INSTANT, json.dumps(refused), status=400)
        return Case({**passing.spec, "url": f"{site.url}/refusing"}, context(), (TOKEN,))


def test_the_query_goes_out_with_its_placeholders_escaped_and_the_token(site: Site) -> None:
    answers(site, vector("0"))
    where = context(**{"release.version": 'a"b\\c'})
    checker = PrometheusCheck(nobody, clock=FakeClock(), environ={"PROM_TOKEN": TOKEN})
    spec = {"url": site.url, "query": QUERY, "below": 1, "headers": {"Authorization": "Bearer ${env.PROM_TOKEN}"}}
    found = measured(checker, "prometheus", spec, where)
    asked = parse_qs(urlsplit(site.asked[-1].split()[1]).query)
    assert asked == {"query": ['sum(rate(errors{version="a\\"b\\\\c"}[5m]))']}
    assert site.headers[-1]["authorization"] == f"Bearer {TOKEN}"
    assert found.query == f"{site.url}: {asked['query'][0]}"


def test_a_long_query_is_posted(site: Site) -> None:
    answers(site, vector("0"))
    assert ask(site, query="x" * 5000, below=1).outcome is Verdict.PASSED
    assert site.asked[-1] == f"POST {INSTANT}"
    assert parse_qs(site.bodies[-1].decode()) == {"query": ["x" * 5000]}


@pytest.mark.parametrize(
    ("values", "spec", "outcome", "said"),
    [
        (["0.5"], {"below": 1}, Verdict.PASSED, 'errors{zone="z0"} is 0.5, below 1'),
        (["1"], {"below": 1}, Verdict.FAILED, "is 1, expected below 1"),
        (["1"], {"at_most": 1, "above": 0}, Verdict.PASSED, "above 0 and at most 1"),
        (["0.5", "2", "3"], {"below": 1}, Verdict.FAILED, "and so are 1 more of 3 series"),
        (["0.5", "2"], {"below": 1, "series": "any"}, Verdict.PASSED, "is 0.5"),
        (["5", "2"], {"below": 1, "series": "any"}, Verdict.FAILED, "none of 2 series is below 1"),
        (["NaN"], {"below": 1}, Verdict.ERROR, "is NaN, which is no data"),
        (["NaN"], {"below": 1, "missing_data": "inconclusive"}, Verdict.INCONCLUSIVE, "NaN"),
        (["NaN", "0"], {"below": 1}, Verdict.ERROR, "NaN"),
        (["NaN", "0"], {"below": 1, "series": "any"}, Verdict.PASSED, "is 0"),
        (["NaN", "7"], {"below": 1, "missing_data": "passed"}, Verdict.FAILED, "is 7"),
        (["+Inf"], {"below": 1}, Verdict.FAILED, "is inf, expected below 1"),
        (["+Inf"], {"above": 1}, Verdict.ERROR, "is inf, expected above 1"),
        (["-Inf", "9"], {"below": 1}, Verdict.FAILED, "is 9"),
        ([], {"below": 1}, Verdict.ERROR, "there is no data"),
        ([], {"below": 1, "missing_data": "inconclusive"}, Verdict.INCONCLUSIVE, "there is no data"),
        ([], {"below": 1, "missing_data": "passed"}, Verdict.PASSED, "there is no data"),
        ([], {"below": 1, "missing_data": "failed"}, Verdict.FAILED, "there is no data"),
        (["1"], {}, Verdict.ERROR, "no limit is set"),
    ],
)
def test_series_are_held_against_limits(
    site: Site, values: list[str], spec: dict[str, Any], outcome: Verdict, said: str
) -> None:
    answers(site, vector(*values))
    found = ask(site, **spec)
    assert (found.outcome, said in found.reason) == (outcome, True), found.reason
    json.dumps(found.seen, allow_nan=False)


def test_a_scalar_is_a_number_and_a_text_is_none(site: Site) -> None:
    answers(site, {"resultType": "scalar", "result": [1, "3"]})
    assert ask(site, below=4).value == 3
    answers(site, {"resultType": "string", "result": [1, "3"]})
    found = ask(site, below=4)
    assert (found.outcome, "gives a string" in found.reason) == (Verdict.ERROR, True)


def matrix(*values: str, first: float = 0.0, step: float = 10.0) -> dict[str, Any]:
    points = [[first + step * number, value] for number, value in enumerate(values)]
    return {"resultType": "matrix", "result": [{"metric": {"__name__": "errors"}, "values": points}]}


SPAN = {"below": 100, "range": 600.0, "step": 300.0}


def test_a_range_is_reduced_and_ends_now(site: Site) -> None:
    answers(site, matrix("1", "2", "6"), RANGE)
    clock = FakeClock()
    for reduce, value in (("avg", 3), ("last", 6), ("min", 1), ("max", 6)):
        assert ask(site, clock, **SPAN, reduce=reduce).value == value
    asked = parse_qs(urlsplit(site.asked[-1].split()[1]).query)
    now = clock.now().timestamp()
    assert (asked["start"], asked["end"], asked["step"]) == ([f"{now - 600:.3f}"], [f"{now:.3f}"], ["300"])
    answers(site, matrix(*["1"] * 61), RANGE)
    assert ask(site, below=100, range=600.0).outcome is Verdict.PASSED
    assert parse_qs(urlsplit(site.asked[-1].split()[1]).query)["step"] == ["10"]


def test_a_hole_in_a_range_is_no_data(site: Site) -> None:
    answers(site, matrix("1", "NaN", "1"), RANGE)
    assert ask(site, **SPAN).outcome is Verdict.ERROR
    assert ask(site, **SPAN, reduce="last").outcome is Verdict.PASSED
    answers(site, {"resultType": "matrix", "result": []}, RANGE)  # a metric that vanished
    assert ask(site, **SPAN).outcome is Verdict.ERROR


@pytest.mark.parametrize("reduce", ["last", "avg", "min", "max"])
def test_a_metric_that_vanished_midway_keeps_no_limit_and_may_break_one(site: Site, reduce: str) -> None:
    answers(site, matrix("1", "1", first=1767603600.0, step=300), RANGE)
    found = ask(site, **SPAN, reduce=reduce)
    assert found.outcome is Verdict.ERROR
    assert "errors has 2 of 3 points, so that data are missing; the last is of 2026-01-05T09:05:00Z" in found.reason
    assert ask(site, **{**SPAN, "below": 1}, reduce=reduce).outcome is Verdict.FAILED
    for choice in (Verdict.INCONCLUSIVE, Verdict.PASSED, Verdict.FAILED):
        assert ask(site, **SPAN, reduce=reduce, missing_data=choice.value).outcome is choice
    assert ask(site, **SPAN, reduce=reduce, series="any").outcome is Verdict.ERROR
    whole = {"metric": {}, "values": [[0, "1"], [300, "1"], [600, "1"]]}
    both = [*matrix("1")["result"], whole]
    answers(site, {"resultType": "matrix", "result": both}, RANGE)
    assert ask(site, **SPAN, reduce=reduce).outcome is Verdict.ERROR
    assert ask(site, **SPAN, reduce=reduce, series="any").outcome is Verdict.PASSED


@pytest.mark.parametrize(("span", "step", "points"), [(600, 7, 86), (0.3, 0.1, 4), (3600, 60, 61), (59.999, 20, 3)])
def test_points_are_counted_as_the_server_does(site: Site, span: float, step: float, points: int) -> None:
    for number, outcome in ((points - 1, Verdict.ERROR), (points, Verdict.PASSED)):
        answers(site, matrix(*["1"] * number), RANGE)
        assert ask(site, below=100, range=span, step=step).outcome is outcome


def test_a_clock_that_jumps_asks_for_another_time_and_no_more(site: Site) -> None:
    answers(site, matrix("1", "1", "1"), RANGE)
    clock = FakeClock()
    ask(site, clock, **SPAN)
    clock.advance(timedelta(days=400))
    assert ask(site, clock, **SPAN).outcome is Verdict.PASSED


def test_what_a_server_warns_of_does_not_pass(site: Site) -> None:
    answers(site, vector("0"), warnings=["PromQL warning: one store did not answer"])
    found = ask(site, below=1)
    assert found.outcome is Verdict.INCONCLUSIVE
    assert "it warns: PromQL warning: one store did not answer" in found.reason
    assert ask(site, above=1).outcome is Verdict.FAILED
    answers(site, vector("0"), warnings=["PromQL info: metric might not be a counter"], infos=["PromQL info: again"])
    assert ask(site, below=1).outcome is Verdict.PASSED


@pytest.mark.parametrize(
    ("status", "body", "said"),
    [
        (
            400,
            '{"status":"error","errorType":"bad_data","error":"parse error: unexpected )"}',
            "bad_data: 'parse error",
        ),
        (503, '{"status":"error","errorType":"timeout","error":"query timed out"}', "query timed out' (503)"),
        (502, "<html>Bad Gateway</html>", "answered 502, which is no answer of a Prometheus: '<html>Bad"),
        (200, "<html>login</html>", "which is no answer of a Prometheus"),
        (200, '{"status":"success"}', "no result in the form of Prometheus"),
        (200, '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}}', "no result"),
        (
            200,
            '{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}',
            "convert",
        ),
        (200, "[]", "which is no answer of a Prometheus"),
        (200, '{"status":"success","warnings":5,"data":{"resultType":"vector","result":[]}}', "no result in the form"),
        (
            200,
            '{"status":"success","data":{"resultType":"scalar","result":[1,1' + "0" * 400 + "]}}",
            "no number that can be judged",
        ),
        (200, "[" * 100_000, "which is no answer of a Prometheus"),
        (404, "", "answered 404"),
    ],
)
def test_whatever_is_no_result_is_an_error_in_the_server_s_words(site: Site, status: int, body: str, said: str) -> None:
    site.says(INSTANT, body, status=status)
    found = ask(site, below=1)
    assert (found.outcome, said in found.reason) == (Verdict.ERROR, True), found.reason


def test_a_redirect_to_a_login_is_not_followed(site: Site) -> None:
    site.leads(INSTANT, "https://login.example.com/")
    found = ask(site, below=1)
    assert "answered 302, which points to https://login.example.com/" in found.reason


def test_a_secret_is_masked_before_anything_is_cut(site: Site) -> None:
    spec = {"below": 1, "headers": {"X-Key": "${env.PROM_TOKEN}"}}
    for lead in (40, 150):
        said = f"{'x' * lead} {TOKEN} {'y' * 50}"
        site.says(INSTANT, json.dumps({"status": "error", "errorType": "bad_data", "error": said}), status=400)
        assert TOKEN[:8] not in repr(ask(site, **spec))
        series = {"metric": {"told": said}, "value": [1, "0"]}
        answers(site, {"resultType": "vector", "result": [series]}, warnings=[said])
        assert TOKEN[:8] not in repr(ask(site, **spec))


def test_too_many_series_are_refused(site: Site) -> None:
    answers(site, vector(*["0"] * 101))
    found = ask(site, below=1)
    assert (found.outcome, "101 series" in found.reason) == (Verdict.ERROR, True)


def test_histograms_are_refused_with_advice(site: Site) -> None:
    answers(site, {"resultType": "vector", "result": [{"metric": {}, "histogram": [1, {}]}]})
    assert "histogram_quantile()" in ask(site, below=1).reason


def test_who_is_not_there_is_an_error() -> None:
    found = ask(Site("http://127.0.0.1:1"), below=1)
    assert (found.outcome, "connection refused" in found.reason) == (Verdict.ERROR, True)


def test_a_record_is_judged_again_under_other_limits(site: Site) -> None:
    answers(site, vector("0.3", "0.4"))
    recorded = ask(site, below=1)
    assert recorded.seen is not None
    for limit, outcome in ((0.35, Verdict.FAILED), (0.5, Verdict.PASSED)):
        check = Check("rate", "", "prometheus", {"below": limit})
        assert assess(check, recorded.seen).outcome is outcome


def test_a_process_that_takes_over_goes_on(site: Site) -> None:
    answers(site, vector("0.1"))
    gate = Gate.of("rate", CheckKind.PROMETHEUS, {"url": site.url, "query": QUERY, "below": 1}, Policy(passes=3))
    rollout, recorded = taken_over(gate, lambda clock: PrometheusCheck(nobody, clock=clock))
    assert rollout.outcome is Outcome.SUCCEEDED
    assert [each["value"] for each in recorded] == [0.1] * 3
    assert len(site.asked) == 4
