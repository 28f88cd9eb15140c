"""Policies of buckets beside those of identities (IAM user guide, "Policy evaluation logic").

In the bucket's account either may allow, the bucket's policy alone only when it names the caller or everybody; a caller
of another account needs both. A denial in either wins.
"""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.access.callers import Caller
from deliverkit.sandbox.access.needs import Need
from deliverkit.sandbox.access.policy import Decision, decide, for_principals, parsed
from deliverkit.sandbox.access.wording import IDENTITY, RESOURCE
from deliverkit.sandbox.moto_base import MotoBase

_BUCKET = "arn:aws:s3:::"


def with_bucket(
    moto: MotoBase, caller: Caller, need: Need, own: Decision, keys: Mapping[str, list[str]]
) -> tuple[Decision, str]:
    """The decision, and whose policy made it.

    Args:
        moto: Knows the buckets.
        caller: Who asks.
        need: An action on a bucket or an object.
        own: What the caller's own policies say.
        keys: Values of condition keys.
    """
    bucket = need.resource.removeprefix(_BUCKET).partition("/")[0]
    found = moto.bucket_policy(bucket) if need.resource.startswith(_BUCKET) else None
    if found is None or own is Decision.DENIED:
        return own, IDENTITY
    owner, policy = found[0], parsed(found[1])

    def says(*principals: str) -> Decision:
        return decide([for_principals(policy, principals)], need.action, need.resource, keys)

    shared = says(*caller.names)
    if shared is Decision.DENIED:
        return shared, RESOURCE
    if owner == caller.account:
        by_name = says(caller.arn, caller.role_arn)
        return (Decision.ALLOWED if Decision.ALLOWED in {own, by_name} else own), IDENTITY
    return (own, IDENTITY) if own is not Decision.ALLOWED else (shared, RESOURCE)
