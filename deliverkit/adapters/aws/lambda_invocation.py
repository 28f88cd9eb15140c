"""A Lambda function as a check: it is invoked, and what it answers is judged (Lambda API reference, Invoke).

An invocation may take a quarter of an hour, so that it has a thread of its own, and the measurement is asked for again
until there is an answer. A call is never repeated unseen: a process that takes over invokes the function again, under
the sample's same name, which the function finds in its client context as `custom.sample`.
"""

from __future__ import annotations

import base64
import json
import math
import shlex
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.observing import filled, observed, regions_of
from deliverkit.adapters.aws.session import Aws
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import ERROR
from deliverkit.domain.gate import Check, Measurement
from deliverkit.errors import DeliverkitError
from deliverkit.ports import Clock

TIMEOUT = 60.0
"""Seconds that an answer may take when the check says nothing else."""
AT_ONCE = 2.0
"""Seconds in which a quick function answers, so that the same measurement need not be asked for again."""
ANSWER_LIMIT = 8 * 1024
"""Bytes of an answer that are recorded; a longer one is an error, for it could not be judged again."""
LOG_LINES = 20
_LINE = 300

Seen = Mapping[str, Any]


@dataclass
class _Invocation:
    """One that was begun; `seen` is there when it has ended."""

    thread: threading.Thread
    seen: dict[str, Any] = field(default_factory=dict)


class LambdaCheck:
    """Measures checks of kind `lambda`: one invocation in the check's region, or in the first of the leg."""

    def __init__(self, aws: Aws, clock: Clock, *, hide: Callable[[str], str] = str) -> None:
        """Take the session, the clock that dates measurements, and what hides secrets in texts."""
        self._aws = aws
        self._clock = clock
        self._hide = hide
        self._begun: dict[str, _Invocation] = {}
        self._patient: dict[float, Aws] = {}

    def measure(self, check: Check, context: CheckContext) -> Measurement | None:
        """Invoke the function once for each sample; None until it has answered."""
        sample = context.samples.get(check.key, check.key)
        if sample not in self._begun:
            self._begun[sample] = self._begin(check, context, sample)
        invocation = self._begun[sample]
        invocation.thread.join(AT_ONCE)
        if invocation.thread.is_alive():
            return None
        del self._begun[sample]
        return observed(check, self._clock, lambda: invocation.seen, query=partial(self._query, check, context))

    def _begin(self, check: Check, context: CheckContext, sample: str) -> _Invocation:
        # A daemon: a process that is told to end does not wait for a function.
        invocation = _Invocation(threading.Thread(daemon=True))
        invocation.thread = threading.Thread(
            target=self._fill, args=(invocation.seen, check, context, sample), daemon=True, name=f"lambda {sample}"
        )
        invocation.thread.start()
        return invocation

    def _fill(self, seen: dict[str, Any], check: Check, context: CheckContext, sample: str) -> None:
        try:
            seen.update(self._invoke(check, context, sample))
        except (DeliverkitError, ValueError) as error:
            seen[ERROR] = str(error)
        except Exception as error:  # noqa: BLE001  (a thread tells nobody of its end)
            seen[ERROR] = f"{type(error).__name__}: {error}"

    def _invoke(self, check: Check, context: CheckContext, sample: str) -> Seen:
        region = regions_of(check, context)[0]
        function = filled(str(check.spec["function"]), context, region)
        timeout = float(check.spec.get("timeout") or TIMEOUT)
        custom = json.dumps({"custom": {"sample": sample, "check": check.key}})
        payload = _payload(check, context, region)
        qualifier = filled(str(check.spec.get("qualifier", "")), context, region)
        with translated(f"invoking {function} in {region}"):
            answer = self._client(timeout, region).invoke(
                FunctionName=function,
                InvocationType="RequestResponse",
                LogType="Tail",
                ClientContext=base64.b64encode(custom.encode()).decode(),
                Payload=json.dumps(payload).encode(),
                **({"Qualifier": qualifier} if qualifier else {}),
            )
            content = answer["Payload"].read()
        return {
            "function": function,
            "qualifier": qualifier,
            "region": region,
            "version": str(answer.get("ExecutedVersion", "")),
            "function_error": str(answer.get("FunctionError", "")),
            "answer": self._answer(content, function),
            "log": self._log(answer.get("LogResult", "")),
        }

    def _client(self, timeout: float, region: str) -> Any:
        if timeout not in self._patient:
            self._patient[timeout] = self._aws.once(timedelta(seconds=math.ceil(timeout)))
        return self._patient[timeout].client("lambda", region)

    def _answer(self, content: bytes, function: str) -> Any:
        if len(content) > ANSWER_LIMIT:
            raise ValueError(f"{function} answered {len(content)} bytes; {ANSWER_LIMIT} can be judged: let it say less")
        try:
            # Hidden in the text, so that a secret is found wherever it stands.
            return json.loads(self._hide(content.decode("utf-8", errors="replace")) or "null")
        except ValueError as error:
            raise ValueError(f"{function} answered what is not JSON: {error}") from error

    def _log(self, tail: str) -> list[str]:
        text = self._hide(base64.b64decode(tail).decode("utf-8", errors="replace"))
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return [line if len(line) <= _LINE else f"{line[: _LINE - 3]}..." for line in lines[-LOG_LINES:]]

    def _query(self, check: Check, context: CheckContext, seen: Seen) -> str:
        qualifier = f" --qualifier {seen['qualifier']}" if seen.get("qualifier") else ""
        payload = shlex.quote(self._hide(json.dumps(_payload(check, context, seen["region"]))))
        asking = f"aws lambda invoke --region {seen['region']} --function-name {seen['function']}{qualifier}"
        return f"{asking} --cli-binary-format raw-in-base64-out --payload {payload} /dev/stdout"


def _payload(check: Check, context: CheckContext, region: str) -> Any:
    return _filled_in(check.spec["payload"], context, region) if "payload" in check.spec else _usual(context)


def _filled_in(value: Any, context: CheckContext, region: str) -> Any:
    """A payload whose texts have the values of their placeholders."""
    if isinstance(value, str):
        return filled(value, context, region)
    if isinstance(value, Mapping):
        return {key: _filled_in(each, context, region) for key, each in value.items()}
    return [_filled_in(each, context, region) for each in value] if isinstance(value, list | tuple) else value


def _usual(context: CheckContext) -> Mapping[str, Any]:
    """What a function is given when the check says nothing: every placeholder, dotted ones as `{release: {...}}`."""
    payload: dict[str, Any] = {}
    for name, value in context.values.items():
        place, _, last = name.rpartition(".")
        (payload.setdefault(place, {}) if place else payload)[last] = value
    return payload
