"""Check the properties of an ECS service in an application specification.

Source: CodeDeploy User Guide, "AppSpec 'resources' section for Amazon ECS deployments", and the Amazon ECS API
reference for the limits of what CodeDeploy passes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from deliverkit.packaging import resource_rules, rules
from deliverkit.packaging.appspec import nearest
from deliverkit.packaging.appspec_form import (
    AWSVPC_KEYS,
    BALANCER_KEYS,
    BASE_LIMIT,
    ECS_REQUIRED,
    PLATFORM_VERSION,
    PORT_LIMIT,
    PROVIDERS_LIMIT,
    PUBLIC_IP,
    SECURITY_GROUPS_LIMIT,
    STRATEGY_KEYS,
    SUBNETS_LIMIT,
    TASK_DEFINITION,
    TASK_DEFINITION_SHORT,
    WEIGHT_LIMIT,
)
from deliverkit.packaging.finding import Finding
from deliverkit.yaml_tree import Mapping, Node, Scalar, Sequence


def lint_ecs(properties: Mapping) -> Iterator[Finding]:
    """Check every property."""
    for key in ECS_REQUIRED:
        if properties.get(key) is None:
            yield resource_rules.RESOURCE.at(properties.place, f"the service needs the property {key}")
    checks = {
        "TaskDefinition": _task_definition,
        "LoadBalancerInfo": _balancer,
        "PlatformVersion": _platform,
        "NetworkConfiguration": _network,
        "CapacityProviderStrategy": _strategy,
    }
    for key, check in checks.items():
        value = properties.get(key)
        if value is not None:
            yield from check(value)


def _task_definition(value: Node) -> Iterator[Finding]:
    text = value.text if isinstance(value, Scalar) else ""
    if re.fullmatch(TASK_DEFINITION, text):
        return
    if re.fullmatch(TASK_DEFINITION_SHORT, text):
        message = f"TaskDefinition {text} is not an ARN with revision"
        yield resource_rules.TASK_DEFINITION_SHORT.at(value.place, message)
    else:
        yield resource_rules.TASK_DEFINITION.at(value.place, f"TaskDefinition cannot be {text!r}")


def _balancer(value: Node) -> Iterator[Finding]:
    if not isinstance(value, Mapping):
        yield rules.SHAPE.at(value.place, "LoadBalancerInfo must be keys and values (ContainerName: ...)")
        return
    yield from _unknown(value, BALANCER_KEYS, "LoadBalancerInfo")
    for key in BALANCER_KEYS:
        if value.get(key) is None:
            yield resource_rules.RESOURCE.at(value.place, f"LoadBalancerInfo needs {key}")
    port = value.get("ContainerPort")
    if port is not None and _whole(port, 1, PORT_LIMIT) is None:
        yield resource_rules.CONTAINER_PORT.at(port.place, f"ContainerPort must be a number from 1 to {PORT_LIMIT}")


def _platform(value: Node) -> Iterator[Finding]:
    if not isinstance(value, Scalar) or not re.fullmatch(PLATFORM_VERSION, value.text):
        yield resource_rules.PLATFORM_VERSION.at(value.place, "PlatformVersion is no version of Fargate")


def _network(value: Node) -> Iterator[Finding]:
    rule = resource_rules.NETWORK
    inner = value.get("AwsvpcConfiguration") if isinstance(value, Mapping) else None
    if isinstance(value, Mapping):
        yield from _unknown(value, ("AwsvpcConfiguration",), "NetworkConfiguration")
    if not isinstance(inner, Mapping):
        yield rule.at(value.place, "NetworkConfiguration needs AwsvpcConfiguration")
        return
    yield from _unknown(inner, AWSVPC_KEYS, "AwsvpcConfiguration")
    for key in AWSVPC_KEYS:
        if inner.get(key) is None:
            yield rule.at(inner.place, f"AwsvpcConfiguration needs {key}")
    for key, prefix, limit in (
        ("Subnets", "subnet-", SUBNETS_LIMIT),
        ("SecurityGroups", "sg-", SECURITY_GROUPS_LIMIT),
    ):
        listed = inner.get(key)
        if listed is not None and not _is_listed(listed, prefix, limit):
            yield rule.at(listed.place, f"{key} must be a list of 1 to {limit} ids that begin with {prefix}")
    address = inner.get("AssignPublicIp")
    if address is not None and not (isinstance(address, Scalar) and address.text in PUBLIC_IP):
        yield rule.at(address.place, f"AssignPublicIp must be {' or '.join(PUBLIC_IP)}")


def _is_listed(node: Node, prefix: str, limit: int) -> bool:
    items = node.items if isinstance(node, Sequence) else ()
    return 0 < len(items) <= limit and all(isinstance(each, Scalar) and each.text.startswith(prefix) for each in items)


def _strategy(value: Node) -> Iterator[Finding]:
    rule = resource_rules.CAPACITY_PROVIDER
    items = value.items if isinstance(value, Sequence) else ()
    if not 0 < len(items) <= PROVIDERS_LIMIT:
        yield rule.at(value.place, f"CapacityProviderStrategy must be a list of 1 to {PROVIDERS_LIMIT} providers")
        return
    bases, weights = 0, 0
    for item in items:
        if not isinstance(item, Mapping):
            yield rules.SHAPE.at(item.place, "a provider must be keys and values (CapacityProvider: ...)")
            continue
        yield from _unknown(item, STRATEGY_KEYS, "a provider")
        if item.get("CapacityProvider") is None:
            yield rule.at(item.place, "a provider needs CapacityProvider")
        for key, limit in (("Base", BASE_LIMIT), ("Weight", WEIGHT_LIMIT)):
            number = item.get(key)
            if number is not None and _whole(number, 0, limit) is None:
                yield rule.at(number.place, f"{key} must be a number from 0 to {limit}")
        bases += bool(_whole(item.get("Base"), 1, BASE_LIMIT))
        # ECS takes a single provider without a weight; of several, one must have one.
        weights += bool(_whole(item.get("Weight"), 1, WEIGHT_LIMIT))
    if bases > 1:
        yield rule.at(value.place, "only one provider may have a Base above 0")
    if not weights and len(items) > 1:
        yield rule.at(value.place, "one provider must have a Weight above 0")


def _whole(node: Node | None, least: int, most: int) -> int | None:
    """A number without quotes within bounds."""
    if not isinstance(node, Scalar) or not node.is_plain or not re.fullmatch(r"0|[1-9][0-9]{0,8}", node.text):
        return None
    number = int(node.text)
    return number if least <= number <= most else None


def _unknown(mapping: Mapping, known: tuple[str, ...], what: str) -> Iterator[Finding]:
    for key, _ in mapping.entries:
        if key.text not in known:
            yield rules.KEY_UNKNOWN.at(key.place, f"{what} has no key {key.text!r}{nearest(key.text, known)}")
