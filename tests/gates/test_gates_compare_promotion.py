"""Whole promotions with a canary's comparison: the metrics are a sandbox's, the rest of the world is a rehearsal."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from metrics_bench import REGION, MetricsBench, aws, bench, place  # noqa: F401

from deliverkit.adapters.aws.metric_data import CloudWatchMetrics
from deliverkit.check_ports import Asked
from deliverkit.domain.environment import Environment, Serves
from deliverkit.domain.gate import Check, Gate, Measurement, Policy, Verdict
from deliverkit.domain.rollout import Outcome, Phase, Rollout
from deliverkit.engine.metric_gates import MetricChecker
from deliverkit.testing.rehearsal import Rehearsal

PAGE = (Path(__file__).resolve().parents[2] / "docs/how-to/judge-a-canary.md").read_text(encoding="utf-8")
SPEC: dict[str, Any] = {
    "per": "requests",
    "kind": "errors",
    "baseline": {"TargetGroup": "blue"},
    "candidate": {"TargetGroup": "green"},
    "harm": 0.02,
    "alpha": 0.01,
}
POLICY = Policy(every=timedelta(seconds=30), deadline=timedelta(minutes=10))


class Died(BaseException):
    """A process is gone."""


class Mortal(MetricChecker):
    """A process that dies when it has measured so often; its last measurement is not on record."""

    lives = 1_000_000

    def measure_all(self, asked: Sequence[Asked]) -> Sequence[Measurement | None]:
        found = super().measure_all(asked)
        self.lives -= 1
        if self.lives == 0:
            raise Died
        return found


def gate_of(space: str, *names: str, **more: Any) -> Gate:
    spec = {**SPEC, "metric": f"{space} errors", "metrics": max(1, len(names)), **more}
    return Gate("canary", tuple(Check("canary", name, "compare", spec, POLICY) for name in names or ("",)))


def world(bench: MetricsBench, gate: Gate) -> Rehearsal:  # noqa: F811
    """One environment that 1.0 serves, and that bakes for twenty minutes."""
    dev = Environment(
        name="dev",
        waves=((REGION,),),
        application="shop",
        group="shop-dev",
        serves=Serves("http://${target.address}/version"),
        after=("canary",),
        bake_time=timedelta(minutes=20),
    )
    made = Rehearsal((dev,), {"canary": gate}, clock=bench.clock)
    made.checks["compare"] = MetricChecker(CloudWatchMetrics(bench.aws, bench.clock), bench.clock)
    for version in ("1.0", "2.0"):
        made.release(version)
    return made


def serve(bench: MetricsBench, space: str, *, baseline: float, candidate: float, minutes: int = 100) -> None:  # noqa: F811
    """Errors of 1,000 requests in each minute of the next hours."""
    for group, errors in (("blue", baseline), ("green", candidate)):
        bench.put(f"{space} requests", [1000.0] * minutes, {"TargetGroup": group})
        bench.put(f"{space} errors", [errors] * minutes, {"TargetGroup": group})


def promote(made: Rehearsal, version: str) -> Rollout:
    delivery = made.delivery()
    return delivery.watch(delivery.promote(version, to="dev"))


def looks(made: Rehearsal, rollout: Rollout) -> list[list[float]]:
    """Every look on record."""
    return [
        row
        for event in made.ledger.read(f"promotions/{rollout.id}")
        if event.kind == "gate.measured"
        for document in event.payload["measurements"]
        for row in (document.get("seen") or {}).get("looks", ())
    ]


def test_a_release_that_is_no_worse_succeeds_at_the_end_of_its_bake_time(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, baseline=10, candidate=10)
    made = world(bench, gate_of(space))
    rollout = promote(made, "1.0")
    assert rollout.outcome is Outcome.SUCCEEDED
    ends = [row[0] for row in looks(made, rollout)]
    assert len(ends) == len(set(ends)) >= 19


def test_a_release_that_is_worse_is_rolled_back_long_before_the_end(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    made = world(bench, gate_of(space, harm=0))
    made.checks["compare"], working = _passing(made), made.checks["compare"]
    assert promote(made, "1.0").outcome is Outcome.SUCCEEDED
    made.checks["compare"] = working
    serve(bench, space, baseline=10, candidate=80)
    began = bench.clock.now()
    rollout = promote(made, "2.0")
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert bench.clock.now() - began < timedelta(minutes=20)
    [passage] = [each for each in rollout.passages if each.verdict is Verdict.FAILED]
    assert passage.reason.replace(space, "Shop") in PAGE
    assert made.fleet.serving(REGION, "shop-dev") == {"1.0"}


def test_one_that_takes_over_goes_on_with_what_is_on_record_and_loses_no_look(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, baseline=10, candidate=10)
    made = world(bench, gate_of(space))
    mortal = Mortal(CloudWatchMetrics(bench.aws, bench.clock), bench.clock)
    mortal.lives = 12
    made.checks["compare"], working = mortal, made.checks["compare"]
    delivery = made.delivery(driver="driver-1")
    promotion = delivery.promote("1.0", to="dev")
    with pytest.raises(Died):
        delivery.watch(promotion)
    made.dead.add("driver-1")
    made.checks["compare"] = working
    bench.clock.advance(timedelta(minutes=4))
    rollout = made.delivery(driver="driver-2").watch(promotion)
    assert rollout.outcome is Outcome.SUCCEEDED
    ends = [row[0] for row in looks(made, rollout)]
    assert ends == sorted(set(ends))
    assert {later - earlier for earlier, later in pairwise(ends)} == {60}
    assert len(ends) >= 19


def test_little_traffic_pauses_for_a_human(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    for group in ("blue", "green"):
        bench.put(f"{space} requests", [3.0] * 100, {"TargetGroup": group})
    made = world(bench, gate_of(space))
    rollout = promote(made, "1.0")
    assert rollout.phase is Phase.PAUSED
    [passage] = [each for each in rollout.passages if each.verdict is Verdict.INCONCLUSIVE]
    assert passage.reason.replace(space, "Shop") in PAGE


def test_several_comparisons_of_a_gate_are_asked_together(bench: MetricsBench) -> None:  # noqa: F811
    space = bench.namespace()
    serve(bench, space, baseline=10, candidate=10)
    made = world(bench, gate_of(space, "errors", "again"))
    rollout = promote(made, "1.0")
    assert rollout.outcome is Outcome.SUCCEEDED
    measured = [event for event in made.ledger.read(f"promotions/{rollout.id}") if event.kind == "gate.measured"]
    assert max(len(event.payload["measurements"]) for event in measured) == 2
    asking = {json.dumps(each["at"]) for event in measured for each in event.payload["measurements"]}
    assert len(bench.calls) <= len(asking)


def _passing(made: Rehearsal) -> Any:
    return made.check
