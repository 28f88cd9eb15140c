"""Who asked (CloudTrail User Guide, "CloudTrail userIdentity element").

The moment at which a session began is left out: credentials live in real time, events in the sandbox's own.
"""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.moto_base import MotoBase
from deliverkit.sandbox.moto_trail import session_of, user_id_of


def identity(moto: MotoBase, arn: str, account: str, access_key: str) -> dict[str, Any]:
    """`userIdentity` of the caller behind an access key.

    Args:
        moto: Knows users, roles and sessions.
        arn: As GetCallerIdentity gives it.
        account: Account id.
        access_key: Who signed.
    """
    kind, _, name = arn.rpartition(":")[2].partition("/")
    common = {"arn": arn, "accountId": account, "accessKeyId": access_key}
    if kind == "user":
        user_id = user_id_of(moto, account, access_key)
        return {"type": "IAMUser", "principalId": user_id, **common, "userName": name.rpartition("/")[2]}
    if kind == "assumed-role":
        return _session(moto, common)
    types = {"root": "Root", "federated-user": "FederatedUser"}
    return {"type": types.get(kind, "Unknown"), "principalId": account, **common}


def _session(moto: MotoBase, common: dict[str, str]) -> dict[str, Any]:
    found = session_of(moto, common["accountId"], common["accessKeyId"])
    if found is None:
        return {"type": "AssumedRole", **common}
    principal, role_id, role_arn = found
    issuer = {
        "type": "Role",
        "principalId": role_id,
        "arn": role_arn,
        "accountId": common["accountId"],
        "userName": role_arn.rpartition("/")[2],
    }
    context = {"sessionIssuer": issuer, "attributes": {"mfaAuthenticated": "false"}}
    return {"type": "AssumedRole", "principalId": principal, **common, "sessionContext": context}
