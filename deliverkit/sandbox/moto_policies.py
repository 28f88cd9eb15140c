"""AWS's own managed policies, which moto knows but offers all at once or not at all.

All of them in every account would cost memory that nearly nobody needs. Here one is there once somebody names it, and
ListPolicies lists all.
"""

from __future__ import annotations

import copy
import hashlib
import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.sandbox.moto_hooks import replace

_PREFIX = "arn:aws:iam::aws:policy/"
_TAKE_AN_ARN = ("attach_role_policy", "attach_user_policy", "attach_group_policy", "get_policy")


def offer_aws_policies(models: Any) -> None:
    """Let moto's models of IAM know AWS's policies; repeating it changes nothing."""
    # The 5 MB of their text can be had again when they are wanted.
    models.aws_managed_policies_data = "{}"
    sys.modules.pop("moto.iam.aws_managed_policies", None)
    for name in _TAKE_AN_ARN:
        replace(models.IAMBackend, name, _with_policy)
    replace(models.IAMBackend, "list_policies", _with_all_policies)
    if not hasattr(models.Role, "attaches_aws_policies"):
        models.Role.attaches_aws_policies = True
        for name, make in _OF_CLOUDFORMATION.items():
            setattr(models.Role, name, classmethod(make(getattr(models.Role, name).__func__)))


def managed_policy(iam: Any, arn: str) -> Any:
    """A managed policy of an account or of AWS; None when there is no such policy."""
    if arn not in iam.managed_policies and arn.startswith(_PREFIX):
        data = _aws_policies().get(arn)
        if data is not None:
            iam.managed_policies[arn] = _made(iam, arn, data)
            iam.aws_managed_policies.append(iam.managed_policies[arn])
    return iam.managed_policies.get(arn)


def _aws_policies() -> Mapping[str, Mapping[str, Any]]:
    """Data of each policy of AWS, by ARN: read anew each time, for 5 MB of text make many more in memory."""
    from moto.iam.aws_managed_policies import aws_managed_policies_data  # noqa: PLC0415

    found = json.loads(aws_managed_policies_data)
    sys.modules.pop("moto.iam.aws_managed_policies", None)
    return {f"{_PREFIX[:-1]}{data['Path']}{name}": data for name, data in found.items()}


def _made(iam: Any, arn: str, data: Mapping[str, Any]) -> Any:
    from moto.iam.models import AWSManagedPolicy  # noqa: PLC0415

    policy = AWSManagedPolicy.from_data(arn.rpartition("/")[2], iam.account_id, iam.region_name, dict(data))
    # On AWS the id is the same in every account.
    policy.id = f"ANPA{hashlib.sha256(arn.encode()).hexdigest()[:17].upper()}"
    return policy


def _with_policy(original: Callable[..., Any]) -> Callable[..., Any]:
    def mended(iam: Any, policy_arn: str, *rest: Any, **named: Any) -> Any:
        managed_policy(iam, policy_arn)
        return original(iam, policy_arn, *rest, **named)

    return mended


def _with_all_policies(original: Callable[..., Any]) -> Callable[..., Any]:
    def mended(iam: Any, *rest: Any, **named: Any) -> Any:
        whole = copy.copy(iam)
        own = dict(iam.managed_policies)
        whole.managed_policies = own | {
            arn: _made(iam, arn, data) for arn, data in _aws_policies().items() if arn not in own
        }
        return original(whole, *rest, **named)

    return mended


def _with_attached(original: Callable[..., Any]) -> Callable[..., Any]:
    """CloudFormation's roles with their `ManagedPolicyArns`, which moto leaves out."""

    def mended(
        cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, *rest: Any, **named: Any
    ) -> Any:
        role = original(cls, resource_name, cloudformation_json, account_id, *rest, **named)
        for arn in cloudformation_json["Properties"].get("ManagedPolicyArns", []):
            _iam_of(account_id).attach_role_policy(arn, role.name)
        return role

    return mended


def _with_detached(original: Callable[..., Any]) -> Callable[..., Any]:
    def mended(
        cls: Any, resource_name: str, cloudformation_json: Any, account_id: str, *rest: Any, **named: Any
    ) -> Any:
        iam = _iam_of(account_id)
        role = next((each for each in iam.roles.values() if each.name == resource_name), None)
        for arn in list(role.managed_policies) if role is not None else []:
            iam.detach_role_policy(arn, resource_name)
        return original(cls, resource_name, cloudformation_json, account_id, *rest, **named)

    return mended


_OF_CLOUDFORMATION: Mapping[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "create_from_cloudformation_json": _with_attached,
    "delete_from_cloudformation_json": _with_detached,
}


def _iam_of(account: str) -> Any:
    from moto.iam.models import iam_backends  # noqa: PLC0415

    return iam_backends[account]["aws"]
