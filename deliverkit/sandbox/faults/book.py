"""Adding faults, letting them begin and end, and taking them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from functools import partial
from random import Random
from typing import Any

from deliverkit.sandbox.faults.fault import Fault, FaultStore
from deliverkit.sandbox.faults.kinds import KINDS
from deliverkit.sandbox.faults.settings import checked
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World


def store_of(world: World) -> FaultStore:
    """The faults of a sandbox."""
    return world.store(FaultStore, "", "")


def add_faults(
    world: World, seed: int, described: Sequence[Mapping[str, Any]], among: frozenset[str] | None = None
) -> list[Fault]:
    """Add faults, all of them or none; those of machines and alarms begin by timers.

    Args:
        world: The sandbox.
        seed: Of the faults' dice: with one seed, the same faults make the same choices.
        described: One mapping for each fault: `kind`, and the kind's settings.
        among: Ids of the instances among which faults of instances choose; None for all.

    Raises:
        ApiError: `ValidationException`.
    """
    read = [_read(each) for each in described]
    with world.lock:
        faults = [_add(world, kind, values, f"{seed}/{index}") for index, (kind, values) in enumerate(read)]
        for fault in faults:
            fault.among = among
        return faults


def clear_faults(world: World, identity: str | None = None) -> list[Fault]:
    """Take one fault back, or all of them; what is broken is mended.

    Raises:
        ApiError: `ResourceNotFoundException` for an unknown id.
    """
    with world.lock:
        store = store_of(world)
        taken = [fault for fault in store.faults if identity in (None, fault.id)]
        if identity is not None and not taken:
            raise ApiError("ResourceNotFoundException", f"there is no fault {identity}", status=404)
        for fault in taken:
            fault.is_cleared = True
            _end(world, fault)
        store.faults = [fault for fault in store.faults if fault not in taken]
        return taken


def _read(described: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    name = described.get("kind")
    if not isinstance(name, str) or name not in KINDS:
        raise ApiError("ValidationException", f"{name!r} is no kind of fault; known are {', '.join(KINDS)}")
    values = {key: value for key, value in described.items() if key != "kind"}
    try:
        return name, checked(KINDS[name].settings, values)
    except ApiError as error:
        raise ApiError(error.code, f"{name}: {error.message}") from error


def _add(world: World, kind: str, values: dict[str, Any], seed: str) -> Fault:
    store = store_of(world)
    store.added += 1
    # A text as seed: unlike a hash of it, it gives the same dice in every process.
    fault = Fault(f"f-{store.added}", kind, values, world.clock.now(), Random(seed))  # noqa: S311  (no secret)
    store.faults.append(fault)
    if KINDS[kind].begin is not None:
        world.timers.after(timedelta(seconds=values["after"]), partial(_begin, world, fault))
        if values["for"] is not None:
            world.timers.after(timedelta(seconds=values["after"] + values["for"]), partial(_end, world, fault))
    return fault


def _begin(world: World, fault: Fault) -> None:
    begin = KINDS[fault.kind].begin
    if begin is not None and not fault.is_cleared:
        fault.is_begun = True
        begin(world, fault)


def _end(world: World, fault: Fault) -> None:
    end = KINDS[fault.kind].end
    if end is not None and fault.is_begun:
        fault.is_begun = False
        end(world, fault)
