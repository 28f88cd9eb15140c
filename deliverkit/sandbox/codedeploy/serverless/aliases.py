"""Aliases of Lambda functions: whether one can be shifted, and its weights (Lambda API reference, UpdateAlias)."""

from __future__ import annotations

from typing import Any

import botocore.exceptions

from deliverkit.sandbox.codedeploy.obstacles import failed
from deliverkit.sandbox.codedeploy.serverless.rollout import RoutingError
from deliverkit.sandbox.codedeploy.serverless.state import LambdaShift
from deliverkit.sandbox.codedeploy.state import Ending, Group
from deliverkit.sandbox.kernel.world import World

FUNCTION, CONFIGURATION = "INVALID_LAMBDA_FUNCTION", "INVALID_LAMBDA_CONFIGURATION"


def function_arn(group: Group, name: str) -> str:
    """ARN of a function of the group's account."""
    return f"arn:aws:lambda:{group.region}:{group.account}:function:{name}"


def obstacle(world: World, group: Group, shift: LambdaShift) -> Ending | None:
    """Why the alias cannot be shifted.

    An alias that is on two versions already, as a stopped deployment leaves it, has to be set back first (user guide,
    troubleshooting-deployments-lambda). Which code stands for which mistake is read from the codes' names.
    """
    client = _client(world, group)
    if _missing(client.get_function, FunctionName=shift.function):
        return failed(FUNCTION, f"The Lambda function {shift.function} does not exist.")
    for version in (shift.current, shift.target):
        if _missing(client.get_function, FunctionName=shift.function, Qualifier=version):
            return failed(CONFIGURATION, f"The Lambda function {shift.function} has no version {version}.")
    if _missing(client.get_alias, FunctionName=shift.function, Name=shift.alias):
        return failed(CONFIGURATION, f"The Lambda function {shift.function} has no alias {shift.alias}.")
    return _alias_obstacle(client, shift)


def _alias_obstacle(client: Any, shift: LambdaShift) -> Ending | None:
    if shift.current == shift.target:
        # Undocumented; Lambda refuses an alias with the same version twice.
        return failed(CONFIGURATION, f"The current version and the target version are both {shift.target}.")
    alias = client.get_alias(FunctionName=shift.function, Name=shift.alias)
    if (alias.get("RoutingConfig") or {}).get("AdditionalVersionWeights"):
        return failed(CONFIGURATION, f"The alias {shift.alias} references two versions of {shift.function}.")
    if alias["FunctionVersion"] != shift.current:
        message = f"The alias {shift.alias} references version {alias['FunctionVersion']}, not {shift.current}."
        return failed(CONFIGURATION, message)
    return None


def route(world: World, group: Group, shift: LambdaShift, percent: float) -> None:
    """Give the target version that share of the alias's invocations; at 100 % the alias is its alone.

    Raises:
        RoutingError: If Lambda refuses.
    """
    version, weights = shift.current, {shift.target: percent / 100}
    if percent >= 100:
        version, weights = shift.target, {}
    point(world, group, shift, version, weights)
    shift.weight = percent


def point(world: World, group: Group, shift: LambdaShift, version: str, weights: dict[str, float]) -> None:
    """Point the alias to a version, and to others by their weights from 0 to 1.

    Raises:
        RoutingError: If Lambda refuses.
    """
    try:
        _client(world, group).update_alias(
            FunctionName=shift.function,
            Name=shift.alias,
            FunctionVersion=version,
            RoutingConfig={"AdditionalVersionWeights": weights},
        )
    except botocore.exceptions.ClientError as error:
        raise RoutingError(FUNCTION, f"The alias {shift.alias} could not be updated: {error}") from error


def _client(world: World, group: Group) -> Any:
    return world.moto.client("lambda", group.account, group.region)


def _missing(read: Any, **asked: str) -> bool:
    try:
        read(**asked)
    except botocore.exceptions.ClientError:
        return True
    return False
