"""What a Lambda function answers, and what that means.

    seen: {answers: [{function, region, version, answer: ..., function_error: Unhandled, log: [...]},
                     {function, region, error: why}]}

| answer | outcome |
|---|---|
| `{"verdict": "passed"}`, else `status`; `failed`, `inconclusive`, `error`; with `reason` and `value` | that |
| whatever makes `passes_if` true / false | passed / failed |
| the function raised an exception (`FunctionError`) | failed, as for CodeDeploy's hooks and CodePipeline's rules |
| it could not run to its end: time-out, out of memory, not loadable (`Runtime.`, `Sandbox.`...) | error |
| nothing of this | error: an answer that says nothing is no pass |
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.telling import plainly, together
from deliverkit.domain.gate import Verdict

_WORDS: Mapping[str, Verdict] = {
    **dict.fromkeys(("passed", "pass", "succeeded", "success", "ok"), Verdict.PASSED),
    **dict.fromkeys(("failed", "fail", "failure"), Verdict.FAILED),
    "inconclusive": Verdict.INCONCLUSIVE,
    "error": Verdict.ERROR,
}
"""Ours, and those of CodeDeploy's hooks (PutLifecycleEventHookExecutionStatus: Succeeded, Failed)."""
_NOT_THE_CODE = ("Runtime.", "Sandbox.", "Extension.", "Function.")
"""How Lambda's own error types begin (Lambda developer guide, "Troubleshoot execution issues")."""


@plainly
def assess(spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Judge what a function answered in each region: the worst of it."""
    judged = [_judge(spec, each) for each in seen.get("answers", ())]
    values = [each.value for each in judged if each.value is not None]
    found = ((each.outcome, each.reason) for each in judged)
    return replace(together(found, nothing="no function was invoked", value=min(values, default=None)), is_open=False)


def _judge(spec: Spec, seen: Mapping[str, Any]) -> Assessment:
    name = f"{seen['function']} ({seen['region']})"
    if seen.get("error"):
        return Assessment(Verdict.ERROR, str(seen["error"]))
    if seen.get("function_error"):
        return _crashed(name, seen)
    answer = seen["answer"]
    value = _number(answer.get("value")) if isinstance(answer, Mapping) else None
    if spec.get("passes_if"):
        return _by_condition(name, str(spec["passes_if"]), answer, value)
    return _by_word(name, answer, value)


def _crashed(name: str, seen: Mapping[str, Any]) -> Assessment:
    answer = seen["answer"] if isinstance(seen["answer"], Mapping) else {}
    kind, message = str(answer.get("errorType") or ""), str(answer.get("errorMessage") or "no message")
    if not kind or kind.startswith(_NOT_THE_CODE):
        return Assessment(Verdict.ERROR, f"{name} could not run to its end: {kind or 'no type'}: {message}")
    return Assessment(Verdict.FAILED, f"{name} raised {kind}: {message}")


def _by_condition(name: str, condition: str, answer: Any, value: float | None) -> Assessment:
    import jmespath  # noqa: PLC0415  (only checks with a condition pay for it)

    try:
        found = jmespath.search(condition, answer)
    except jmespath.exceptions.JMESPathError as error:
        return Assessment(Verdict.ERROR, f"{condition!r} cannot be asked of what {name} answered: {error}", value)
    if not isinstance(found, bool):
        said = "nothing" if found is None else repr(found)
        return Assessment(Verdict.ERROR, f"{condition!r} gives {said} for what {name} answered, not true or false")
    told = f"{name} answered so that {condition} is {str(found).lower()}{_reason(answer)}"
    return Assessment(Verdict.PASSED if found else Verdict.FAILED, told, value)


def _by_word(name: str, answer: Any, value: float | None) -> Assessment:
    said = answer.get("verdict", answer.get("status")) if isinstance(answer, Mapping) else None
    if not isinstance(said, str):
        told = f'{name} answered without a verdict: let it return {{"verdict": "passed"}}, or write `passes_if`'
        return Assessment(Verdict.ERROR, told, value)
    verdict = _WORDS.get(said.lower())
    if verdict is None:
        return Assessment(Verdict.ERROR, f"{name} answered {said!r}, which is no verdict: {', '.join(_WORDS)}", value)
    return Assessment(verdict, f"{name} answered {said}{_reason(answer)}", value)


def _reason(answer: Any) -> str:
    reason = answer.get("reason") if isinstance(answer, Mapping) else None
    return f": {' '.join(str(reason).split())}" if reason else ""


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
