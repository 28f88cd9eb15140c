"""How a group deploys: style, load balancers, blue/green options (API reference, CreateDeploymentGroup)."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.codedeploy.blue_green import LONGEST_WAIT_MINUTES
from deliverkit.sandbox.codedeploy.green_fleet import COPY
from deliverkit.sandbox.codedeploy.state import Json
from deliverkit.sandbox.codedeploy.validation import one_of
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Params

BALANCER_LIMIT = 10
"""Of each kind per group (API reference, LoadBalancerInfo)."""
_TYPES = frozenset({"IN_PLACE", "BLUE_GREEN"})
_OPTIONS = frozenset({"WITH_TRAFFIC_CONTROL", "WITHOUT_TRAFFIC_CONTROL"})
_BLUE_GREEN = "InvalidBlueGreenDeploymentConfigurationException"
_BALANCERS = "InvalidLoadBalancerInfoException"


def check_style(settings: Params) -> None:
    """Refuse styles that are unknown, and those without the load balancers that they need.

    Raises:
        ApiError: `InvalidDeploymentStyle-`, `InvalidLoadBalancerInfo-` or `InvalidBlueGreenDeploymentConfiguration-`.
    """
    _check_balancers(settings.get("loadBalancerInfo") or {})
    _check_blue_green(settings.get("blueGreenDeploymentConfiguration") or {})
    style = settings.get("deploymentStyle")
    if style is None:
        return
    kind, option = style.get("deploymentType"), style.get("deploymentOption")
    if kind not in _TYPES or option not in _OPTIONS:
        raise ApiError("InvalidDeploymentStyleException", "deploymentStyle needs a known type and a known option.")
    if option == "WITH_TRAFFIC_CONTROL" and not any((settings.get("loadBalancerInfo") or {}).values()):
        raise ApiError(_BALANCERS, "WITH_TRAFFIC_CONTROL needs a load balancer or a target group.")
    if kind == "BLUE_GREEN":
        _check_fleets(settings, option)


def _check_fleets(settings: Params, option: str) -> None:
    if option != "WITH_TRAFFIC_CONTROL":
        raise ApiError("InvalidDeploymentStyleException", "BLUE_GREEN needs WITH_TRAFFIC_CONTROL.")
    if settings.get("onPremisesInstanceTagFilters") or any((settings.get("onPremisesTagSet") or {}).values()):
        raise ApiError("InvalidDeploymentStyleException", "On-premises instances cannot be deployed to blue/green.")


def check_copied(params: Params, settings: Params) -> None:
    """COPY_AUTO_SCALING_GROUP needs exactly one Auto Scaling group, named in the request that sets it.

    AWS looks at the request alone, not at what the group has already.

    Raises:
        ApiError: `InvalidBlueGreenDeploymentConfigurationException`.
    """
    provisioning = (params.get("blueGreenDeploymentConfiguration") or {}).get("greenFleetProvisioningOption") or {}
    is_blue_green = (settings.get("deploymentStyle") or {}).get("deploymentType") == "BLUE_GREEN"
    if is_blue_green and provisioning.get("action") == COPY and len(params.get("autoScalingGroups") or ()) != 1:
        raise ApiError(
            _BLUE_GREEN,
            "Exactly one AutoScaling group must be specified when selecting the COPY_AUTO_SCALING_GROUP green fleet "
            "provisioning option.",
        )


def _check_balancers(info: Json) -> None:
    if info.get("targetGroupPairInfoList"):
        raise ApiError(_BALANCERS, "targetGroupPairInfoList is for Amazon ECS deployments only.")
    for member in ("elbInfoList", "targetGroupInfoList"):
        named: list[Any] = list(info.get(member) or ())
        if len(named) > BALANCER_LIMIT:
            raise ApiError(_BALANCERS, f"{member} has more than {BALANCER_LIMIT} entries.")
        if any(not one.get("name") for one in named):
            raise ApiError(_BALANCERS, f"An entry of {member} has no name.")


def _check_blue_green(configuration: Json) -> None:
    ready = configuration.get("deploymentReadyOption") or {}
    green = configuration.get("greenFleetProvisioningOption") or {}
    blue = configuration.get("terminateBlueInstancesOnDeploymentSuccess") or {}
    one_of(ready.get("actionOnTimeout"), ("CONTINUE_DEPLOYMENT", "STOP_DEPLOYMENT"), _BLUE_GREEN, "The action")
    one_of(green.get("action"), ("DISCOVER_EXISTING", COPY), _BLUE_GREEN, "The provisioning")
    one_of(blue.get("action"), ("TERMINATE", "KEEP_ALIVE"), _BLUE_GREEN, "The action")
    wait = ready.get("waitTimeInMinutes") or 0
    if wait and ready.get("actionOnTimeout") != "STOP_DEPLOYMENT":
        raise ApiError(_BLUE_GREEN, "A wait time is for STOP_DEPLOYMENT only.")
    for minutes in (wait, blue.get("terminationWaitTimeInMinutes") or 0):
        if not 0 <= minutes <= LONGEST_WAIT_MINUTES:
            raise ApiError(_BLUE_GREEN, f"A wait of {minutes} minutes is not between 0 and {LONGEST_WAIT_MINUTES}.")
