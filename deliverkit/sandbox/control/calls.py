"""How often each operation was asked for: `GET calls`, `POST calls/clear`.

Every request of every client counts, also one that is refused or struck by a fault; calls from one of the sandbox's
services to another do not. The counts are not kept when the sandbox ends.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

from deliverkit.sandbox.access.request import any_request
from deliverkit.sandbox.control.endpoints import Endpoint, Handler
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.kernel.wsgi import CONTROL_PREFIX, Application, Environ, StartResponse

MOST_SECONDS = 3600
"""Seconds of one operation whose calls are told apart."""


@dataclass
class _Tally:
    first_at: datetime
    last_at: datetime
    count: int = 0
    by_second: Counter[int] = field(default_factory=Counter)


class Calls:
    """A WSGI application around all that answers, which counts what comes in."""

    def __init__(self, world: World, application: Application) -> None:
        """Take the sandbox's clock and what answers."""
        self._world = world
        self._application = application
        self._lock = threading.Lock()
        self._tallies: dict[str, _Tally] = {}

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Count one request and hand it on."""
        if not environ["PATH_INFO"].startswith(CONTROL_PREFIX):
            self._note(any_request(environ).action)
        return self._application(environ, start_response)

    def endpoints(self) -> Mapping[Endpoint, Handler]:
        """What tells the counts."""
        return {("GET", "calls"): self._show, ("POST", "calls/clear"): self._clear}

    def _note(self, action: str) -> None:
        now = self._world.clock.now()
        with self._lock:
            tally = self._tallies.setdefault(action, _Tally(now, now))
            tally.count, tally.last_at = tally.count + 1, now
            second = int(now.timestamp())
            if second in tally.by_second or len(tally.by_second) < MOST_SECONDS:
                tally.by_second[second] += 1

    def _show(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """`action` narrows them, `cloudwatch:Get*`."""
        wanted = str(params.get("action", "*"))
        with self._lock:
            found = {name: each for name, each in sorted(self._tallies.items()) if fnmatchcase(name, wanted)}
            return {"calls": {name: _told(each) for name, each in found.items()}}

    def _clear(self, _params: Mapping[str, Any]) -> Mapping[str, Any]:
        with self._lock:
            self._tallies.clear()
        return {"calls": {}}


def _told(tally: _Tally) -> Mapping[str, Any]:
    return {
        "count": tally.count,
        "first_at": tally.first_at.isoformat(),
        "last_at": tally.last_at.isoformat(),
        "most_in_a_second": max(tally.by_second.values()),
    }
