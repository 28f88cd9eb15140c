"""Revisions of Lambda and ECS deployments: an appspec in the request or in S3 (user guide, application-revisions)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError

Json = Mapping[str, Any]
INLINE = {"AppSpecContent": "appSpecContent", "String": "string"}
"""Revision types with the appspec inside; `String` is the deprecated form, for Lambda only."""
_BUNDLE_TYPES = frozenset({"YAML", "JSON"})


def checked(location: Json, platform: str) -> Json:
    """A complete location for the platform, with the sha256 of what it holds.

    Raises:
        ApiError: `InvalidRevisionException`.
    """
    kind = str(location.get("revisionType"))
    if kind == "S3":
        s3 = location.get("s3Location") or {}
        if s3.get("bucket") and s3.get("key") and s3.get("bundleType") in _BUNDLE_TYPES:
            return location
    elif kind in INLINE and not (kind == "String" and platform != "Lambda"):
        return {"revisionType": kind, INLINE[kind]: _hashed(location.get(INLINE[kind]) or {})}
    raise ApiError("InvalidRevisionException", f"The revision of type {kind} is incomplete or not for {platform}.")


def _hashed(text: Json) -> Json:
    content, told = text.get("content"), text.get("sha256")
    if content is None:
        if not told:
            raise ApiError("InvalidRevisionException", "The revision has neither content nor sha256.")
        return {"sha256": told}
    found = hashlib.sha256(content.encode()).hexdigest()
    # Whether AWS compares them is not documented; a wrong hash would name a revision that cannot be found again.
    if told and told.lower() != found:
        raise ApiError("InvalidRevisionException", "The sha256 is not that of the content.")
    return {"content": content, "sha256": found}


def identity(location: Json) -> tuple[str, ...] | None:
    """What makes two inline locations the same revision; None for other types."""
    for kind, member in INLINE.items():
        if location.get("revisionType") == kind:
            return (kind, str(location[member]["sha256"]))
    return None


def lacks_content(location: Json) -> bool:
    """True for an inline location that only says the hash."""
    member = INLINE.get(str(location.get("revisionType")))
    return member is not None and "content" not in location[member]


def without_content(location: Json | None) -> Json | None:
    """As GetDeployment tells it: without the content of an appspec (API reference, GetDeployment)."""
    member = INLINE.get(str((location or {}).get("revisionType")))
    if location is None or member is None:
        return location
    return {**location, member: {"sha256": location[member]["sha256"]}}
