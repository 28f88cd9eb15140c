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
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.observing import filled, regions_of
from deliverkit.adapters.aws.session import Aws
from deliverkit.adapters.http_answers import as_json
from deliverkit.background import Background
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import ERROR, measurement
from deliverkit.domain.checks.telling import one_line
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.masking import Masking
from deliverkit.errors import DeliverkitError
from deliverkit.ports import Clock

ANSWER_LIMIT = 8 * 1024
"""Bytes of an answer that are recorded; a longer one is an error, for it could not be judged again."""
LOG_LINES = 20
_LINE = 300

Seen = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Asked:
    """One invocation: what is invoked, with which payload (JSON), and how many seconds it may take."""

    function: str
    qualifier: str
    region: str
    payload: str
    timeout: float


class LambdaCheck:
    """Measures checks of kind `lambda`: one invocation in each region."""

    def __init__(self, aws: Aws, clock: Clock, *, masking: Masking | None = None) -> None:
        """Take the session, the clock that dates measurements, and what hides secrets."""
        self._aws = aws
        self._clock = clock
        self._masking = masking or Masking({})
        self._patient: dict[float, Aws] = {}
        self._invocations = Background[Seen]()
        self._answers: dict[str, Seen] = {}

    def measure(self, check: Check, context: CheckContext) -> Measurement | None:
        """Invoke the function once for each sample and region; None until all have answered."""
        sample, query = context.samples.get(check.key, check.key), ""
        try:
            asked = _asked(check, context)
            query = "; ".join(map(self._query, asked))
            begun = [self._answered(each, sample) for each in asked]
        except ValueError as error:
            return measurement(check, self._clock.now(), {ERROR: one_line(str(error))}, query=query)
        answers = [each for each in begun if each is not None]
        if len(answers) < len(begun):
            self._answers |= {f"{sample} {each['region']}": each for each in answers}
            return None
        return measurement(check, self._clock.now(), {"answers": answers}, query=query)

    def _answered(self, asked: _Asked, sample: str) -> Seen | None:
        """What one region's function answered, or why it could not; None while it runs."""
        name = f"{sample} {asked.region}"
        if name in self._answers:
            return self._answers.pop(name)
        try:
            return self._invocations.outcome(name, partial(self._invoke, asked, sample))
        except (DeliverkitError, ValueError) as error:
            return {"function": asked.function, "region": asked.region, "error": str(error)}

    def _invoke(self, asked: _Asked, sample: str) -> Seen:
        custom = json.dumps({"custom": {"sample": sample}})
        with translated(f"invoking {asked.function} in {asked.region}"):
            answer = self._client(asked.timeout, asked.region).invoke(
                FunctionName=asked.function,
                InvocationType="RequestResponse",
                LogType="Tail",
                ClientContext=base64.b64encode(custom.encode()).decode(),
                Payload=asked.payload.encode(),
                **({"Qualifier": asked.qualifier} if asked.qualifier else {}),
            )
            content = answer["Payload"].read()
        return {
            "function": asked.function,
            "qualifier": asked.qualifier,
            "region": asked.region,
            "version": str(answer.get("ExecutedVersion", "")),
            "function_error": str(answer.get("FunctionError", "")),
            "answer": self._answer(content, asked.function),
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
            answer = as_json(content or b"null")
        except ValueError as error:
            raise ValueError(f"{function} answered what cannot be judged: {error}") from error
        return self._masking.hide_in(answer)

    def _log(self, tail: str) -> list[str]:
        text = self._masking.hide(base64.b64decode(tail).decode("utf-8", errors="replace"))
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return [line if len(line) <= _LINE else f"{line[: _LINE - 3]}..." for line in lines[-LOG_LINES:]]

    def _query(self, asked: _Asked) -> str:
        asking = f"aws lambda invoke --region {asked.region} --function-name {asked.function}"
        version = f" --qualifier {asked.qualifier}" if asked.qualifier else ""
        given = shlex.quote(self._masking.hide(asked.payload))
        return f"{asking}{version} --cli-binary-format raw-in-base64-out --payload {given} /dev/stdout"


def _asked(check: Check, context: CheckContext) -> list[_Asked]:
    """One invocation for each region."""
    spec = check.spec
    return [
        _Asked(
            filled(str(spec["function"]), context, region),
            filled(str(spec.get("qualifier", "")), context, region),
            region,
            json.dumps(_filled_in(spec["payload"], context, region) if "payload" in spec else _usual(context, region)),
            float(spec["timeout"]),
        )
        for region in regions_of(check, context, str(spec["function"]))
    ]


def _filled_in(value: Any, context: CheckContext, region: str) -> Any:
    """A payload whose texts have the values of their placeholders."""
    if isinstance(value, str):
        return filled(value, context, region)
    if isinstance(value, Mapping):
        return {key: _filled_in(each, context, region) for key, each in value.items()}
    return [_filled_in(each, context, region) for each in value] if isinstance(value, list | tuple) else value


def _usual(context: CheckContext, region: str) -> Mapping[str, Any]:
    """What a function is given when the check says nothing: every placeholder, dotted ones as `{release: {...}}`."""
    payload: dict[str, Any] = {}
    for name, value in {**context.values, "region": region}.items():
        place, _, last = name.rpartition(".")
        (payload.setdefault(place, {}) if place else payload)[last] = value
    return payload
