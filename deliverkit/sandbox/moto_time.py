"""moto's time: timestamps that moto's services write follow the sandbox's virtual clock.

moto tells the time by `moto.core.utils.utcnow` nearly everywhere, and that function is replaced: S3's LastModified,
metric data without a timestamp, launch times of instances, visibility of queue messages and all that `unix_time` gives
are virtual. What stays real:

* credentials that STS hands out: the clients that refresh them look at their own clock;
* the Date header of answers, and a long poll's waiting for queue messages, for clients wait in real time;
* what moto asks of `datetime.now` directly: creation dates of buckets, of Auto Scaling groups, of Secrets Manager's and
  a few other services' resources, and the pace of moto's own simulated transitions;
* signatures: moto checks no times of signatures, so a jump of the virtual clock never outdates a request.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from types import FrameType

from deliverkit.sandbox.kernel.clock import VirtualClock

_UTILS = "moto.core.utils"
_REAL_MODULES = frozenset({"moto.sts.models", "moto.sts.responses", "moto.core.responses"})
_REAL_FUNCTIONS = frozenset({("moto.sqs.models", "receive_message")})
_clock: VirtualClock | None = None


def follow_clock(clock: VirtualClock) -> None:
    """Let moto tell this clock's time from now on; the clock of the sandbox made last holds for the process."""
    global _clock  # noqa: PLW0603  (moto's state is one for the whole process, and so is its time)
    _clock = clock
    import moto.core.utils  # noqa: PLC0415

    original = moto.core.utils.utcnow
    if original is not _utcnow:
        # Modules bind the function's name when they are imported: those that came too early are rebound.
        for name, module in list(sys.modules.items()):
            if name.startswith("moto.") and getattr(module, "utcnow", None) is original:
                module.utcnow = _utcnow  # type: ignore[attr-defined]


def _utcnow() -> datetime:
    """The present moment as moto's own function gives it: UTC, without a zone."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  (the one way to know who asks)
    while frame is not None and frame.f_globals.get("__name__") == _UTILS:
        frame = frame.f_back
    is_real = _clock is None or (frame is not None and _stays_real(frame))
    moment = datetime.now(UTC) if is_real or _clock is None else _clock.now()
    return moment.replace(tzinfo=None)


def _stays_real(frame: FrameType) -> bool:
    module = frame.f_globals.get("__name__", "")
    return module in _REAL_MODULES or (module, frame.f_code.co_name) in _REAL_FUNCTIONS
