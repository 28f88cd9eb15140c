"""The endpoints that add, list and clear faults."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from deliverkit.sandbox.faults.book import add_faults, clear_faults, store_of
from deliverkit.sandbox.faults.fault import Fault, Strike
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

DEFAULT_SEED = 0


def fault_endpoints(world: World) -> Mapping[tuple[str, str], Any]:
    """What faults answer to: `GET faults`, `POST faults`, `POST faults/clear`, `GET faults/strikes`."""
    return {
        ("GET", "faults"): partial(_list, world),
        ("POST", "faults"): partial(_add, world),
        ("POST", "faults/clear"): partial(_clear, world),
        ("GET", "faults/strikes"): partial(_strikes, world),
    }


def _list(world: World, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    with world.lock:
        return {"faults": [_shown(world, fault) for fault in store_of(world).faults]}


def _add(world: World, params: Mapping[str, Any]) -> Mapping[str, Any]:
    seed, described = params.get("seed", DEFAULT_SEED), params.get("faults")
    if not isinstance(seed, int) or isinstance(seed, bool):
        raise ApiError("ValidationException", f"seed must be a whole number, not {seed!r}")
    if not isinstance(described, list) or not all(isinstance(each, dict) for each in described) or not described:
        raise ApiError("ValidationException", "faults must be a list of mappings, with one at least")
    return {"faults": [_shown(world, fault) for fault in add_faults(world, seed, described, _among(params))]}


def _among(params: Mapping[str, Any]) -> frozenset[str] | None:
    among = params.get("among")
    if among is None:
        return None
    if not isinstance(among, list) or not all(isinstance(each, str) for each in among):
        raise ApiError("ValidationException", "among must be a list of instance ids")
    return frozenset(among)


def _clear(world: World, params: Mapping[str, Any]) -> Mapping[str, Any]:
    identity = params.get("id")
    if identity is not None and not isinstance(identity, str):
        raise ApiError("ValidationException", "id must be a text")
    return {"faults": [_shown(world, fault) for fault in clear_faults(world, identity)]}


def _strikes(world: World, _params: Mapping[str, Any]) -> Mapping[str, Any]:
    with world.lock:
        store = store_of(world)
        return {"strikes": [_strike(each) for each in store.strikes], "retries": dict(store.retries)}


def _shown(world: World, fault: Fault) -> Mapping[str, Any]:
    settings = {name: value for name, value in fault.values.items() if value is not None}
    return {
        "id": fault.id,
        "kind": fault.kind,
        "state": fault.state(world.clock.now()),
        "strikes": fault.strikes,
        "added_at": fault.added_at.isoformat(),
        "settings": settings,
    }


def _strike(strike: Strike) -> Mapping[str, Any]:
    return {
        "at": strike.at.isoformat(),
        "fault": strike.fault,
        "kind": strike.kind,
        "what": strike.what,
        "account": strike.account,
        "region": strike.region,
    }
