"""Deployment configurations: the predefined ones and custom ones (CodeDeploy user guide, deployment-configurations)."""

from __future__ import annotations

import uuid
from typing import Any

from deliverkit.sandbox.codedeploy.serverless.routing import check_traffic
from deliverkit.sandbox.codedeploy.state import Config, Json, Store
from deliverkit.sandbox.codedeploy.validation import check_name, one_of, page, required_name, store_of
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service

PLATFORMS = frozenset({"Server", "Lambda", "ECS"})
PREFIX = "CodeDeployDefault."
CONFIG_LIMIT = 50
"""Custom ones per account and region (CodeDeploy user guide, limits)."""
DEFAULT = f"{PREFIX}OneAtATime"
_SERVER: dict[str, Json] = {
    "AllAtOnce": {"type": "HOST_COUNT", "value": 0},
    "HalfAtATime": {"type": "FLEET_PERCENT", "value": 50},
    "OneAtATime": {"type": "MOST_CONCURRENCY", "value": 1},
}


def _canary(minutes: int) -> Json:
    return {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": minutes}}


def _linear(minutes: int) -> Json:
    return {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 10, "linearInterval": minutes}}


_TRAFFIC: dict[str, Json] = {
    "LambdaAllAtOnce": {"type": "AllAtOnce"},
    **{f"LambdaCanary10Percent{minutes}Minutes": _canary(minutes) for minutes in (5, 10, 15, 30)},
    "LambdaLinear10PercentEvery1Minute": _linear(1),
    **{f"LambdaLinear10PercentEvery{minutes}Minutes": _linear(minutes) for minutes in (2, 3, 10)},
    "ECSAllAtOnce": {"type": "AllAtOnce"},
    **{f"ECSCanary10Percent{minutes}Minutes": _canary(minutes) for minutes in (5, 15)},
    **{f"ECSLinear10PercentEvery{minutes}Minutes": _linear(minutes) for minutes in (1, 3)},
}


def _predefined() -> dict[str, Config]:
    def identity(name: str) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_DNS, name))

    server = {
        PREFIX + name: Config(PREFIX + name, identity(name), "Server", None, minimum)
        for name, minimum in _SERVER.items()
    }
    traffic = {
        PREFIX + name: Config(
            PREFIX + name, identity(name), "ECS" if name.startswith("ECS") else "Lambda", None, None, shift
        )
        for name, shift in _TRAFFIC.items()
    }
    return server | traffic


PREDEFINED = _predefined()


def find_config(store: Store, name: str) -> Config:
    """A configuration by name.

    Raises:
        ApiError: `InvalidDeploymentConfigName-`, `DeploymentConfigDoesNotExistException`.
    """
    check_name(name, "deploymentConfigName", "DeploymentConfig")
    config = PREDEFINED.get(name) or store.configs.get(name)
    if config is None:
        raise ApiError("DeploymentConfigDoesNotExistException", f"No deployment configuration found for name: {name}")
    return config


def config_for(store: Store, name: str, platform: str) -> Config:
    """A configuration for a platform.

    Raises:
        ApiError: `DeploymentConfigDoesNotExist-` or, for another platform, `InvalidDeploymentConfigNameException`.
    """
    config = find_config(store, name)
    if config.compute_platform != platform:
        raise ApiError(
            "InvalidDeploymentConfigNameException", f"{name} is for compute platform {config.compute_platform}."
        )
    return config


def default_config(platform: str) -> str:
    """The configuration of a group that names none; documented for the server platform alone."""
    return DEFAULT if platform == "Server" else f"{PREFIX}{platform}AllAtOnce"


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("CreateDeploymentConfig")(create_deployment_config)
    service.operation("GetDeploymentConfig")(get_deployment_config)
    service.operation("ListDeploymentConfigs")(list_deployment_configs)
    service.operation("DeleteDeploymentConfig")(delete_deployment_config)


