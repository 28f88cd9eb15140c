"""CloudWatch alarms as a gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.check_ports import CheckContext
from deliverkit.domain.gate import Check, Measurement, Verdict, worst
from deliverkit.errors import DeliverkitError
from deliverkit.ports import Clock

_VERDICTS: Mapping[str, Verdict] = {
    "OK": Verdict.PASSED,
    "ALARM": Verdict.FAILED,
    "INSUFFICIENT_DATA": Verdict.INCONCLUSIVE,
}
"""States of an alarm (CloudWatch API reference, MetricAlarm.StateValue); a state we do not know is an error."""


class AlarmCheck:
    """Measures a gate of kind `alarm`: the worst state of the named alarms in every region of the leg."""

    def __init__(self, aws: Aws, clock: Clock) -> None:
        """Take the session and the clock that dates measurements."""
        self._aws = aws
        self._clock = clock

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Look at the alarms once."""
        regions = [check.spec["region"]] if check.spec.get("region") else list(context.regions)
        try:
            states = [state for region in regions for state in self._states(check.spec["names"], region)]
        except DeliverkitError as error:
            return Measurement(check.gate, self._clock.now(), Verdict.ERROR, error.message, check=check.name)
        outcome = worst(verdict for verdict, _ in states)
        told = "; ".join(words for verdict, words in states if verdict is outcome)
        return Measurement(check.gate, self._clock.now(), outcome, told or "no alarm is named", check=check.name)

    def _states(self, names: Sequence[str], region: str) -> list[tuple[Verdict, str]]:
        with translated(f"reading alarms in {region}"):
            pages = (
                self._aws.client("cloudwatch", region)
                .get_paginator("describe_alarms")
                .paginate(AlarmNames=list(names), AlarmTypes=["MetricAlarm", "CompositeAlarm"])
            )
            found = {a["AlarmName"]: a for page in pages for a in (*page["MetricAlarms"], *page["CompositeAlarms"])}
        return [_read(name, region, found.get(name)) for name in names]


def _read(name: str, region: str, alarm: Mapping[str, Any] | None) -> tuple[Verdict, str]:
    if alarm is None:
        return Verdict.ERROR, f"there is no alarm {name} in {region}"
    state, why = str(alarm.get("StateValue", "")), str(alarm.get("StateReason", "")).strip()
    return _VERDICTS.get(state, Verdict.ERROR), f"alarm {name} ({region}) is {state or 'in no state'}" + (
        f": {why}" if why else ""
    )
