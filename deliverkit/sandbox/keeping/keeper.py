"""Keeps the sandbox's state on disk while it runs, and brings it back when it starts.

An image is written by a copy of the process (`fork`), so that nobody waits for it; requests that come meanwhile, and
until the next image, stand in the journal. After a crash the image is read, time is set back to its moment, and the
journal's requests are carried out again: each at its time, after the timers that fell due before it, and with the ids
it made the first time.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deliverkit.sandbox.keeping import image
from deliverkit.sandbox.keeping.journal import Entry, Journal
from deliverkit.sandbox.keeping.unreadable import reading
from deliverkit.sandbox.kernel.world import World

log = logging.getLogger(__name__)
DIRECTORY = "state"
SHORTEST_PAUSE = 1.0
"""Real seconds between two images, at least."""
PAUSE_RATIO = 10
"""An image that took a second is followed by a pause of so many seconds: writing them is never the main work."""
LAST_DESCRIPTOR = 65536
LONGEST_WRITE = 120
"""Real seconds after which a copy that still writes is taken for stuck."""


class Keeper:
    """The state of one world, in a directory.

    Args:
        world: The sandbox.
        repeat: Carries a journalled request out again; its answer goes nowhere.
    """

    def __init__(self, world: World, repeat: Callable[[Entry], None]) -> None:
        self._world, self._repeat = world, repeat
        self._directory = world.state_dir / DIRECTORY
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._journal = Journal(self._directory)
        self._seen = (0, 0)
        self._entries = 0
        self._is_stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="sandbox-keeper", daemon=True)
        self._pause = SHORTEST_PAUSE

    def restore(self) -> None:
        """Bring back what an earlier process kept; called before anything moves.

        Raises:
            UnreadableStateError: If another version wrote it, or it is damaged.
        """
        found = image.read(self._world, self._directory)
        if found is not None:
            with reading(image.path(self._directory, found.segment)):
                image.put_back(self._world, found)
        moment, speed = (found.taken_at, found.speed) if found else (datetime.now(UTC), self._world.clock.speed)
        for entry in self._journal.since(found.segment if found else 0):
            moment = self._again(entry)
        elapsed = max(datetime.now(UTC) - moment, timedelta(0))
        now = self._world.clock.now()
        # While nobody served, time passed as it does anywhere, whatever speed a rehearsal had asked for.
        self._world.clock.restore(now + elapsed if speed else now, speed)

    def record(self, environ: Mapping[str, str], body: bytes) -> None:
        """Write a request down that is about to be carried out; the caller holds the world's lock.

        Raises:
            OSError: If it cannot be written.
        """
        seed = int.from_bytes(os.urandom(8), "big")
        self._journal.append(Entry(self._world.clock.now(), datetime.now(UTC), seed, environ, body))
        self._entries += 1
        self._world.begin_sequence(seed)

    def start(self) -> None:
        """Begin to keep."""
        self._journal.rotate()
        self._thread.start()

    def stop(self) -> None:
        """Write the last image; nothing moves any more."""
        self._is_stopped.set()
        if self._thread.is_alive():
            self._thread.join()
        try:
            self.write_now()
        except Exception:
            log.exception("the sandbox's state could not be kept whole; its journal has what is missing")
        self._journal.close()

    def write_now(self) -> None:
        """Write an image while the caller waits.

        Raises:
            Exception: If it cannot be written; the image before, and the journal since, stay.
        """
        with self._world.lock:
            segment = self._journal.rotate()
            image.write(image.take(self._world, segment), self._directory)
            self._drop_before(segment)

    def _drop_before(self, segment: int) -> None:
        self._journal.drop_before(segment)
        image.drop_before(segment, self._directory)

    # --- after a crash --------------------------------------------------------------------------------

    def _again(self, entry: Entry) -> datetime:
        self._world.timers.run_until(entry.at)
        self._world.clock.restore(entry.at, 0.0)
        self._world.begin_sequence(entry.seed)
        try:
            self._repeat(entry)
        except Exception:
            log.exception("a request of the journal could not be repeated")
        return entry.real

    # --- while it runs --------------------------------------------------------------------------------

    def _watch(self) -> None:
        while not self._is_stopped.wait(self._pause):
            if self._changes() == self._seen:
                continue
            began = time.monotonic()
            try:
                self._write_beside()
            except Exception:
                log.exception("the sandbox's state could not be kept")
            self._pause = max(SHORTEST_PAUSE, (time.monotonic() - began) * PAUSE_RATIO)

    def _changes(self) -> tuple[int, int]:
        return self._entries, self._world.timers.fired

    def _write_beside(self) -> None:
        with self._world.lock:
            seen = self._changes()
            segment = self._journal.rotate()
            child = os.fork()
            if child == 0:
                _write_and_leave(self._world, segment, self._directory)
        _, status = os.waitpid(child, 0)
        if status != 0:
            reason = (self._directory / "problem").read_text(errors="replace") if status == 256 else f"status {status}"
            raise RuntimeError(reason)
        self._seen = seen
        self._drop_before(segment)


def _write_and_leave(world: World, segment: int, directory: Path, *, longest: int = LONGEST_WRITE) -> Any:
    """In the copy of the process: write the image and end, touching nothing that the other one uses."""
    code = 1
    # A copy has one thread, and the locks that the others held at its birth are never given back: should it wait for
    # one of them, the alarm ends it, and the next image is written by another copy. The journal has everything.
    signal.alarm(longest)
    try:
        # Not even its sockets: a killed sandbox's port must be free although its copy still writes.
        os.closerange(3, LAST_DESCRIPTOR)
        image.write(image.take(world, segment), directory)
        code = 0
    except BaseException as error:  # noqa: BLE001  (whatever it is, the copy must end here)
        (directory / "problem").write_text(f"{type(error).__name__}: {error}")
    finally:
        os._exit(code)
