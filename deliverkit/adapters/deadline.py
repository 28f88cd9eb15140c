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


class Deadline:
    """Shuts the connection down when its time is over: socket timeouts alone never end a peer that drips bytes."""

    def __init__(self, seconds: float) -> None:
        """Take the time that there is from now on."""
        self.watch = Stopwatch()
        self.was_cut = False
        self._seconds = seconds
        self._sock: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
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
            sock.connect(place)
            # A second handle on the connection: encryption takes the first one away.
            self._sock = sock.dup()
            # Asked after that: a cut that came before found nothing to shut down.
            sock.settimeout(self._left())
        except BaseException:
            sock.close()
            raise
        return sock

    def _left(self) -> float:
        left = self._seconds - self.watch.seconds()
        if self.was_cut or left <= 0:
            raise TimeoutError
        return left

    def _cut(self) -> None:
        self.was_cut = True
        if self._sock:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)
