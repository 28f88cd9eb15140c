"""moto's time: timestamps that moto's services write follow the sandbox's virtual clock.

moto tells the time by `moto.core.utils.utcnow` nearly everywhere, and that function is replaced: S3's LastModified,
metric data without a timestamp, launch times of instances, visibility of queue messages and all that `unix_time` gives
are virtual. A few services ask `datetime.now` or `time.time` instead; these names are replaced in their modules once
they are loaded, and a `Wait` state of Step Functions waits in virtual time. What stays real:

* credentials that STS hands out: the clients that refresh them look at their own clock;
* the Date header of answers, and a long poll's waiting for queue messages, for clients wait in real time;
* time-outs of Step Functions' tasks, and the pace of moto's own simulated transitions;
* signatures: moto checks no times of signatures, so a jump of the virtual clock never outdates a request.
"""

from __future__ import annotations

import datetime as dt
import sys
import time
from datetime import UTC, datetime, timedelta, tzinfo
from types import FrameType, ModuleType
from typing import Any

from deliverkit.sandbox.kernel.clock import VirtualClock
from deliverkit.sandbox.moto_hooks import replace

_UTILS = "moto.core.utils"
_REAL_MODULES = frozenset({"moto.sts.models", "moto.sts.responses", "moto.core.responses"})
_REAL_FUNCTIONS = frozenset({("moto.sqs.models", "receive_message")})
_ASKING_DIRECTLY = frozenset({"s3", "autoscaling", "ecr", "secretsmanager", "stepfunctions"})
"""Services that tell the time without `utcnow`."""
_LOOK = 0.05
"""Real seconds after which a waiting state machine looks at the clock again, which may have jumped."""
_clock: VirtualClock | None = None
_mended: set[str] = set()


def follow_clock(clock: VirtualClock) -> None:
    """Let moto tell this clock's time from now on; the clock of the sandbox made last holds for the process."""
    global _clock  # noqa: PLW0603  (moto's state is one for the whole process, and so is its time)
    _clock = clock
    import moto.backends  # noqa: PLC0415
    import moto.core.utils  # noqa: PLC0415

    replace(moto.backends, "_import_backend", _mending)
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


# --- services that ask directly ---------------------------------------------------------------------


class _Kind(type):
    def __instancecheck__(cls, found: object) -> bool:
        return isinstance(found, datetime)


class _VirtualDatetime(datetime, metaclass=_Kind):
    """Stands for `datetime` in a module; what it makes are plain datetimes."""

    def __new__(cls, *parts: Any, **named: Any) -> Any:
        return datetime(*parts, **named)  # noqa: DTZ001  (as the module that asks would have it)

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Any:
        moment = datetime.now(UTC) if _clock is None else _clock.now()
        return moment.astimezone(tz) if tz is not None else moment.astimezone().replace(tzinfo=None)


def _virtual_time() -> float:
    return time.time() if _clock is None else _clock.now().timestamp()


def _shim(module: ModuleType, **instead: Any) -> ModuleType:
    shim = ModuleType(module.__name__)
    vars(shim).update(vars(module), **instead)
    return shim


_INSTEAD = {
    id(datetime): _VirtualDatetime,
    id(dt): _shim(dt, datetime=_VirtualDatetime),
    id(time): _shim(time, time=_virtual_time),
}


def _mending(load: Any) -> Any:
    def mended(module: str, *rest: Any) -> Any:
        found = load(module, *rest)
        service = module.partition(".")[0]
        if service in _ASKING_DIRECTLY and service not in _mended:
            _mended.add(service)
            _mend(service)
        return found

    return mended


def _mend(service: str) -> None:
    if service == "stepfunctions":
        from moto.stepfunctions.parser import models as _  # noqa: F401, PLC0415  (all that runs state machines)
        from moto.stepfunctions.parser.asl.component.state.wait.wait_function import wait_function  # noqa: PLC0415

        replace(wait_function.WaitFunction, "_wait_interval", lambda _own: _wait)
    for name, module in list(sys.modules.items()):
        if name.startswith(f"moto.{service}."):
            for attribute in ("datetime", "time"):
                instead = _INSTEAD.get(id(getattr(module, attribute, None)))
                if instead is not None:
                    setattr(module, attribute, instead)


def _wait(_state: Any, env: Any, wait_seconds: int) -> None:
    """Wait as long in virtual time, or until the execution is stopped."""
    assert _clock is not None
    until = _clock.now() + timedelta(seconds=wait_seconds)
    while env.is_running() and (left := _clock.real_seconds_until(until)) != 0.0:
        env.program_state_event.wait(_LOOK if left is None else min(left, _LOOK))
