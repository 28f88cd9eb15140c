"""What CodePipeline may do with the role that a pipeline or an action gives it, when policies are enforced.

Its calls to CodeDeploy are decided by the role's policies. Reading and writing of artifacts is not: on AWS it needs
`s3:GetObject` and its like as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.access.callers import role_caller, role_trust
from deliverkit.sandbox.access.enforcement import is_enforced
from deliverkit.sandbox.access.needs import needs_of
from deliverkit.sandbox.access.policy import Decision, decide, trusts
from deliverkit.sandbox.access.request import Request, Wire
from deliverkit.sandbox.access.wording import refusal_text
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context
from deliverkit.sandbox.kernel.world import World

_SESSION = re.compile(r"arn:aws:sts::(\d{12}):assumed-role/([^/]+)/codepipeline")
_PRINCIPAL = "codepipeline.amazonaws.com"


def authorise(service: str, operation: str, params: Mapping[str, Any], context: Context) -> None:
    """Refuse a call between services that its role does not allow; everything else passes.

    Raises:
        ApiError: `AccessDeniedException`.
    """
    session = _SESSION.fullmatch(context.principal_arn)
    if session is None or not is_enforced(context.world):
        return
    caller = role_caller(context.world.moto, session[1], session[2], context.principal_arn)
    if caller is None or not _trusts_somebody(context, caller.role_arn):
        text = f"CodePipeline is not authorized to perform AssumeRole on role {session[2]} of account {session[1]}"
        raise ApiError("AccessDeniedException", text)
    request = Request(service, operation, context.account, context.region, "", Wire.JSON, "POST", params)
    keys = {"aws:requestedregion": [context.region], "aws:principalarn": [caller.role_arn]}
    for need in needs_of(context.world, request):
        decisions = [decide(each, need.action, need.resource, keys) for each in (caller.policies, *caller.limits)]
        refused = next((each for each in decisions if each is not Decision.ALLOWED), None)
        if refused is not None:
            raise ApiError("AccessDeniedException", refusal_text(caller.arn, need, refused))


def is_assumable(world: World, role_arn: str) -> bool:
    """True when CodePipeline may take a pipeline's role; always, unless policies are enforced."""
    if not is_enforced(world):
        return True
    trust = role_trust(world.moto, role_arn) or {}
    return trusts(trust, (_PRINCIPAL,), "sts:AssumeRole", {}) is Decision.ALLOWED


def _trusts_somebody(context: Context, role_arn: str) -> bool:
    """True when CodePipeline may take the role: itself, or by way of the pipeline's own role for another account's."""
    trust = role_trust(context.world.moto, role_arn) or {}
    if trusts(trust, (_PRINCIPAL,), "sts:AssumeRole", {}) is Decision.ALLOWED:
        return True
    principals = [str(each) for each in _principals(trust)]
    return any(each == "*" or ":role/" in each or each.endswith(":root") or each.isdigit() for each in principals)


def _principals(trust: Mapping[str, Any]) -> list[Any]:
    statements = trust.get("Statement", [])
    found: list[Any] = []
    for statement in statements if isinstance(statements, list) else [statements]:
        named = statement.get("Principal", {})
        named = named.get("AWS", []) if isinstance(named, Mapping) else named
        found += named if isinstance(named, list) else [named]
    return found
