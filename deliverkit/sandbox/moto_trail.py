"""LookupEvents in moto's CloudTrail, which has all other operations but no event history."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError

Lookup = Callable[[Mapping[str, Any], str, str], Mapping[str, Any]]
_lookups: list[Lookup] = []


def answer_lookups(lookup: Lookup) -> None:
    """Let moto's CloudTrail answer LookupEvents; the sandbox that was made last holds for the process.

    Args:
        lookup: `(params, account, region) -> answer`.
    """
    from moto.cloudtrail.responses import CloudTrailResponse  # noqa: PLC0415

    _lookups[:] = [lookup]
    CloudTrailResponse.lookup_events = _lookup_events


def _lookup_events(response: Any) -> str:
    from moto.core.exceptions import JsonRESTError  # noqa: PLC0415

    try:
        found = _lookups[0](json.loads(response.body or "{}"), response.current_account, response.region)
    except ApiError as error:
        raise JsonRESTError(error.code, error.message) from error
    return json.dumps(found)
