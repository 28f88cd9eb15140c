"""Doing many small jobs on all cores, with the results in order and the memory bounded."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Task = TypeVar("Task")
Result = TypeVar("Result")

BUDGET_BYTES = 40 << 20
"""Weight of everything that is under way at a time."""


def core_count() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def in_order(
    work: Callable[[Task], Result],
    tasks: Iterable[Task],
    *,
    weight: Callable[[Task], int],
    threads: int | None = None,
    budget: int = BUDGET_BYTES,
) -> Generator[Result, None, None]:
    """Give the results of the tasks in the tasks' order, while later ones are being worked on.

    The work has to release the interpreter's lock most of the time to gain anything: reading, hashing and compressing
    do. When the caller stops asking, or a task fails, nothing goes on behind its back.

    Args:
        work: What to do with a task.
        tasks: Taken one by one, not before there is room for them.
        weight: Bytes that a task holds on to until its result was taken.
        threads: How many work at a time; as many as there are cores by default.
        budget: Weight of all tasks under way; one task is always let in.

    Raises:
        Exception: Whatever the first failing task raised, in the tasks' order.
    """
    count = threads or core_count()
    under_way: deque[tuple[Future[Result], int]] = deque()
    weighing = 0
    with ThreadPoolExecutor(count, thread_name_prefix="pack") as pool:
        try:
            for task in tasks:
                heavy = weight(task)
                while under_way and (weighing + heavy > budget or len(under_way) > 2 * count):
                    done, light = under_way.popleft()
                    yield done.result()
                    weighing -= light
                under_way.append((pool.submit(work, task), heavy))
                weighing += heavy
            while under_way:
                yield under_way.popleft()[0].result()
        finally:
            for waiting, _ in under_way:
                waiting.cancel()
