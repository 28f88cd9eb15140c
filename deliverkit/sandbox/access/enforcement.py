"""Whether policies are enforced, and the endpoint that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World


@dataclass
class AccessStore:
    """Whether policies are enforced in a sandbox."""

    is_enforced: bool = False


def is_enforced(world: World) -> bool:
    """True when IAM's policies decide over every request."""
    store = world.existing(AccessStore, "", "")
    return store is not None and store.is_enforced


def access_endpoints(world: World) -> Mapping[tuple[str, str], Any]:
    """What enforcement answers to: `GET access`, `POST access`."""
    return {("GET", "access"): partial(_show, world), ("POST", "access"): partial(_set, world)}


def _show(world: World, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"is_enforced": is_enforced(world)}


def _set(world: World, params: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(params.get("is_enforced"), bool):
        raise ApiError("ValidationException", "is_enforced must be true or false")
    with world.lock:
        world.store(AccessStore, "", "").is_enforced = params["is_enforced"]
    return _show(world, {})
