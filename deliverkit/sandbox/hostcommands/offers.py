"""Which commands an agent was handed a moment ago, so that it is not handed them twice.

An agent polls on while its pool of threads asks for the specification and acknowledges what came: until then the
command still waits in its queue, and a second copy would be executed beside the first. AWS does not document how long
its service keeps such a command back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

UNSEEN_SECONDS = 2.0
"""How long a command is kept back after a poll was given it: nobody may have read that answer."""
SEEN_SECONDS = 5.0
"""How long once its agent asked for the specification and so is alive. Real time, as agents are real processes."""


class Offers:
    """The last command that each host was handed, and the newest poll that waits for one.

    Args:
        now: The monotonic clock, seconds.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._kept_back: dict[str, tuple[str, float]] = {}
        self._waiting: dict[str, object] = {}

    def begin(self, host: str, poll: object) -> bool:
        """A poll of the host begins; True when an earlier one waits still, which its agent must have given up."""
        with self._lock:
            is_followed = host in self._waiting
            self._waiting[host] = poll
            return is_followed

    def end(self, host: str, poll: object) -> None:
        """The poll is over."""
        with self._lock:
            if self._waiting.get(host) is poll:
                del self._waiting[host]

    def is_newest(self, host: str, poll: object) -> bool:
        """True while no later poll of the host came."""
        with self._lock:
            return self._waiting.get(host) is poll

    def take(self, host: str, command: str) -> float:
        """Seconds until the host may be handed the command; 0 hands it out."""
        with self._lock:
            last, until = self._kept_back.get(host, ("", 0.0))
            remaining = until - self._now() if last == command else 0.0
            if remaining <= 0:
                self._kept_back[host] = command, self._now() + UNSEEN_SECONDS
            return max(0.0, remaining)

    def confirm(self, host: str) -> None:
        """The host works on what it was handed last."""
        with self._lock:
            if host in self._kept_back:
                self._kept_back[host] = self._kept_back[host][0], self._now() + SEEN_SECONDS
