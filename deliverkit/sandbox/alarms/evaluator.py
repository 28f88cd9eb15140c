"""Evaluates alarms when metric data arrives and as time passes, and tells topics about changes."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timedelta

from deliverkit.sandbox.alarms.evaluation import State, evaluate
from deliverkit.sandbox.alarms.moto_alarms import MetricAlarm, metric_alarms
from deliverkit.sandbox.kernel.world import Notice, World

log = logging.getLogger(__name__)
TICK = timedelta(seconds=1)
"""How often due alarms are looked for, in virtual time."""
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
        self._evaluate_due()
        self._world.timers.after(TICK, self._tick, is_kept=False)

    def _evaluate_due(self) -> None:
        now = self._world.clock.now()
        for alarm in metric_alarms():
            if now >= self._due.get(alarm.key, now) or self._data_seen.get(alarm.key) != alarm.data_count:
                self._due[alarm.key] = now + (HIGH_RESOLUTION if alarm.period < STANDARD else STANDARD)
                self._data_seen[alarm.key] = alarm.data_count
                self._evaluate(alarm, now)

    def _evaluate(self, alarm: MetricAlarm, now: datetime) -> None:
        if not alarm.is_evaluable:
            state, reason = State.INSUFFICIENT_DATA, "the sandbox evaluates single metrics against static thresholds"
            if not alarm.is_new:
                return
        else:
            present = State.INSUFFICIENT_DATA if alarm.is_new else alarm.state
            state, reason = evaluate(alarm.rule, alarm.datapoints(now), present)
        if alarm.is_new or state is not alarm.state:
            was = alarm.state
            alarm.set_state(state, reason, now)
            self._tell(alarm, was, state, reason, now)

    def _tell(self, alarm: MetricAlarm, was: State, state: State, reason: str, now: datetime) -> None:
        name = alarm.inner.name
        detail = {
            "alarmName": name,
            "state": {"value": state.value, "reason": reason, "timestamp": now.isoformat()},
            "previousState": {"value": was.value},
        }
        arn = str(alarm.inner.alarm_arn)
        notice = Notice("aws.cloudwatch", "CloudWatch Alarm State Change", alarm.account, alarm.region, (arn,), detail)
        self._world.publish(notice)
        message = {
            "AlarmName": name,
            "NewStateValue": state.value,
            "OldStateValue": was.value,
            "NewStateReason": reason,
        }
        for topic in alarm.actions(state):
            if ":sns:" in topic:
                self._publish(topic, f'{state.value}: "{name}" in {alarm.region}', json.dumps(message), alarm)

    def _publish(self, topic: str, subject: str, message: str, alarm: MetricAlarm) -> None:
        sns = self._world.moto.backend("sns", alarm.account, topic.split(":")[3])
        try:
            sns.publish(message=message, subject=subject, arn=topic)
        except Exception as error:  # noqa: BLE001  (a topic that is gone fails the action on AWS too, not the alarm)
            log.warning("alarm %s could not notify %s: %s", alarm.inner.name, topic, error)
