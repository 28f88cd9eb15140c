"""Listeners of load balancers: which target group of a pair they forward to, and with what weights.

All rules of a listener that forward to the pair are changed, its default action among them (user guide,
deployment-groups-create-load-balancer-for-ecs).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import botocore.exceptions

from deliverkit.sandbox.codedeploy.serverless.rollout import RoutingError
from deliverkit.sandbox.codedeploy.state import Group
from deliverkit.sandbox.kernel.world import World

INVALID = "ELASTIC_LOAD_BALANCING_INVALID"


def forward(world: World, group: Group, listener: str, pair: Sequence[str], weights: Mapping[str, float]) -> None:
    """Let a listener forward to the target groups of a pair by their weights, one of 0 included (observed).

    Raises:
        RoutingError: If the listener is gone, or forwards to neither of them.
    """
    client = world.moto.client("elbv2", group.account, group.region)
    try:
        rules = [
            each for each in client.describe_rules(ListenerArn=listener)["Rules"] if _serves(each["Actions"], pair)
        ]
        if not rules:
            raise RoutingError(INVALID, f"The listener {listener} forwards to neither target group.")
        for rule in rules:
            actions = [_changed(each, pair, weights) for each in rule["Actions"]]
            if rule["IsDefault"]:
                client.modify_listener(ListenerArn=listener, DefaultActions=actions)
            else:
                client.modify_rule(RuleArn=rule["RuleArn"], Actions=actions)
    except botocore.exceptions.ClientError as error:
        raise RoutingError(INVALID, f"The listener {listener} could not be changed: {error}") from error


def forwarded_to(world: World, group: Group, listener: str, pair: Sequence[str]) -> str | None:
    """The target group of the pair that has most of a listener's traffic; None when it forwards to neither."""
    client = world.moto.client("elbv2", group.account, group.region)
    try:
        rules = client.describe_rules(ListenerArn=listener)["Rules"]
    except botocore.exceptions.ClientError:
        return None
    weights = {arn: weight for rule in rules for each in rule["Actions"] for arn, weight in _weights(each).items()}
    mine = {arn: weight for arn, weight in weights.items() if arn in pair}
    return max(mine, key=lambda arn: mine[arn]) if mine else None


def _serves(actions: Sequence[Mapping[str, Any]], pair: Sequence[str]) -> bool:
    return any(not set(_weights(each)).isdisjoint(pair) for each in actions)


def _weights(action: Mapping[str, Any]) -> dict[str, float]:
    groups = (action.get("ForwardConfig") or {}).get("TargetGroups")
    if groups:
        return {each["TargetGroupArn"]: each.get("Weight", 1) for each in groups}
    return {action["TargetGroupArn"]: 1} if action.get("TargetGroupArn") else {}


def _changed(action: Mapping[str, Any], pair: Sequence[str], weights: Mapping[str, float]) -> Mapping[str, Any]:
    if not _serves([action], pair):
        return action
    groups = [{"TargetGroupArn": arn, "Weight": int(weight)} for arn, weight in weights.items()]
    order = {"Order": action["Order"]} if "Order" in action else {}
    return {"Type": "forward", **order, "ForwardConfig": {"TargetGroups": groups}}
