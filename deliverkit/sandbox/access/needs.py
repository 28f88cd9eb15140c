"""What a request needs: actions on resources, as the Service Authorization Reference names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deliverkit.sandbox.access import s3_needs
from deliverkit.sandbox.access.codedeploy_needs import codedeploy_resources, further_needs
from deliverkit.sandbox.access.codepipeline_needs import codepipeline_resources
from deliverkit.sandbox.access.other_needs import other_resource
from deliverkit.sandbox.access.request import Request
from deliverkit.sandbox.kernel.world import World

Resources = Callable[[World, Request], list[str]]

_PASSES_ROLES = {
    "codepipeline": ("CreatePipeline", "UpdatePipeline"),
    "codedeploy": ("CreateDeploymentGroup", "UpdateDeploymentGroup"),
    "lambda": ("CreateFunction", "UpdateFunctionConfiguration"),
    "ecs": ("RegisterTaskDefinition", "CreateService"),
    "states": ("CreateStateMachine", "UpdateStateMachine"),
}
_ROLE_MEMBERS = frozenset({"roleArn", "serviceRoleArn", "Role", "taskRoleArn", "executionRoleArn", "role"})
_RESOURCES: Mapping[str, Resources] = {"codedeploy": codedeploy_resources, "codepipeline": codepipeline_resources}
_INVOKE = {"lambda:Invoke": "lambda:InvokeFunction"}
_FREE = frozenset({"sts:GetCallerIdentity", "sts:GetSessionToken"})
"""What needs no permission (STS API reference)."""
_FREE_SERVICES = frozenset({"codedeploy-commands"})
"""A host agent needs permissions of S3 alone (user guide, register-on-premises-instance-iam-user-arn), unless it is
configured to speak to `codedeploy-commands-secure` (user guide, reference-agent-configuration)."""


@dataclass(frozen=True, slots=True)
class Need:
    """One action on one resource.

    Attributes:
        action: `iam:PassRole`.
        resource: ARN, or `*`.
        keys: Condition keys that hold for this need alone.
    """

    action: str
    resource: str
    keys: Mapping[str, list[str]] = field(default_factory=dict)


def needs_of(world: World, request: Request) -> list[Need]:
    """Everything that a request needs; empty for what everybody may, or an operation that is not known."""
    if not request.operation or request.action in _FREE or request.service in _FREE_SERVICES:
        return []
    if request.service == "s3":
        return [Need(action, resource, s3_needs.keys(request)) for action, resource in s3_needs.needs(request)]
    found = _RESOURCES.get(request.service)
    resources = found(world, request) if found else [other_resource(request)]
    action = _INVOKE.get(request.action, request.action)
    own = [(action, resource) for resource in resources]
    return [*(Need(*each) for each in (*own, *further_needs(world, request))), *_passed_roles(request)]


def _passed_roles(request: Request) -> Iterator[Need]:
    if request.operation in _PASSES_ROLES.get(request.service, ()):
        keys = {"iam:passedtoservice": [f"{_principal(request.service)}.amazonaws.com"]}
        for role in dict.fromkeys(_roles(request.params)):
            yield Need("iam:PassRole", role, keys)


def _principal(service: str) -> str:
    return "ecs-tasks" if service == "ecs" else service


def _roles(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, member in value.items():
            if name in _ROLE_MEMBERS and isinstance(member, str) and ":role/" in member:
                yield member
            yield from _roles(member)
    elif isinstance(value, list):
        for item in value:
            yield from _roles(item)
