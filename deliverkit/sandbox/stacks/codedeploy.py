"""AWS::CodeDeploy::Application, DeploymentGroup and DeploymentConfig (CloudFormation template reference)."""

from __future__ import annotations

from functools import partial
from typing import Any

from deliverkit.sandbox.stacks.kind import Attributes, Kind, Made, Place, Properties, retag, unless_gone, without

SERVICE = "codedeploy"
_CLEARED: Properties = {
    "AlarmConfiguration": {"Enabled": False},
    "AutoRollbackConfiguration": {"Enabled": False},
    "AutoScalingGroups": [],
    "DeploymentConfigName": "CodeDeployDefault.OneAtATime",
    "Ec2TagFilters": [],
    "OnPremisesInstanceTagFilters": [],
    "TriggerConfigurations": [],
}
"""What a property is when a template no longer has it: UpdateDeploymentGroup keeps whatever is not mentioned."""


# --- applications ----------------------------------------------------------------------------------


def _make_application(place: Place, name: str, properties: Properties) -> Made:
    declared = {**properties, "ApplicationName": name}
    place.ask(SERVICE, "CreateApplication", place.shape(SERVICE, "CreateApplication", declared))
    return Made(name, {})


def _change_application(place: Place, name: str, old: Properties, new: Properties) -> Attributes:
    retag(place, SERVICE, place.arn(SERVICE, f"application:{name}"), old, new)
    return {}


def _remove_application(place: Place, name: str, _properties: Properties) -> None:
    place.ask(SERVICE, "DeleteApplication", {"applicationName": name})


# --- deployment groups -----------------------------------------------------------------------------


def _make_group(place: Place, name: str, properties: Properties) -> Made:
    declared = {**without(properties, "Deployment"), "DeploymentGroupName": name}
    place.ask(SERVICE, "CreateDeploymentGroup", place.shape(SERVICE, "CreateDeploymentGroup", declared))
    _deploy(place, name, properties)
    return Made(name, {})


def _change_group(place: Place, name: str, old: Properties, new: Properties) -> Attributes:
    cleared = {key: value for key, value in _CLEARED.items() if key in old and key not in new}
    declared = {
        **without(new, "Deployment", "Tags", "DeploymentGroupName"),
        **cleared,
        "CurrentDeploymentGroupName": name,
    }
    place.ask(SERVICE, "UpdateDeploymentGroup", place.shape(SERVICE, "UpdateDeploymentGroup", declared))
    retag(place, SERVICE, place.arn(SERVICE, f"deploymentgroup:{new['ApplicationName']}/{name}"), old, new)
    if new.get("Deployment") != old.get("Deployment"):
        _deploy(place, name, new)
    return {}


def _deploy(place: Place, group: str, properties: Properties) -> None:
    """The target revision "is deployed as soon as the provisioning process is complete" (DeploymentGroup Deployment).

    Whether the stack waits for the deployment is not documented; here it does not.
    """
    if "Deployment" not in properties:
        return
    names = {"ApplicationName": properties["ApplicationName"], "DeploymentGroupName": group}
    declared = {**properties["Deployment"], **names}
    place.ask(SERVICE, "CreateDeployment", place.shape(SERVICE, "CreateDeployment", declared))


def _remove_group(place: Place, name: str, properties: Properties) -> None:
    params = {"applicationName": properties["ApplicationName"], "deploymentGroupName": name}
    # A stack that goes as a whole may lose the application first, and all its groups with it.
    unless_gone(partial(place.ask, SERVICE, "DeleteDeploymentGroup", params))


# --- deployment configurations ---------------------------------------------------------------------


def _make_config(place: Place, name: str, properties: Properties) -> Made:
    declared = {**properties, "DeploymentConfigName": name}
    place.ask(SERVICE, "CreateDeploymentConfig", place.shape(SERVICE, "CreateDeploymentConfig", declared))
    return Made(name, {})


def _unchanged(*_: Any) -> Attributes:
    return {}


def _remove_config(place: Place, name: str, _properties: Properties) -> None:
    unless_gone(partial(place.ask, SERVICE, "DeleteDeploymentConfig", {"deploymentConfigName": name}))


APPLICATION = Kind(
    "AWS::CodeDeploy::Application",
    SERVICE,
    "ApplicationName",
    frozenset({"ApplicationName", "ComputePlatform"}),
    (),
    _make_application,
    _change_application,
    _remove_application,
)
GROUP = Kind(
    "AWS::CodeDeploy::DeploymentGroup",
    SERVICE,
    "DeploymentGroupName",
    frozenset({"ApplicationName", "DeploymentGroupName"}),
    (),
    _make_group,
    _change_group,
    _remove_group,
)
CONFIG = Kind(
    "AWS::CodeDeploy::DeploymentConfig",
    SERVICE,
    "DeploymentConfigName",
    frozenset(
        {"ComputePlatform", "DeploymentConfigName", "MinimumHealthyHosts", "TrafficRoutingConfig", "ZonalConfig"}
    ),
    (),
    _make_config,
    _unchanged,
    _remove_config,
)
