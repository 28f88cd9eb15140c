"""Work on all cores: the results come in order, little is under way at a time, and nothing goes on unasked."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverkit.packaging.parallel import in_order

WAIT_SECONDS = 30


class Observed:
    """Work that notes how much of it is under way, from the moment that a task is taken until its result was used."""

    def __init__(self, weights: list[int]) -> None:
        self.weights = weights
        self.weight = 0
        self.most = 0
        self.taken: list[int] = []

    def tasks(self) -> Iterator[int]:
        for number, heavy in enumerate(self.weights):
            yield number
            # Asked for the next one: this one was let in.
            self.weight += heavy
            self.most = max(self.most, self.weight)
            self.taken.append(number)

    def used(self, number: int) -> None:
        self.weight -= self.weights[number]


@settings(max_examples=60, deadline=None)
@given(weights=st.lists(st.integers(0, 20), max_size=30), threads=st.sampled_from((1, 2, 5)), budget=st.integers(1, 40))
def test_results_come_in_order_and_within_the_budget(weights: list[int], threads: int, budget: int) -> None:
    observed = Observed(weights)
    results = []
    for number in in_order(
        lambda task: task, observed.tasks(), weight=weights.__getitem__, threads=threads, budget=budget
    ):
        results.append(number)
        observed.used(number)
    assert results == list(range(len(weights)))
    # One task is always let in, however heavy.
    assert observed.most <= max(budget, max(weights, default=0))


def test_no_more_tasks_are_taken_than_can_be_worked_on_soon() -> None:
    taken = 0

    def tasks() -> Iterator[int]:
        nonlocal taken
        for number in range(10_000):
            taken += 1
            yield number

    results = in_order(lambda task: task, tasks(), weight=lambda _: 0, threads=2)
    assert next(results) == 0
    assert taken <= 10
    results.close()


def test_tasks_are_worked_on_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=WAIT_SECONDS)
    # Each waits for another one: alone, or one after the other, they would wait in vain.
    done = in_order(lambda task: (meeting.wait(), task)[1], range(4), weight=lambda _: 1, threads=2)
    assert list(done) == [0, 1, 2, 3]


@settings(max_examples=40, deadline=None)
@given(failing=st.sets(st.integers(0, 29), min_size=1), threads=st.sampled_from((1, 2, 5)))
def test_the_first_failure_in_order_is_the_one_that_is_told(failing: set[int], threads: int) -> None:
    started: list[int] = []

    def work(task: int) -> int:
        started.append(task)
        if task in failing:
            raise ValueError(task)
        return task

    results: list[int] = []
    with pytest.raises(ValueError, match=f"^{min(failing)}$"):
        results.extend(in_order(work, range(10_000), weight=lambda _: 1, threads=threads, budget=8))
    assert results == list(range(min(failing)))
    # What was under way at that moment is all that was ever begun.
    assert max(started) <= min(failing) + 8
    count = len(started)
    assert not workers()
    assert len(started) == count


def workers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("pack")]


def test_a_failure_while_tasks_are_made_stops_everything() -> None:
    def tasks() -> Iterator[int]:
        yield from range(3)
        raise LookupError("no more")

    with pytest.raises(LookupError, match="no more"):
        list(in_order(lambda task: task, tasks(), weight=lambda _: 1, threads=2))
    assert not workers()


def test_whoever_stops_asking_leaves_no_work_behind() -> None:
    begun, may_end = threading.Event(), threading.Event()
    started: list[int] = []

    def work(task: int) -> int:
        started.append(task)
        if task:
            begun.set()
            assert may_end.wait(WAIT_SECONDS)
        return task

    results = in_order(work, range(1000), weight=lambda _: 1, threads=1, budget=4)
    assert next(results) == 0
    assert begun.wait(WAIT_SECONDS)
    closing = threading.Thread(target=results.close)
    closing.start()
    # It waits for what is being worked on, since that may hold files open, and begins nothing more.
    assert closing.is_alive()
    may_end.set()
    closing.join(WAIT_SECONDS)
    assert not closing.is_alive()
    assert started == [0, 1]
    assert not workers()
