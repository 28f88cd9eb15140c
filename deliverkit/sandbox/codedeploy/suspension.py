"""Auto Scaling processes that rest during a deployment in place (API reference, EC2DeploymentOptions)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codedeploy import auto_scaling
from deliverkit.sandbox.codedeploy.obstacles import failed
from deliverkit.sandbox.codedeploy.state import Deployment, Ending
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

PROCESSES = frozenset({"Terminate", "AZRebalance", "InstanceRefresh", "ScheduledActions"})


def check_suspension(options: Mapping[str, Any] | None) -> None:
    """Refuse processes that CodeDeploy does not suspend; their names are case-sensitive.

    Raises:
        ApiError: `InvalidAutoScalingGroupProcessToSuspendException`.
    """
    unknown = sorted(set((options or {}).get("autoScalingGroupProcessesToSuspend") or ()) - PROCESSES)
    if unknown:
        raise ApiError(
            "InvalidAutoScalingGroupProcessToSuspendException", f"CodeDeploy does not suspend {', '.join(unknown)}."
        )


def suspend(world: World, deployment: Deployment) -> Ending | None:
    """Suspend what the deployment asks for, on every Auto Scaling group of its group.

    Returns:
        A failure when Auto Scaling refuses. Processes that rest already are not the deployment's to resume.
    """
    group = deployment.group
    wanted = (deployment.options.get("ec2DeploymentOptions") or {}).get("autoScalingGroupProcessesToSuspend") or []
    if not wanted:
        return None
    for one in auto_scaling.described(world, group, group.settings.get("autoScalingGroups") or ()):
        resting = {process["ProcessName"] for process in one["SuspendedProcesses"]}
        ours = [process for process in wanted if process not in resting]
        try:
            _call(world, deployment, "suspend_processes", one["AutoScalingGroupName"], ours)
        except auto_scaling.Refused as error:
            return failed("AUTO_SCALING_CONFIGURATION", str(error))
        deployment.suspended[one["AutoScalingGroupName"]] = ours
    return None


def resume(world: World, deployment: Deployment) -> Ending | None:
    """Resume what was suspended; a failure when Auto Scaling refuses."""
    problem = None
    for name, processes in deployment.suspended.items():
        try:
            _call(world, deployment, "resume_processes", name, processes)
        except auto_scaling.Refused as error:
            problem = failed("AUTO_SCALING_CONFIGURATION", str(error))
    deployment.suspended.clear()
    return problem


def _call(world: World, deployment: Deployment, operation: str, name: str, processes: list[str]) -> None:
    # Without a list, Auto Scaling takes all of its processes.
    if processes:
        client = auto_scaling.client(world, deployment.group)
        getattr(client, operation)(AutoScalingGroupName=name, ScalingProcesses=processes)