def create_deployment_config(params: Params, context: Context) -> dict[str, Any]:
    """CreateDeploymentConfig."""
    store = store_of(context)
    name = required_name(params, "deploymentConfigName", "DeploymentConfig")
    if name.startswith(PREFIX):
        raise ApiError("InvalidDeploymentConfigNameException", f"Names starting with {PREFIX} are reserved.")
    if name in store.configs:
        raise ApiError("DeploymentConfigAlreadyExistsException", f"A configuration named {name} already exists.")
    platform = params.get("computePlatform", "Server")
    one_of(platform, PLATFORMS, "InvalidComputePlatformException", "The compute platform")
    _check_shape(platform, params)
    if len(store.configs) >= CONFIG_LIMIT:
        raise ApiError("DeploymentConfigLimitExceededException", f"The maximum number of configs is {CONFIG_LIMIT}.")
    config = Config(
        name,
        chance.uuid4(),
        platform,
        context.now,
        params.get("minimumHealthyHosts"),
        params.get("trafficRoutingConfig"),
        zonal=params.get("zonalConfig"),
    )
    store.configs[name] = config
    return {"deploymentConfigId": config.config_id}


def _check_shape(platform: str, params: Params) -> None:
    if platform != "Server":
        check_traffic(params.get("trafficRoutingConfig"))
        if "minimumHealthyHosts" in params:
            raise ApiError("InvalidMinimumHealthyHostValueException", f"{platform} has no hosts.")
        if "zonalConfig" in params:
            raise ApiError("InvalidZonalDeploymentConfigurationException", f"{platform} has no zones.")
        return
    if "trafficRoutingConfig" in params:
        raise ApiError("InvalidTrafficRoutingConfigurationException", "Server configurations shift no traffic.")
    _check_minimum(params.get("minimumHealthyHosts"))
    _check_zonal(params.get("zonalConfig"))


def _check_zonal(zonal: Json | None) -> None:
    """Durations are not negative, and the minimum per zone is a minimum (`InvalidZonalDeploymentConfiguration-`)."""
    code = "InvalidZonalDeploymentConfigurationException"
    told = zonal or {}
    for name in ("firstZoneMonitorDurationInSeconds", "monitorDurationInSeconds"):
        if told.get(name, 0) < 0:
            raise ApiError(code, f"{name} must not be negative.")
    if "minimumHealthyHostsPerZone" in told:
        _check_minimum(told["minimumHealthyHostsPerZone"], code)


def _check_minimum(minimum: Json | None, code: str = "InvalidMinimumHealthyHostValueException") -> None:
    kind, value = (minimum or {}).get("type"), (minimum or {}).get("value")
    limits = {"HOST_COUNT": None, "FLEET_PERCENT": 99}
    if kind not in limits or value is None:
        raise ApiError(code, "minimumHealthyHosts needs a type, HOST_COUNT or FLEET_PERCENT, and a value.")
    limit = limits[str(kind)]
    if value < 0 or (limit is not None and value > limit):
        raise ApiError(code, f"The value {value} is not valid for {kind}.")


def get_deployment_config(params: Params, context: Context) -> dict[str, Any]:
    """GetDeploymentConfig."""
    config = find_config(store_of(context), required_name(params, "deploymentConfigName", "DeploymentConfig"))
    minimum = config.minimum
    return {
        "deploymentConfigInfo": {
            "deploymentConfigId": config.config_id,
            "deploymentConfigName": config.name,
            "minimumHealthyHosts": minimum,
            "createTime": config.created_at,
            "computePlatform": config.compute_platform,
            "trafficRoutingConfig": config.traffic,
            "zonalConfig": config.zonal,
        }
    }


def list_deployment_configs(params: Params, context: Context) -> dict[str, Any]:
    """ListDeploymentConfigs."""
    return page([*PREDEFINED, *store_of(context).configs], params, "deploymentConfigsList")


def delete_deployment_config(params: Params, context: Context) -> None:
    """DeleteDeploymentConfig."""
    store = store_of(context)
    name = required_name(params, "deploymentConfigName", "DeploymentConfig")
    if name in PREDEFINED:
        raise ApiError("InvalidOperationException", f"{name} is predefined and cannot be deleted.")
    groups = [group for application in store.applications.values() for group in application.groups.values()]
    live = any(deployment.is_live and deployment.config_name == name for deployment in store.deployments.values())
    if live or any(group.settings.get("deploymentConfigName") == name for group in groups):
        raise ApiError("DeploymentConfigInUseException", f"The deployment configuration {name} is in use.")
    store.configs.pop(name, None)
