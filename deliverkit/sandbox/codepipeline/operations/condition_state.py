"""The conditions of a stage, as GetPipelineState shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline.conditions import RULES
from deliverkit.sandbox.codepipeline.conditions.check import Check
from deliverkit.sandbox.codepipeline.definition import BEFORE_ENTRY, ON_FAILURE, ON_SUCCESS, Action, Condition
from deliverkit.sandbox.codepipeline.state import ActionRun

STATE_MEMBERS: Mapping[str, str] = {
    "beforeEntryConditionState": BEFORE_ENTRY,
    "onSuccessConditionState": ON_SUCCESS,
    "onFailureConditionState": ON_FAILURE,
}


def condition_state(condition: Condition, check: Check | None) -> dict[str, Any]:
    """One kind of condition of a stage (CodePipeline API reference, StageConditionState)."""
    runs = {run.action.name: run for run in check.runs} if check else {}
    inner: dict[str, Any] = {"ruleStates": [_rule_state(rule, runs.get(rule.name)) for rule in condition.rules]}
    if check is None:
        return {"conditionStates": [inner]}
    latest = {"status": check.status.value, "summary": check.summary or None}
    return {
        "latestExecution": latest,
        "conditionStates": [{**inner, "latestExecution": {**latest, "lastStatusChange": check.updated_at}}],
    }


def _rule_state(rule: Action, run: ActionRun | None) -> dict[str, Any]:
    shown: dict[str, Any] = {"ruleName": rule.name}
    if run is None:
        return shown
    shown["entityUrl"] = RULES[rule.type].entity_url(run.action, run.region) or None
    latest: dict[str, Any] = {
        "ruleExecutionId": run.id,
        "status": run.status.value,
        "summary": run.outcome.summary or None,
        "lastStatusChange": run.updated_at,
        "externalExecutionId": run.external_id or None,
        "externalExecutionUrl": run.external_url or None,
    }
    if run.outcome.failure is not None:
        latest["errorDetails"] = {"code": run.outcome.failure.code, "message": run.outcome.failure.message}
    return {**shown, "latestExecution": latest}
