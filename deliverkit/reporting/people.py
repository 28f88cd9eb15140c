"""How people and machines are called in a report."""

from __future__ import annotations

from deliverkit.domain.build_claims import claim

LIMIT = 200
"""Characters; AWS allows 64 in each part of an identity's name."""


def name_of(identity: str) -> str:
    """An AWS identity ARN without what all of an account share: `user/rosa`, `assumed-role/ci/build-7`.

    What is no ARN stays as it is.
    """
    parts = identity.split(":", maxsplit=5)
    named = parts[5] if len(parts) == 6 and parts[0] == "arn" and parts[5] else identity
    return claim(named, limit=LIMIT)
