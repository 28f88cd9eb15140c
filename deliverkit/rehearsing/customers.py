"""What customers notice: every running target is asked all the time, and what they get is counted."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from deliverkit.adapters.clock import Stopwatch
from deliverkit.errors import UnreachableError
from deliverkit.ports import TextSource

PAUSE = 0.2
PARALLEL = 32
TIMEOUT = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Service:
    """What the customers of one environment got.

    Attributes:
        environment: Its name.
        asked: Requests.
        answered: Those that were answered by 2xx.
        longest_gap: Longest time for which one target, or all of them, gave no answer: (one, all), in seconds.
    """

    environment: str
    asked: int
    answered: int
    longest_gap: tuple[float, float]


@dataclass
class _Gap:
    """Times without an answer, as one customer sees them."""

    since: float | None = None
    longest: float = 0.0

    def see(self, now: float, *, is_answered: bool) -> None:
        if self.since is not None:
            self.longest = max(self.longest, now - self.since)
        self.since = None if is_answered else (now if self.since is None else self.since)


@dataclass
class _Tally:
    asked: int = 0
    answered: int = 0
    one: dict[str, _Gap] = field(default_factory=dict)
    all: _Gap = field(default_factory=_Gap)


class Customers:
    """A thread that asks, from `with` to its end.

    Args:
        urls: Of each environment's targets.
        texts: How an URL is asked.
    """

    def __init__(self, urls: Mapping[str, Sequence[str]], texts: TextSource) -> None:
        self._urls = {name: list(each) for name, each in urls.items() if each}
        self._texts = texts
        self._tallies = {name: _Tally() for name in self._urls}
        self._watch = Stopwatch()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rehearsal-customers", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()

    @property
    def services(self) -> tuple[Service, ...]:
        """What they got so far."""
        return tuple(
            Service(name, each.asked, each.answered, _longest(each))
            for name, each in self._tallies.items()
            if each.asked
        )

    def _run(self) -> None:
        with ThreadPoolExecutor(PARALLEL) as pool:
            while not self._is_over.wait(PAUSE):
                for name, urls in self._urls.items():
                    self._count(self._tallies[name], dict(zip(urls, pool.map(self._asks, urls), strict=True)))

    def _count(self, tally: _Tally, answers: Mapping[str, bool]) -> None:
        now = self._watch.seconds()
        tally.asked += len(answers)
        tally.answered += sum(answers.values())
        tally.all.see(now, is_answered=any(answers.values()))
        for url, is_answered in answers.items():
            tally.one.setdefault(url, _Gap()).see(now, is_answered=is_answered)

    def _asks(self, url: str) -> bool:
        try:
            self._texts.fetch(url, timeout=TIMEOUT)
        except UnreachableError:
            return False
        return True


def _longest(tally: _Tally) -> tuple[float, float]:
    return max((gap.longest for gap in tally.one.values()), default=0.0), tally.all.longest
