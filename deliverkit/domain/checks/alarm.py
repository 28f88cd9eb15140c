"""CloudWatch alarms, metric or composite: the worst of their states.

`seen`: {"alarms": [{"name", "region", "state", "why", "evaluation"?}, ...]}; without a `state` there is no such alarm,
and `evaluation` says why its state may not be the true one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.gate import Verdict, worst

_VERDICTS: Mapping[str, Verdict] = {"OK": Verdict.PASSED, "ALARM": Verdict.FAILED}
"""States of an alarm (CloudWatch API reference, MetricAlarm.StateValue); a state we do not know is an error."""
_EVALUATIONS: Mapping[str, Verdict] = {"": Verdict.PASSED, "PARTIAL_DATA": Verdict.INCONCLUSIVE}
"""What an alarm's evaluation lets pass (the same, EvaluationState); EVALUATION_ERROR, EVALUATION_FAILURE: an error."""
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
    evaluation = str(alarm.get("evaluation") or "")
    doubt = f", of an evaluation in state {evaluation}" if evaluation else ""
    told = f"alarm {name} ({region}) is {state or 'in no state'}{doubt}" + (f": {why}" if why else "")
    verdict = _VERDICTS.get(state, Verdict.ERROR)
    if state == INSUFFICIENT:
        verdict = Verdict(spec.get("insufficient_data", Verdict.INCONCLUSIVE))
    return worst((verdict, _EVALUATIONS.get(evaluation, Verdict.ERROR))), told
