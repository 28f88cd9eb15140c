"""Evaluates alarms when metric data arrives and as time passes."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from deliverkit.sandbox.alarms import composite
from deliverkit.sandbox.alarms.changes import change
from deliverkit.sandbox.alarms.evaluation import State, evaluate
from deliverkit.sandbox.alarms.math_syntax import ExpressionError
from deliverkit.sandbox.alarms.messages import stamp
from deliverkit.sandbox.alarms.moto_alarms import AlarmView, alarms_of, period_of
from deliverkit.sandbox.alarms.reasons import reason_for
from deliverkit.sandbox.kernel.world import World

log = logging.getLogger(__name__)
TICK = timedelta(seconds=1)
"""How often due alarms are looked for while there are alarms, in virtual time."""
HIGH_RESOLUTION = timedelta(seconds=10)
STANDARD = timedelta(minutes=1)
"""How often an alarm is evaluated without news: every 10 s for periods below a minute, else every minute."""


class AlarmEvaluator:
    """The engine behind CloudWatch's alarms."""

    def __init__(self, world: World) -> None:
        """Take the world whose clock decides what is due."""
        self._world = world
        self._due: dict[tuple[str, str, str], datetime] = {}
        self._data_seen: dict[tuple[str, str, str], int] = {}

    def start(self) -> None:
        """Begin to look for due alarms."""
        self._world.timers.after(TICK, self._tick, is_kept=False)

    def stop(self) -> None:
        """Nothing to end: the timers stop with the world."""

    def look(self) -> None:
        """Evaluate what is due, new, or has new data; somebody has just talked to CloudWatch.

        A state set by hand lasts until the next evaluation that is due (CloudWatch API reference, SetAlarmState).
        """
        with self._world.lock:
            self._evaluate_due()

    def _tick(self) -> None:
        has_alarms = self._evaluate_due()
        self._world.timers.after(TICK if has_alarms else STANDARD, self._tick, is_kept=False)

    def _evaluate_due(self) -> bool:
        now = self._world.clock.now()
        places: dict[tuple[str, str], None] = {}
        for alarm in alarms_of():
            places[alarm.account, alarm.region] = None
            if not alarm.is_composite:
                with _spared(alarm.name):
                    self._evaluate_if_due(alarm, now)
        for account, region in places:
            with _spared(f"composite alarms in {region}"):
                composite.look(self._world, account, region)
        return bool(places)

    def _evaluate_if_due(self, alarm: AlarmView, now: datetime) -> None:
        count = alarm.data_count
        if now >= self._due.get(alarm.key, now) or self._data_seen.get(alarm.key) != count:
            self._due[alarm.key] = now + (HIGH_RESOLUTION if period_of(alarm) < STANDARD else STANDARD)
            self._data_seen[alarm.key] = count
            self._evaluate(alarm, now)

    def _evaluate(self, alarm: AlarmView, now: datetime) -> None:
        if alarm.is_new:
            # moto begins with OK, which nobody has found out.
            alarm.inner.state_value = State.INSUFFICIENT_DATA.value
        state, reason, data = self._found(alarm, now)
        if alarm.is_new or state is not alarm.state:
            change(self._world, alarm, state, reason, data)

    def _found(self, alarm: AlarmView, now: datetime) -> tuple[State, str, str]:
        if not alarm.is_evaluable:
            return alarm.state, "the sandbox evaluates static thresholds only", ""
        try:
            datapoints = alarm.datapoints(now)
        except ExpressionError as error:
            return State.INSUFFICIENT_DATA, f"the expression can not be computed: {error}", ""
        state = evaluate(alarm.rule, list(datapoints.values()), alarm.state)
        points = [(at, value) for at, value in datapoints.items() if value is not None]
        used = points[-alarm.rule.evaluation_periods :]
        looked_at = [at for at, _ in used] or list(datapoints)[-alarm.rule.evaluation_periods :]
        return state, reason_for(alarm.rule, state, used), _reason_data(alarm, dict(used), looked_at, now)


@contextmanager
def _spared(name: str) -> Iterator[None]:
    """Let a bug about one alarm end neither the others' evaluation nor the ticks."""
    try:
        yield
    except Exception:
        log.exception("the evaluation of %s failed", name)


def _reason_data(alarm: AlarmView, used: Mapping[int, float], looked_at: list[int], now: datetime) -> str:
    """As in the user guide's sample events ("Alarm events and EventBridge"): a period without data is named alone."""
    told: dict[str, Any] = {"version": "1.0", "queryDate": stamp(now)}
    if used:
        told["startDate"] = _begun(looked_at[0])
    if not alarm.inner.metric_data_queries:
        unit = {"unit": alarm.inner.unit} if alarm.inner.unit else {}
        told |= {**unit, "statistic": alarm.inner.extended_statistic or alarm.inner.statistic}
    counts = alarm.sample_counts(looked_at[0], now)
    told |= {"period": alarm.period, "recentDatapoints": list(used.values()), "threshold": alarm.rule.threshold}
    evaluated = []
    for at in reversed(looked_at):
        count = {"sampleCount": counts[at]} if at in counts else {}
        evaluated.append({"timestamp": _begun(at), **count, **({"value": used[at]} if at in used else {})})
    return json.dumps({**told, "evaluatedDatapoints": evaluated}, separators=(",", ":"))


def _begun(at: int) -> str:
    return stamp(datetime.fromtimestamp(at, UTC))
