"""Evaluates alarms when metric data arrives and as time passes."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta
from typing import Any

from deliverkit.sandbox.alarms import composite
from deliverkit.sandbox.alarms.changes import change
from deliverkit.sandbox.alarms.evaluation import State, evaluate
from deliverkit.sandbox.alarms.math_syntax import ExpressionError
from deliverkit.sandbox.alarms.moto_alarms import AlarmView, alarms_of, period_of
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
                self._evaluate_if_due(alarm, now)
        for account, region in places:
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
            return alarm.state, "the sandbox evaluates static thresholds only", "{}"
        try:
            datapoints = alarm.datapoints(now)
        except ExpressionError as error:
            return State.INSUFFICIENT_DATA, f"the expression can not be computed: {error}", "{}"
        state, reason = evaluate(alarm.rule, datapoints, alarm.state)
        return state, reason, json.dumps(_reason_data(alarm, datapoints, now))


def _reason_data(alarm: AlarmView, datapoints: list[float | None], now: datetime) -> dict[str, Any]:
    told: dict[str, Any] = {
        "version": "1.0",
        "queryDate": now.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "period": alarm.period,
        "recentDatapoints": [value for value in datapoints if value is not None][-alarm.rule.evaluation_periods :],
        "threshold": alarm.rule.threshold,
    }
    if not alarm.inner.metric_data_queries:
        told["statistic"] = alarm.inner.extended_statistic or alarm.inner.statistic
    return told
