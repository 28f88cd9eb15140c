"""A time limit for a whole conversation over a connection: what drips bytes for ever is cut off."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Self, TypeAlias

from deliverkit.adapters.clock import Stopwatch

_Address: TypeAlias = tuple[int, int, int, str, Any]
"""As `socket.getaddrinfo` gives it: family, kind, protocol, canonical name, and the place itself."""


class Lines:
    """The conversations of one measurement, or of several, so that another thread can cut them.

    Attributes:
        were_cut: True when they are over: none need begin.
    """

    def __init__(self) -> None:
        """Begin with none."""
        self._lock = threading.Lock()
        self._open: list[Deadline] = []
        self.were_cut = False

    def add(self, deadline: Deadline) -> None:
        """One begins; it ends at once when it comes too late."""
        with self._lock:
            self._open.append(deadline)
            if self.were_cut:
                deadline.cut()

    def remove(self, deadline: Deadline) -> None:
        """One is over."""
        with self._lock:
            self._open.remove(deadline)

    def cut(self) -> None:
        """End those that are under way, and those that begin later, as if their time were over."""
        with self._lock:
            self.were_cut = True
            for each in self._open:
                each.cut()


class Deadline:
    """Shuts the connection down when its time is over: socket timeouts alone never end a peer that drips bytes."""

    def __init__(self, seconds: float, lines: Lines | None = None) -> None:
        """Take the time that there is from now on, and from where it may be cut earlier."""
        self._lines = lines
        self._connecting: socket.socket | None = None
        self.watch = Stopwatch()
        self.was_cut = False
        self._seconds = seconds
        self._sock: socket.socket | None = None
        self._timer = threading.Timer(seconds, self.cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        if self._lines:
            self._lines.add(self)
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if self._lines:
            self._lines.remove(self)
        self._timer.cancel()
        # A cut that has begun must not meet the socket's number when it is somebody else's.
        self._timer.join()
        if self._sock:
            self._sock.close()
        if self.was_cut and isinstance(error, (OSError, http.client.HTTPException, ValueError)):
            raise TimeoutError from error

    def connected(self, found: Sequence[_Address]) -> socket.socket:
        """A connection to the first address that takes one; each has its share of the time that is left.

        Raises:
            TimeoutError: If none did in time.
            OSError: As the last address answered.
        """
        last = OSError("no address")
        for position, address in enumerate(found):
            try:
                return self._connected(address, share=1 / (len(found) - position))
            except OSError as error:
                last = error
        raise last

    def _connected(self, address: _Address, *, share: float) -> socket.socket:
        family, kind, protocol, _, place = address
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(self._left() * share)
            self._connecting = sock
            sock.connect(place)
            # A second handle on the connection: encryption takes the first one away.
            self._sock = sock.dup()
            self._connecting = None
            # Asked after that: a cut that came before found nothing to shut down.
            sock.settimeout(self._left())
        except BaseException:
            self._connecting = None
            sock.close()
            raise
        return sock

    def _left(self) -> float:
        left = self._seconds - self.watch.seconds()
        if self.was_cut or left <= 0:
            raise TimeoutError
        return left

    def cut(self) -> None:
        """End it, as if its time were over."""
        self.was_cut = True
        for sock in (self._sock, self._connecting):
            if sock:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)
