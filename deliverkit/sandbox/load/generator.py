"""Sends real requests at a steady rate, to loopback addresses only.

Open loop: a request is due at its time whether or not earlier ones were answered, as customers do not wait for each
other. When all senders are busy the rate falls behind, and the result tells by how much.
"""

from __future__ import annotations

import http.client
import ipaddress
import itertools
import math
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import SplitResult, urlsplit

HIGHEST_RATE = 1000.0
LONGEST_SECONDS = 3600.0
MOST_SENDERS = 64
TIMEOUT_SECONDS = 10.0


@dataclass
class Load:
    """What came of it.

    Attributes:
        url: Where the requests went.
        wanted: Requests that were due.
        seconds: How long it took, real seconds.
        statuses: Answers by HTTP status.
        errors: Requests without an answer, by the kind of error.
        latencies: Real seconds until each answer.
    """

    url: str
    wanted: int
    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @property
    def sent(self) -> int:
        """Requests that were made."""
        return sum(self.statuses.values()) + sum(self.errors.values())

    def percentile(self, percent: float) -> float | None:
        """The nearest-rank percentile of the latencies, in seconds; None without an answer."""
        ordered = sorted(self.latencies)
        return ordered[max(0, math.ceil(percent / 100 * len(ordered)) - 1)] if ordered else None

    def document(self) -> dict[str, Any]:
        """The result as JSON; times in milliseconds."""
        percents = {f"p{percent}": self.percentile(percent) for percent in (50, 90, 99, 100)}
        return {
            "url": self.url,
            "requests": self.sent,
            "wanted": self.wanted,
            "seconds": round(self.seconds, 3),
            "rate": round(self.sent / self.seconds, 2) if self.seconds else 0.0,
            "statuses": {str(status): count for status, count in sorted(self.statuses.items())},
            "errors": dict(self.errors),
            "latency_ms": {name: None if value is None else round(value * 1000, 2) for name, value in percents.items()},
        }


def checked(url: str) -> SplitResult:
    """The parts of a URL that may be loaded.

    Raises:
        ValueError: If it is not plain HTTP to a loopback address; names are refused but for `localhost`.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        is_loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
        parts.port  # noqa: B018  (raises for what is no port)
    except ValueError:
        is_loopback = False
    if parts.scheme != "http" or not is_loopback:
        raise ValueError(f"{url} is not http:// to a loopback address; load goes nowhere else")
    return parts


def run(url: str, rate: float, seconds: float, begin: Callable[[], None] = lambda: None) -> Load:
    """Send `rate` requests per second for that many real seconds.

    Args:
        url: Where to.
        rate: Requests per second.
        seconds: For how long.
        begin: Called once all that is allowed, before the first request.

    Raises:
        ValueError: For a URL, rate or time that is not allowed.
    """
    parts = checked(url)
    if not 0 < rate <= HIGHEST_RATE or not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError(
            f"the rate is at most {HIGHEST_RATE:g} per second, the time at most {LONGEST_SECONDS:g} seconds"
        )
    begin()
    load = Load(url, max(1, round(rate * seconds)))
    schedule = _Schedule(load, rate)
    senders = [
        threading.Thread(target=_send_in_turn, args=(parts, schedule), daemon=True)
        for _ in range(min(MOST_SENDERS, load.wanted))
    ]
    for thread in senders:
        thread.start()
    for thread in senders:
        thread.join()
    load.seconds = max(schedule.elapsed(), seconds)
    return load


def _send_in_turn(parts: SplitResult, schedule: _Schedule) -> None:
    sender = _Sender(parts)
    while schedule.wait_for_turn():
        schedule.note(*sender.send())
    sender.close()


class _Schedule:
    """When each request is due; all senders take their turns from it."""

    def __init__(self, load: Load, rate: float) -> None:
        self._load, self._rate = load, rate
        self._turns, self._lock, self._began = itertools.count(), threading.Lock(), time.monotonic()

    def elapsed(self) -> float:
        """Real seconds since the beginning."""
        return time.monotonic() - self._began

    def wait_for_turn(self) -> bool:
        """Sleep until the next request is due; False when none is left."""
        while (number := next(self._turns)) < self._load.wanted:
            delay = number / self._rate - self.elapsed()
            # What is hopelessly behind is not sent, and is missing in the result.
            if delay >= -TIMEOUT_SECONDS:
                time.sleep(max(0.0, delay))
                return True
        return False

    def note(self, status: int, error: str, latency: float) -> None:
        """Keep how a request went."""
        with self._lock:
            if error:
                self._load.errors[error] += 1
            else:
                self._load.statuses[status] += 1
                self._load.latencies.append(latency)


class _Sender:
    """One connection, kept while the other side keeps it."""

    def __init__(self, parts: SplitResult) -> None:
        path = parts.path or "/"
        self._path = f"{path}?{parts.query}" if parts.query else path
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT_SECONDS)

    def send(self) -> tuple[int, str, float]:
        """Status, kind of error, and real seconds of one request."""
        began = time.monotonic()
        try:
            self._connection.request("GET", self._path, headers={"User-Agent": "deliverkit-load"})
            answer = self._connection.getresponse()
            answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return 0, type(error).__name__, 0.0
        return answer.status, "", time.monotonic() - began

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()
