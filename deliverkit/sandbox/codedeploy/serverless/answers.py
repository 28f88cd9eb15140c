"""Targets of Lambda and ECS deployments as the API tells them (API reference, LambdaTarget and ECSTarget)."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codedeploy.serverless.state import EcsShift, LambdaShift, Serverless, TaskSet


def target_answer(carried: Serverless, told: dict[str, Any]) -> dict[str, Any]:
    """A DeploymentTarget.

    Args:
        carried: What the deployment carries of these platforms.
        told: The members that all kinds of targets have.
    """
    shift = carried.shift
    if isinstance(shift, LambdaShift):
        return {
            "deploymentTargetType": "LambdaTarget",
            "lambdaTarget": {**told, "lambdaFunctionInfo": _function_info(shift)},
        }
    sets = [_task_set_info(each) for each in _task_sets(shift)]
    return {"deploymentTargetType": "ECSTarget", "ecsTarget": {**told, "taskSetsInfo": sets}}


def _function_info(shift: LambdaShift) -> dict[str, Any]:
    return {
        "functionName": shift.function,
        "functionAlias": shift.alias,
        "currentVersion": shift.current,
        "targetVersion": shift.target,
        "targetVersionWeight": shift.weight,
    }


def _task_sets(shift: EcsShift | None) -> list[TaskSet]:
    both = (shift.blue, shift.green) if shift else ()
    return [each for each in both if each is not None]


def _task_set_info(task_set: TaskSet) -> dict[str, Any]:
    return {
        # Spelt like this in the model.
        "identifer": task_set.identifier,
        "desiredCount": task_set.desired,
        "pendingCount": task_set.desired - task_set.running,
        "runningCount": task_set.running,
        "status": task_set.status,
        "trafficWeight": task_set.weight,
        "targetGroup": {"name": task_set.target_group.split("/")[1]} if task_set.target_group else None,
        "taskSetLabel": task_set.label,
    }
