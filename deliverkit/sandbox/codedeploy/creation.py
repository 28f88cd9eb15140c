"""How a deployment comes into being, asked for by a caller or begun by CodeDeploy itself."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deliverkit.sandbox.codedeploy.configs import config_for, default_config
from deliverkit.sandbox.codedeploy.revisions import use_revision
from deliverkit.sandbox.codedeploy.serverless.state import Serverless
from deliverkit.sandbox.codedeploy.state import (
    IN_PLACE,
    SCALING_CREATORS,
    Application,
    BlueGreen,
    Deployment,
    Group,
    Json,
    Store,
)
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

_LETTERS = string.ascii_uppercase + string.digits
CONCURRENT_LIMIT = 1300
"""Live deployments per account and Region (CodeDeploy user guide, limits)."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a new deployment is to be.

    Attributes:
        revision: Revision location.
        creator: DeploymentCreator of the API.
        options: Request members: description, fileExistsBehavior, ...
        rollback: RollbackInfo to begin with.
        restarts: Id of the deployment whose revision is restarted.
    """

    revision: Json
    creator: str = "user"
    options: Mapping[str, Any] = field(default_factory=dict)
    rollback: Mapping[str, str] = field(default_factory=dict)
    restarts: str | None = None


def create(world: World, application: Application, group: Group, wish: Wish) -> Deployment:
    """Put a deployment on record, in status Created; the engine starts it.

    Raises:
        ApiError: `DeploymentLimitExceededException` while the group has a live deployment, or a configuration's error.
    """
    store = world.store(Store, group.account, group.region)
    ours = (one for one in store.deployments.values() if one.group is group and one.is_live and one.is_of_group)
    live = next(ours, None)
    if live is not None and wish.creator not in SCALING_CREATORS:
        raise ApiError(
            "DeploymentLimitExceededException",
            f"The Deployment Group '{group.name}' already has an active Deployment '{live.deployment_id}'",
        )
    if sum(one.is_live for one in store.deployments.values()) >= CONCURRENT_LIMIT:
        raise ApiError("DeploymentLimitExceededException", f"The limit of {CONCURRENT_LIMIT} deployments is reached.")
    config_name = wish.options.get("deploymentConfigName") or group.settings.get("deploymentConfigName")
    config_name = config_name or default_config(application.compute_platform)
    config = config_for(store, config_name, application.compute_platform)
    now = world.clock.now()
    deployment = Deployment(
        deployment_id=_fresh_id(store),
        application=application.name,
        group=group,
        group_name=group.name,
        config_name=config_name,
        minimum=config.minimum or {},
        revision=wish.revision,
        creator=wish.creator,
        created_at=now,
        options=_options(group, wish.options),
        previous_revision=group.target_revision,
        rollback=dict(wish.rollback),
        style=dict(group.settings.get("deploymentStyle") or IN_PLACE),
        balancers=dict(group.settings.get("loadBalancerInfo") or {}),
        zonal=config.zonal,
        blue_green=_blue_green(group),
        platform=application.compute_platform,
        serverless=Serverless(config.traffic) if config.traffic is not None else None,
        restarts=wish.restarts,
    )
    store.deployments[deployment.deployment_id] = deployment
    use_revision(application, wish.revision, deployment.deployment_id, now)
    if deployment.is_of_group:
        group.last_attempted = deployment
    return deployment


def _blue_green(group: Group) -> BlueGreen | None:
    configuration = group.settings.get("blueGreenDeploymentConfiguration")
    return BlueGreen("install", dict(configuration)) if configuration else None


def _options(group: Group, options: Mapping[str, Any]) -> dict[str, Any]:
    # A request's own rollback and alarm configuration replaces the group's for this deployment.
    inherited = {
        "autoRollbackConfiguration": group.settings.get("autoRollbackConfiguration"),
        "ec2DeploymentOptions": group.settings.get("ec2DeploymentOptions"),
        "alarmConfiguration": options.get("overrideAlarmConfiguration") or group.settings.get("alarmConfiguration"),
    }
    return {**{name: value for name, value in inherited.items() if value is not None}, **options}


def _fresh_id(store: Store) -> str:
    while True:
        identifier = "d-" + chance.text(9, _LETTERS)
        if identifier not in store.deployments:
            return identifier
