"""Automatic rollbacks: a new deployment of the last good revision (user guide, deployments-rollback-and-redeploy)."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codedeploy.configs import default_config
from deliverkit.sandbox.codedeploy.creation import Wish, create
from deliverkit.sandbox.codedeploy.state import ROLLBACK_CREATOR, Deployment, Ending, Store
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

AUTO_UPDATE = "CodeDeployAutoUpdate"
# Both as observed of deployments to ECS and Lambda that an alarm stopped; AWS documents neither.
TRIGGERED = "Deployment {triggering} terminated. Automatic rollback is triggered with a DeploymentId {rollback}."
ROLLS_BACK = "Deployment {rollback} is triggered to roll back deployment {triggering}."
_EVENTS = {"ALARM_ACTIVE": "DEPLOYMENT_STOP_ON_ALARM", "MANUAL_STOP": "DEPLOYMENT_STOP_ON_REQUEST"}


def is_wanted(deployment: Deployment, ending: Ending) -> bool:
    """True when this end is to be rolled back.

    A rollback never is, so that they do not chain; nor is what CodeDeploy began to bring single instances to the
    revision that the group has already (AWS documents none of this).
    """
    if (
        ending.status == "Succeeded"
        or deployment.creator in {ROLLBACK_CREATOR, AUTO_UPDATE}
        or not deployment.is_of_group
    ):
        return False
    if ending.rolls_back is not None:
        return ending.rolls_back
    configuration = deployment.options.get("autoRollbackConfiguration") or {}
    event = _EVENTS.get(ending.code, "DEPLOYMENT_FAILURE")
    return bool(configuration.get("enabled")) and event in (configuration.get("events") or ())


def roll_back(world: World, deployment: Deployment, ending: Ending) -> Deployment | None:
    """Create the rollback of an ended deployment when one is wanted and possible; keeps both sides' RollbackInfo."""
    if deployment.is_rollback:
        _tell_outcome(world, deployment)
    if not is_wanted(deployment, ending):
        return None
    group, good = deployment.group, deployment.group.last_successful
    if deployment.serverless is not None:
        good = good or deployment  # traffic goes back to where it was, whoever had put it there
    application = world.store(Store, group.account, group.region).applications.get(deployment.application)
    if good is None or application is None:
        deployment.rollback["rollbackMessage"] = "There is no previous successful revision to roll back to."
        return None
    if deployment.is_blue_green and not deployment.targets:
        deployment.rollback["rollbackMessage"] = "The deployment reached no instance, so no traffic has to go back."
        return None
    if deployment.serverless is not None and deployment.serverless.is_untouched:
        deployment.rollback["rollbackMessage"] = "The deployment made no task set, so nothing has to go back."
        return None
    try:
        rollback = create(world, application, group, _wish(deployment, good))
    except ApiError as error:
        deployment.rollback["rollbackMessage"] = f"The rollback could not be started: {error.message}"
        return None
    # Where traffic went, it comes back from, whatever became of the group's settings meanwhile.
    rollback.style, rollback.balancers = deployment.style, deployment.balancers
    named = {"triggering": deployment.deployment_id, "rollback": rollback.deployment_id}
    rollback.rollback["rollbackMessage"] = ROLLS_BACK.format(**named)
    deployment.rollback["rollbackDeploymentId"] = rollback.deployment_id
    deployment.rollback["rollbackMessage"] = TRIGGERED.format(**named)
    return rollback


def _wish(deployment: Deployment, good: Deployment) -> Wish:
    options: dict[str, Any] = {
        "description": f"Automatic rollback of deployment {deployment.deployment_id}",
        "deploymentConfigName": _config_name(deployment),
        "ignoreApplicationStopFailures": good.options.get("ignoreApplicationStopFailures", False),
    }
    if "fileExistsBehavior" in good.options:
        options["fileExistsBehavior"] = good.options["fileExistsBehavior"]
    return Wish(good.revision, ROLLBACK_CREATOR, options, {"rollbackTriggeringDeploymentId": deployment.deployment_id})


def _config_name(deployment: Deployment) -> str:
    """A rollback on ECS has CodeDeployDefault.ECSAllAtOnce, whatever the deployment's configuration (observed).

    Lambda is taken to be alike; on servers the deployment's own configuration paces its rollback.
    """
    return deployment.config_name if deployment.platform == "Server" else default_config(deployment.platform)


def _tell_outcome(world: World, rollback: Deployment) -> None:
    store = world.store(Store, rollback.group.account, rollback.group.region)
    triggering = store.deployments.get(rollback.rollback.get("rollbackTriggeringDeploymentId", ""))
    if triggering is not None:
        outcome = rollback.status.lower()
        triggering.rollback["rollbackMessage"] = f"Rollback deployment {rollback.deployment_id} {outcome}."
