"""Trying again what may pass: transient failures only, a bounded number of times. The one user of tenacity.

Waiting for a deployment or a bake time is not retrying; that is the runner's business.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from deliverkit.adapters.clock import pause
from deliverkit.errors import UnreachableError

T = TypeVar("T")

FIRST_PAUSE = timedelta(milliseconds=200)
LONGEST_PAUSE = timedelta(seconds=10)


def transient(operation: Callable[[], T], *, attempts: int = 5, sleep: Callable[[timedelta], None] = pause) -> T:
    """The operation's result, trying again while what it needs is unreachable.

    The pauses grow exponentially with full jitter, at most 0.2 s before the second attempt and never above 10 s, so
    that many clients that failed together do not come back together.

    Args:
        operation: What to do; it must be safe to do twice.
        attempts: Tries in all, at least 1.
        sleep: How to wait.

    Raises:
        UnreachableError: The last attempt's, when all of them failed so.
        ValueError: If no attempt is allowed.
    """
    if attempts < 1:
        raise ValueError(f"{attempts} attempts: at least one is needed")
    import tenacity  # noqa: PLC0415  (20 ms that only callers of this function pay)

    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(UnreachableError),
        stop=tenacity.stop_after_attempt(attempts),
        wait=tenacity.wait_random_exponential(
            multiplier=FIRST_PAUSE.total_seconds(), max=LONGEST_PAUSE.total_seconds()
        ),
        sleep=lambda seconds: sleep(timedelta(seconds=seconds)),
        reraise=True,
    )
    return retrying(operation)
