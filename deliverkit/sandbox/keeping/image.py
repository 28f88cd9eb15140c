"""The image: everything that services and moto remember, at one moment."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deliverkit._version import __version__
from deliverkit.sandbox.keeping import pickling
from deliverkit.sandbox.keeping.unreadable import UnreadableStateError, reading
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.world import World

FILE = "image"


@dataclass(frozen=True, slots=True)
class Image:
    """What one file holds.

    Attributes:
        version: Of deliverkit that wrote it.
        segment: Number of the first journal segment that is not part of it.
        taken_at: Real time, UTC.
        now: Virtual time, UTC.
        speed: Of the virtual clock.
        state: The world's stores, its timers and moto's backends.
        address_base: The first three bytes of the instances' addresses.
        chance: Where the generator of ids stands.
    """

    version: str
    segment: int
    taken_at: datetime
    now: datetime
    speed: float
    state: dict[str, Any]
    address_base: str
    chance: Any


def take(world: World, segment: int) -> Image:
    """The world as it is now; the caller holds the world's lock."""
    state = {"stores": world.kept_stores(), "timers": world.timers.kept(), "moto": world.moto.state()}
    clock = world.clock
    return Image(
        __version__, segment, datetime.now(UTC), clock.now(), clock.speed, state, world.address_base, chance.state()
    )


def write(image: Image, directory: Path) -> None:
    """Put the image in the place of the one before.

    Raises:
        OSError, TypeError, pickle.PicklingError, AttributeError: If it cannot be written; the one before stays.
    """
    draft = directory / f"{FILE}.{os.getpid()}"
    try:
        with draft.open("wb") as out:
            pickling.dump(image, out)
        draft.replace(directory / FILE)
    finally:
        draft.unlink(missing_ok=True)


def read(world: World, directory: Path) -> Image | None:
    """The image in the directory; None when there is none.

    Raises:
        UnreadableStateError: If another version wrote it, or something else did.
    """
    path = directory / FILE
    if not path.exists():
        return None
    with path.open("rb") as source, reading(path):
        image = pickling.load(world, source)
    if not isinstance(image, Image) or image.version != __version__:
        wrote = getattr(image, "version", "something else")
        raise UnreadableStateError(f"{path} was written by {wrote}, not by deliverkit {__version__}")
    return image


def put_back(world: World, image: Image) -> None:
    """Make the world what the image shows; time stands still at the image's moment."""
    world.clock.restore(image.now, 0.0)
    world.put_stores(image.state["stores"])
    world.timers.put_back(image.state["timers"])
    world.moto.put_state(image.state["moto"])
    world.address_base = image.address_base
    chance.set_state(image.chance)
