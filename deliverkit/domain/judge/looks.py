"""What was seen: one tick of both arms at a time, checked as it comes in."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tally:
    """What one arm showed in one tick, not cumulated.

    Attributes:
        events: Failed (or slow) requests; for counts the events; a rate where the requests are not known.
        requests: Requests of the tick; None where nobody counted them.
        latencies: For latency: (seconds, how many requests took that long); then `events` and `requests` are derived.
    """

    events: float = 0.0
    requests: float | None = None
    latencies: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of_latencies(cls, seconds: Iterable[float]) -> Tally:
        """A tally of single response times, in seconds."""
        samples = tuple((each, 1.0) for each in seconds)
        return cls(requests=float(len(samples)), latencies=samples)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured: no requests. Without a number of requests that cannot be known."""
        return self.requests == 0


@dataclass(frozen=True, slots=True)
class Look:
    """One tick of both arms.

    Attributes:
        at: End of the tick in seconds, from any origin (epoch or start of the bake), rising from look to look.
        baseline: What the arm with the old release showed.
        candidate: What the arm with the new release showed.
    """

    at: float
    baseline: Tally
    candidate: Tally

    def __post_init__(self) -> None:
        """Refuse what cannot be a tally.

        Raises:
            ValueError: A number is NaN, infinite or negative, or there are more events than requests; names the look.
        """
        if not math.isfinite(self.at):
            raise ValueError(f"look at {self.at!r}: the time is not a finite number")
        for arm, tally in (("baseline", self.baseline), ("candidate", self.candidate)):
            problem = _problem(tally)
            if problem:
                raise ValueError(f"look at {self.at:g}, {arm}: {problem}")


def _problem(tally: Tally) -> str:
    """What is wrong with a tally; empty when nothing is."""
    numbers = [("events", tally.events), ("requests", tally.requests)]
    for seconds, requests in tally.latencies:
        numbers += [("response time", seconds), ("requests with a response time", requests)]
    for name, value in numbers:
        if value is not None and (not math.isfinite(value) or value < 0):
            return f"{name} {value!r} is not a finite number of at least 0"
    if tally.requests is not None and tally.events > tally.requests:
        return f"{tally.events:g} events out of {tally.requests:g} requests"
    return ""
