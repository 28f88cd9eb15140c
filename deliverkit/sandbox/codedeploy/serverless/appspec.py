"""The appspec of Lambda and ECS deployments: read from the revision, and what it must hold.

User guide, reference-appspec-file-structure-resources and -hooks.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deliverkit.sandbox.codedeploy.serverless.revision import INLINE
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

LAMBDA_HOOKS = ("BeforeAllowTraffic", "AfterAllowTraffic")
ECS_HOOKS = ("BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", *LAMBDA_HOOKS)
_VERSION = re.compile(r"[1-9][0-9]*")
_KINDS = {"Lambda": ("AWS::Lambda::Function", LAMBDA_HOOKS), "ECS": ("AWS::ECS::Service", ECS_HOOKS)}


class AppspecError(Exception):
    """The appspec, or what holds it, cannot be used.

    Attributes:
        code: ErrorInformation code.
    """

    def __init__(self, message: str, code: str = "INVALID_REVISION") -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Appspec:
    """What the deployment needs of it.

    Attributes:
        properties: Of the only resource, names in lower case for Lambda.
        hooks: Function by lifecycle event.
    """

    properties: Mapping[str, Any]
    hooks: Mapping[str, str]


def load(world: World, account: str, location: Mapping[str, Any], platform: str) -> Appspec:
    """Read and check the appspec of a revision.

    Raises:
        AppspecError: With a message for the deployment's error information.
    """
    return parse(_text(world, account, location), platform)


def _text(world: World, account: str, location: Mapping[str, Any]) -> str:
    inline = INLINE.get(location["revisionType"])
    if inline is not None:
        return str(location[inline]["content"])
    s3 = location["s3Location"]
    try:
        found = world.moto.read_object(account, s3["bucket"], s3["key"], s3.get("version"))
    except ApiError as error:
        raise AppspecError(f"The revision could not be read: {error.message}", "REVISION_MISSING") from error
    wanted = str(s3.get("eTag") or "").strip('"')
    if wanted and wanted != found.e_tag:
        raise AppspecError("The revision's ETag is not the one that was asked for.", "REVISION_MISSING")
    try:
        return found.body.decode()
    except UnicodeDecodeError as error:
        raise AppspecError("The AppSpec file is not UTF-8 text.") from error


def parse(text: str, platform: str) -> Appspec:
    """Check the text of an appspec; YAML, of which JSON is a part.

    Raises:
        AppspecError: For whatever the platform does not take.
    """
    document = {str(name).lower(): value for name, value in _mapping(_parsed(text), "The AppSpec file").items()}
    if str(document.get("version")) != "0.0":
        raise AppspecError("The AppSpec file needs the version 0.0.")
    kind, events = _KINDS[platform]
    properties = _properties(document.get("resources"), kind)
    if platform == "Lambda":
        properties = _lambda_properties(properties)
    else:
        _check_ecs(properties)
    return Appspec(properties, _hooks(document.get("hooks"), events))


def _parsed(text: str) -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415  (slow to import)
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        raise AppspecError(f"The AppSpec file is neither YAML nor JSON: {error}") from error


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise AppspecError(f"{what} must be a mapping.")
    return value


def _properties(resources: Any, kind: str) -> Mapping[str, Any]:
    if not isinstance(resources, list) or len(resources) != 1:
        raise AppspecError("The AppSpec file needs exactly one resource.")
    (resource,) = [_mapping(each, "A resource") for each in resources]
    if len(resource) != 1:
        raise AppspecError("A resource needs exactly one name.")
    (body,) = resource.values()
    members = {str(name).lower(): value for name, value in _mapping(body, "A resource").items()}
    if members.get("type") != kind:
        raise AppspecError(f"The resource's type must be {kind}.")
    return _mapping(members.get("properties"), "The resource's properties")


def _lambda_properties(given: Mapping[str, Any]) -> dict[str, str]:
    properties = {str(name).lower(): str(value) for name, value in given.items() if value is not None}
    for name in ("name", "alias", "currentversion", "targetversion"):
        if not properties.get(name):
            raise AppspecError(f"The resource's properties need {name}.")
    for name in ("currentversion", "targetversion"):
        if not _VERSION.fullmatch(properties[name]):
            raise AppspecError(f"{name} must be a positive integer, not {properties[name]!r}.")
    return properties


def _check_ecs(properties: Mapping[str, Any]) -> None:
    if not isinstance(properties.get("TaskDefinition"), str):
        raise AppspecError("The resource's properties need a TaskDefinition.")
    balancer = _mapping(properties.get("LoadBalancerInfo"), "LoadBalancerInfo")
    if not balancer.get("ContainerName") or not isinstance(balancer.get("ContainerPort"), int):
        raise AppspecError("LoadBalancerInfo needs a ContainerName and a ContainerPort.")
    network = properties.get("NetworkConfiguration")
    if network is not None:
        inner = _mapping(_mapping(network, "NetworkConfiguration").get("AwsvpcConfiguration"), "AwsvpcConfiguration")
        if not {"Subnets", "SecurityGroups", "AssignPublicIp"} <= inner.keys():
            raise AppspecError("AwsvpcConfiguration needs Subnets, SecurityGroups and AssignPublicIp.")


def _hooks(given: Any, events: tuple[str, ...]) -> dict[str, str]:
    """A list of mappings; each event at most once, each with exactly one function."""
    hooks: dict[str, str] = {}
    for each in given or ():
        for event, function in _mapping(each, "A hook").items():
            if event not in events:
                raise AppspecError(f"{event} is no hook; hooks are {', '.join(events)}.")
            if event in hooks or not isinstance(function, str) or not function:
                raise AppspecError(f"{event} needs exactly one function.")
            hooks[event] = function
    return hooks
