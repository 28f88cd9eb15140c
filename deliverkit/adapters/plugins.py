"""The checker of a plug-in's kind: it lets the plug-in observe for a limited time, and trusts nothing of what comes."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as LateError
from contextlib import suppress
from datetime import datetime
from typing import Any, Protocol

from deliverkit.adapters.expansion import Secrets, Values, for_the_whole_leg
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import measurement, told
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.masking import Masking
from deliverkit.ports import Clock

SEEN_LIMIT = 64 * 1024
"""Characters of what was seen, as JSON."""
_QUERY_LIMIT = 2000
_REASON_LIMIT = 500


class Observed(Protocol):
    """What a plug-in has seen, as `check_plugins.Observation`."""

    @property
    def seen(self) -> Mapping[str, Any]:
        """What came back."""

    @property
    def query(self) -> str:
        """What was asked."""

    @property
    def latencies(self) -> tuple[float, ...]:
        """Response times in seconds."""


Observe = Callable[[Mapping[str, Any], CheckContext], object]


class _InterruptedError(Exception):
    """The process is told to end."""


class PluginCheck:
    """Measures checks of one plug-in's kind.

    A plug-in that raises, gives something that is no observation, or takes too long makes the measurement an error that
    names it. One that hangs is not asked again for the same check before it has come back.
    """

    def __init__(
        self, observe: Observe, *, label: str, timeout: float, clock: Clock, environ: Values | None = None
    ) -> None:
        """Take what it needs.

        Args:
            observe: The plug-in's own.
            label: What the plug-in is called.
            timeout: Seconds that it may take.
            clock: Dates the samples.
            environ: Where `${env.NAME}` comes from.
        """
        self._observe = observe
        self._label = label
        self._timeout = timeout
        self._clock = clock
        self._secrets = Secrets(environ or {})
        self._lock = threading.Lock()
        self._busy: dict[str, tuple[datetime, Future[Any]]] = {}

    def measure(self, check: Check, context: CheckContext) -> Measurement | None:
        """Let the plug-in take one sample; None while it takes its time."""
        at = self._clock.now()
        texts = dict(_texts(check.spec))
        try:
            masking = self._secrets.masking(texts)
            filled = self._secrets.fill(texts, for_the_whole_leg(context))
        except ValueError as error:
            return measurement(check, at, {"error": f"cannot be asked: {error}"})
        try:
            found = self._in_time(check.key, at, lambda: self._taken(check, context, at, filled, masking))
        except LateError:
            why = f"{self._label} gave no answer within {self._timeout:g} s"
        except _InterruptedError:
            why = f"{self._label} was interrupted"
        except BaseException as error:  # noqa: BLE001  (it may even exit: in a thread of its own, that is caught here)
            why = f"{self._label} cannot be asked: {told(error, masking.hide)[:_REASON_LIMIT]}"
        else:
            return found
        return measurement(check, at, {"error": why})

    def interrupt(self) -> None:
        """Wait for no plug-in any longer."""
        with self._lock:
            waiting = [future for _, future in self._busy.values()]
        for future in waiting:
            with suppress(Exception):  # it has come to its end just now
                future.set_exception(_InterruptedError())

    def _in_time(self, key: str, at: datetime, work: Callable[[], Measurement | None]) -> Measurement | None:
        with self._lock:
            if key in self._busy:
                raise RuntimeError(f"it is still busy with what it was asked at {self._busy[key][0]:%H:%M:%S} UTC")
            future: Future[Measurement | None] = Future()
            self._busy[key] = (at, future)
        # A daemon: whoever hangs for ever must not keep the process from its end.
        threading.Thread(target=self._run, args=(key, future, work), daemon=True).start()
        return future.result(self._timeout)

    def _run(self, key: str, future: Future[Any], work: Callable[[], Measurement | None]) -> None:
        try:
            result, failure = work(), None
        except BaseException as error:  # noqa: BLE001  (told by whoever waits)
            result, failure = None, error
        with self._lock:
            self._busy.pop(key, None)
        with suppress(Exception):  # nobody waits any longer
            if failure is None:
                future.set_result(result)
            else:
                future.set_exception(failure)

    def _taken(
        self, check: Check, context: CheckContext, at: datetime, filled: Mapping[str, str], masking: Masking
    ) -> Measurement | None:
        found = self._observe(_filled(check.spec, filled), context)
        if found is None:
            return None
        seen, query, latencies = _checked(found)
        state = context.states.get(check.key)
        return measurement(
            check,
            at,
            masking.hide_in(seen),
            query=masking.hide(query)[:_QUERY_LIMIT],
            state=state,
            latencies=latencies,
        )


def _checked(found: Any) -> tuple[dict[str, Any], str, tuple[float, ...]]:
    """The parts of an observation.

    Raises:
        TypeError, ValueError: If it is none.
    """
    seen, query = getattr(found, "seen", None), getattr(found, "query", None)
    latencies = getattr(found, "latencies", None)
    if not isinstance(seen, Mapping) or not isinstance(query, str) or not isinstance(latencies, tuple | list):
        raise TypeError(f"it gave no observation, but {type(found).__name__}")
    written = json.dumps(seen, allow_nan=False)
    if len(written) > SEEN_LIMIT:
        raise ValueError(f"it saw {len(written)} characters, and {SEEN_LIMIT} are recorded at most")
    if not all(isinstance(each, int | float) and 0 <= each < float("inf") for each in latencies):
        raise ValueError("it gave a response time that is none")
    # As it will be read from the record, so that judging it again gives the same.
    return json.loads(written), query, tuple(map(float, latencies))


def _texts(value: Any) -> Mapping[str, str]:
    """Every text in a value, by itself."""
    if isinstance(value, str):
        return {value: value}
    parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return {text: text for part in parts for text in _texts(part)}


def _filled(value: Any, filled: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return filled[value]
    if isinstance(value, Mapping):
        return {key: _filled(each, filled) for key, each in value.items()}
    return [_filled(each, filled) for each in value] if isinstance(value, list | tuple) else value
