"""Declarations of conditions, and what the tests ask about them."""

from __future__ import annotations

from typing import Any

from codepipeline_fixtures import Rig


def rule(provider: str, name: str = "Rule", **more: Any) -> dict[str, Any]:
    kind = {"category": "Rule", "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "ruleTypeId": kind, **more}


def check(value: str, wanted: str = "yes", operator: str = "EQ", name: str = "Rule") -> dict[str, Any]:
    """A VariableCheck."""
    return rule("VariableCheck", name, configuration={"Variable": value, "Value": wanted, "Operator": operator})


def window(cron: str, **more: str) -> dict[str, Any]:
    return rule("DeploymentWindow", "Window", configuration={"Cron": cron, **more})


def alarm_rule(alarm: str, **more: str) -> dict[str, Any]:
    return rule("CloudWatchAlarm", "Alarm", configuration={"AlarmName": alarm, **more})


def condition(result: str | None, *rules: dict[str, Any]) -> dict[str, Any]:
    """The `beforeEntry` or `onSuccess` of a stage."""
    declared: dict[str, Any] = {"rules": list(rules)}
    return {"conditions": [{**declared, "result": result} if result else declared]}


def state_of(rig: Rig, name: str, stage: str, kind: str = "beforeEntry") -> Any:
    """The state of a stage's condition: its status and its rules by name."""
    return rig.stage(name, stage)[f"{kind}ConditionState"]


def status_of(rig: Rig, name: str, stage: str, kind: str = "beforeEntry") -> str | None:
    latest = state_of(rig, name, stage, kind).get("latestExecution")
    return str(latest["status"]) if latest else None


def rule_state(rig: Rig, name: str, stage: str, kind: str = "beforeEntry") -> Any:
    (inner,) = state_of(rig, name, stage, kind)["conditionStates"]
    return inner["ruleStates"][0]
