"""The image: everything that services and moto remember, at one moment.

A file's number is that of the first journal segment that is not part of it. Several copies of the process may write at
once, a killed one's among them, and end in any order: the image with the highest number counts, whoever wrote it last.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deliverkit._version import __version__
from deliverkit.sandbox.keeping import pickling
from deliverkit.sandbox.keeping.unreadable import UnreadableStateError, reading
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.world import World

PREFIX = "image."


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


def path(directory: Path, segment: int) -> Path:
    """Where an image is, or would be."""
    return directory / f"{PREFIX}{segment}"


def write(image: Image, directory: Path) -> None:
    """Put the image beside those before; it counts once it is whole.

    Raises:
        OSError, TypeError, pickle.PicklingError, AttributeError: If it cannot be written; the one before counts.
    """
    draft = directory / f"draft.{os.getpid()}"
    try:
        with draft.open("wb") as out:
            pickling.dump(image, out)
        draft.replace(path(directory, image.segment))
    finally:
        draft.unlink(missing_ok=True)


def read(world: World, directory: Path) -> Image | None:
    """The newest image in the directory; None when there is none.

    Raises:
        UnreadableStateError: If another version wrote it, or something else did.
    """
    number = max(_numbers(directory), default=None)
    if number is None:
        return None
    found = path(directory, number)
    with found.open("rb") as source, reading(found):
        image = pickling.load(world, source)
    if not isinstance(image, Image) or image.version != __version__:
        wrote = getattr(image, "version", "something else")
        raise UnreadableStateError(f"{found} was written by {wrote}, not by deliverkit {__version__}")
    return image


def drop_before(segment: int, directory: Path) -> None:
    """Remove the images that a newer one made superfluous."""
    for number in _numbers(directory):
        if number < segment:
            path(directory, number).unlink(missing_ok=True)


def _numbers(directory: Path) -> Iterator[int]:
    found = (path.name.removeprefix(PREFIX) for path in directory.glob(f"{PREFIX}*"))
    return (int(number) for number in found if number.isdigit())


def put_back(world: World, image: Image) -> None:
    """Make the world what the image shows; time stands still at the image's moment."""
    world.clock.restore(image.now, 0.0)
    world.put_stores(image.state["stores"])
    world.timers.put_back(image.state["timers"])
    world.moto.put_state(image.state["moto"])
    world.address_base = image.address_base
    chance.set_state(image.chance)
