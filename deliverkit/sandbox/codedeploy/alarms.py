"""Alarms that stop deployments (CodeDeploy API reference, AlarmConfiguration)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.kernel.world import World


def firing(world: World, account: str, region: str, configuration: Mapping[str, Any]) -> str:
    """Why the deployment must stop; empty while no alarm speaks against it.

    An alarm that cannot be read stops it too, unless `ignorePollAlarmFailure` is set.
    """
    names = [alarm["name"] for alarm in configuration.get("alarms", [])]
    states = world.moto.alarm_states(account, region)
    active = [name for name in names if states.get(name) == "ALARM"]
    if active:
        return f"One or more alarms have been activated according to the Amazon CloudWatch metrics: {', '.join(active)}"
    unknown = [name for name in names if name not in states]
    if unknown and not configuration.get("ignorePollAlarmFailure"):
        return f"The state of these alarms could not be read: {', '.join(unknown)}"
    return ""
