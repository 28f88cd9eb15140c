"""How a refusal is worded (IAM user guide, "Access denied error message examples")."""

from __future__ import annotations

from deliverkit.sandbox.access.needs import Need
from deliverkit.sandbox.access.policy import Decision

IDENTITY, RESOURCE = "identity-based", "resource-based"
"""Kinds of policies that refuse."""
_AN = {IDENTITY: "an", RESOURCE: "a"}


def refusal_text(caller: str, need: Need, decision: Decision, *, is_quoted: bool = False, kind: str = IDENTITY) -> str:
    """The message of AccessDenied.

    Args:
        caller: ARN.
        need: What is not allowed.
        decision: Denied, or silent.
        is_quoted: S3 puts the resource into quotes.
        kind: Of the policy that refused.
    """
    resource = f'"{need.resource}"' if is_quoted else need.resource
    text = f"User: {caller} is not authorized to perform: {need.action} on resource: {resource}"
    if decision is Decision.DENIED:
        return f"{text} with an explicit deny in {_AN[kind]} {kind} policy"
    return f"{text} because no {kind} policy allows the {need.action} action"
