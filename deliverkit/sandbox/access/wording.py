"""How a refusal is worded (IAM user guide, "Access denied error message examples")."""

from __future__ import annotations

from deliverkit.sandbox.access.needs import Need
from deliverkit.sandbox.access.policy import Decision


def refusal_text(caller: str, need: Need, decision: Decision, *, is_quoted: bool = False) -> str:
    """The message of AccessDenied.

    Args:
        caller: ARN.
        need: What is not allowed.
        decision: Denied, or silent.
        is_quoted: S3 puts the resource into quotes.
    """
    resource = f'"{need.resource}"' if is_quoted else need.resource
    text = f"User: {caller} is not authorized to perform: {need.action} on resource: {resource}"
    if decision is Decision.DENIED:
        return f"{text} with an explicit deny in an identity-based policy"
    return f"{text} because no identity-based policy allows the {need.action} action"
