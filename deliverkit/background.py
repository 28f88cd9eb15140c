"""Work that takes its time while others are asked; a process that is told to end does not wait for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Thing = TypeVar("Thing")
AT_ONCE = 1.0
"""Seconds in which quick work is done, so that it need not be asked for again."""


@dataclass
class _Errand(Generic[T]):
    """One piece of work: its thread, and what came of it."""

    thread: threading.Thread
    outcome: T | None = None
    error: Exception | None = None


class Background(Generic[T]):
    """Does each named piece of work once, on a thread of its own."""

    def __init__(self) -> None:
        """Begin with none."""
        self._errands: dict[str, _Errand[T]] = {}

    def outcome(self, name: str, work: Callable[[], T]) -> T | None:
        """What came of the work, which is then forgotten; None while it goes on.

        Args:
            name: Of the work; it is begun when nothing of that name goes on.
            work: What is to be done.

        Raises:
            Exception: What the work raised.
        """
        if name not in self._errands:
            self._errands[name] = self._begun(name, work)
        errand = self._errands[name]
        errand.thread.join(AT_ONCE)
        if errand.thread.is_alive():
            return None
        del self._errands[name]
        if errand.error is not None:
            raise errand.error
        return errand.outcome

    @staticmethod
    def _begun(name: str, work: Callable[[], T]) -> _Errand[T]:
        def run() -> None:
            try:
                errand.outcome = work()
            except Exception as error:  # noqa: BLE001  (a thread tells nobody of its end)
                errand.error = error
            except BaseException as error:  # noqa: BLE001  (nor may it end the process, as `sys.exit` would)
                errand.error = RuntimeError(f"it ended itself: {type(error).__name__}: {error}")

        # A daemon: whoever is told to end does not wait for it.
        errand: _Errand[T] = _Errand(threading.Thread(target=run, name=name, daemon=True))
        errand.thread.start()
        return errand


def side_by_side(work: Callable[[Thing], T], things: Sequence[Thing], *, size: int, name: str) -> list[T]:
    """What comes of the work for each thing, in their order; a process that ends waits for none of it.

    Args:
        work: What is to be done.
        things: With what.
        size: How many at once; one by one without further threads.
        name: Of the threads.

    Raises:
        Exception: What the work raised for the first thing for which it did.
    """
    if size <= 1 or len(things) <= 1:
        return [work(each) for each in things]
    crew = Crew(min(size, len(things)), name)
    try:
        futures = [crew.submit(partial(work, each)) for each in things]
        return [each.result() for each in futures]
    finally:
        crew.disband()


class Crew:
    """A few threads that work off what they are given; unlike those of an executor, nobody waits for them at an end."""

    def __init__(self, size: int, name: str) -> None:
        """Take how many threads there are without reinforcement; each is begun when there is work for it."""
        self._size = size
        self._name = name
        self._threads: list[threading.Thread] = []
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """Have something done; the future has what comes of it."""
        future: Future[T] = Future()
        self._waiting.put((future, work))
        if len(self._threads) < self._size:
            self._begin_one()
        return future

    def reinforce(self, size: int) -> None:
        """Have more threads, up to that many, when something waits: all of them are at work that takes its time."""
        for _ in range(min(self._waiting.qsize(), size - len(self._threads))):
            self._begin_one()

    def disband(self) -> None:
        """Begin nothing more: what waits is cancelled, and each thread ends with what it is at."""
        try:
            while True:
                waiting = self._waiting.get_nowait()
                if waiting:
                    waiting[0].cancel()
        except Empty:
            pass
        for _ in self._threads:
            self._waiting.put(None)

    def _begin_one(self) -> None:
        name = f"{self._name}-{len(self._threads)}"
        self._threads.append(threading.Thread(target=self._work, name=name, daemon=True))
        self._threads[-1].start()

    def _work(self) -> None:
        while (given := self._waiting.get()) is not None:
            future, work = given
            if future.set_running_or_notify_cancel():
                _complete(future, work)


def _complete(future: Future[T], work: Callable[[], T]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001  (a thread tells nobody of its end; whoever asks for the result hears)
        future.set_exception(error)
