"""CloudWatch alarms, metric or composite: the worst of their states.

`seen`: {"alarms": [{"name", "region", "state", "why"}, ...]}; without a `state` there is no such alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.gate import Verdict, worst

_VERDICTS: Mapping[str, Verdict] = {"OK": Verdict.PASSED, "ALARM": Verdict.FAILED}
"""States of an alarm (CloudWatch API reference, MetricAlarm.StateValue); a state we do not know is an error."""
INSUFFICIENT = "INSUFFICIENT_DATA"


def assess(spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Judge the states."""
    states = [_read(spec, alarm) for alarm in seen.get("alarms", ())]
    outcome = worst(verdict for verdict, _ in states)
    told = "; ".join(words for verdict, words in states if verdict is outcome)
    return Assessment(outcome, told or "no alarm is named")


def _read(spec: Spec, alarm: Mapping[str, Any]) -> tuple[Verdict, str]:
    name, region, state, why = (str(alarm.get(key) or "") for key in ("name", "region", "state", "why"))
    if "state" not in alarm:
        return Verdict.ERROR, f"there is no alarm {name} in {region}"
    told = f"alarm {name} ({region}) is {state or 'in no state'}" + (f": {why}" if why else "")
    if state == INSUFFICIENT:
        return Verdict(spec.get("insufficient_data", Verdict.INCONCLUSIVE)), told
    return _VERDICTS.get(state, Verdict.ERROR), told
