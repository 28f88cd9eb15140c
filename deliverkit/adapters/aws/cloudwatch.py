"""CloudWatch alarms as a check."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import ERROR, measurement
from deliverkit.domain.gate import Check, Measurement
from deliverkit.errors import DeliverkitError
from deliverkit.ports import Clock

SHOWN = 500
"""Letters that are kept of an alarm's reason: a composite one's may be long."""


class AlarmCheck:
    """Observes the named alarms in every region of the leg; `domain.checks.alarm` says what their states mean."""

    def __init__(self, aws: Aws, clock: Clock) -> None:
        """Take the session and the clock that dates measurements."""
        self._aws = aws
        self._clock = clock

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Look at the alarms once."""
        regions = [str(check.spec["region"])] if check.spec.get("region") else list(context.regions)
        names = list(check.spec["names"])
        try:
            seen: dict[str, Any] = {"alarms": [each for region in regions for each in self._states(names, region)]}
        except DeliverkitError as error:
            seen = {ERROR: error.message}
        query = "; ".join(_command(names, region) for region in regions)
        return measurement(check, self._clock.now(), seen, query=query)

    def _states(self, names: Sequence[str], region: str) -> list[dict[str, str]]:
        with translated(f"reading alarms in {region}"):
            pages = (
                self._aws.client("cloudwatch", region)
                .get_paginator("describe_alarms")
                .paginate(AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"])
            )
            found = {a["AlarmName"]: a for page in pages for a in (*page["MetricAlarms"], *page["CompositeAlarms"])}
        return [_seen(name, region, found.get(name)) for name in names]


def _seen(name: str, region: str, alarm: dict[str, Any] | None) -> dict[str, str]:
    place = {"name": name, "region": region}
    if alarm is None:
        return place
    why = str(alarm.get("StateReason", "")).strip()
    doubt = {"evaluation": str(alarm["EvaluationState"])} if alarm.get("EvaluationState") else {}
    return {**place, "state": str(alarm.get("StateValue", "")), "why": why[:SHOWN], **doubt}


def _command(names: Sequence[str], region: str) -> str:
    listed = shlex.join(names)
    kinds = "--alarm-types MetricAlarm CompositeAlarm"
    return f"aws cloudwatch describe-alarms --region {region} {kinds} --alarm-names {listed}"
