"""Gates that ask an URL, and asking an URL for a short text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from deliverkit.adapters.http_exchange import Answer, SilentError, UnusableError, ask, shown
from deliverkit.check_ports import CheckContext
from deliverkit.domain.carriage import Target
from deliverkit.domain.gate import Check, Measurement, Verdict, worst
from deliverkit.domain.placeholders import expand, needs_target
from deliverkit.errors import DeliverkitError, UnreachableError
from deliverkit.ports import Clock, Deployer

PARALLEL = 16
ONE_BY_ONE_LIMIT = 3
"""Up to so many requests follow each other; more go side by side."""
DEFAULT_TIMEOUT = 5.0
_QUOTED = 60


@dataclass(frozen=True, slots=True)
class Expectation:
    """What an HTTP gate asks for, from its `spec`.

    Attributes:
        url: With placeholders.
        method: HTTP method.
        status: The one status code that passes.
        contains: Text that the body's first 64 KiB must hold; empty demands nothing; with placeholders.
        timeout: For one whole request.
    """

    url: str
    method: str
    status: int
    contains: str
    timeout: timedelta

    @classmethod
    def of(cls, spec: Mapping[str, Any]) -> Expectation:
        """The expectation that a gate's settings describe.

        Raises:
            ValueError: If there is no URL, or a number is none.
        """
        if not spec.get("url"):
            raise ValueError("the gate has no url")
        timeout = timedelta(seconds=float(spec.get("timeout") or DEFAULT_TIMEOUT))
        method, contains = str(spec.get("method") or "GET").upper(), str(spec.get("contains") or "")
        return cls(str(spec["url"]), method, int(spec.get("status") or 200), contains, timeout)


@dataclass(frozen=True, slots=True)
class Sample:
    """One request's outcome."""

    verdict: Verdict
    reason: str
    latency: float | None = None


class HttpCheck:
    """The check of HTTP gates.

    The gate's URL is asked once; once for each region when it, or the environment's endpoint in it, names `${region}`;
    once for each running target when it names `${target...}`. A wrong, late or missing answer fails the measurement;
    a host without an address, an unusable URL or a group without targets makes it an error. Redirects are answers.
    """

    def __init__(self, deployers: Callable[[str], Deployer], *, clock: Clock) -> None:
        """Take the way to a region's deployer, which knows the targets, and time."""
        self._deployers = deployers
        self._clock = clock

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Take one sample of every URL; whatever cannot be asked is an `error` measurement."""
        at = self._clock.now()
        try:
            expectation = Expectation.of(check.spec)
            requests = list(dict.fromkeys(self._requests(expectation, context)))
            samples = _all(requests, expectation)
        except (DeliverkitError, ValueError) as error:
            return Measurement(check.gate, at, Verdict.ERROR, f"cannot be asked: {error}", check=check.name)
        latencies = tuple(sample.latency for sample in samples if sample.latency is not None)
        verdict = worst(sample.verdict for sample in samples)
        return Measurement(check.gate, at, verdict, _summary(verdict, samples), latencies, check=check.name)

    def _requests(self, expectation: Expectation, context: CheckContext) -> Iterator[tuple[str, str]]:
        """Each URL to ask, with the text its body must hold."""
        # The endpoint may hold placeholders itself, so it goes in first.
        url, contains = (
            text.replace("${endpoint}", context.endpoint) for text in (expectation.url, expectation.contains)
        )
        for region in context.regions:
            values = {**context.values, "region": region}
            if not (needs_target(url) or needs_target(contains)):
                yield expand(url, values), expand(contains, values)
                continue
            for target in self._targets(region, context):
                own = {**values, "target.id": target.target_id, "target.address": target.address}
                yield expand(url, own), expand(contains, own)

    def _targets(self, region: str, context: CheckContext) -> Sequence[Target]:
        targets = self._deployers(region).targets(context.application, context.group)
        if not targets:
            raise ValueError(f"{context.group} has no running targets in {region}")
        return targets


class UrlTextSource:
    """A `TextSource` over HTTP."""

    def fetch(self, url: str, *, timeout: timedelta) -> str:
        """The first 64 KiB of a 2xx answer's body.

        Raises:
            UnreachableError: If there is no such answer.
        """
        try:
            answer = ask(url, timeout=timeout)
        except (SilentError, UnusableError) as error:
            raise UnreachableError(f"GET {shown(url)}: {error}") from error
        if not 200 <= answer.status < 300:
            raise UnreachableError(f"GET {shown(url)} answered {answer.status}")
        return answer.body


def _all(requests: Sequence[tuple[str, str]], expectation: Expectation) -> tuple[Sample, ...]:
    if len(requests) <= ONE_BY_ONE_LIMIT:
        return tuple(_sample(url, text, expectation) for url, text in requests)
    with ThreadPoolExecutor(min(PARALLEL, len(requests))) as pool:
        return tuple(pool.map(lambda request: _sample(request[0], request[1], expectation), requests))


def _sample(url: str, text: str, expectation: Expectation) -> Sample:
    asked = f"{expectation.method} {shown(url)}"
    try:
        answer = ask(url, method=expectation.method, timeout=expectation.timeout)
    except UnusableError as error:
        return Sample(Verdict.ERROR, f"{asked}: {error}")
    except SilentError as error:
        return Sample(Verdict.FAILED, f"{asked}: {error}")
    taken = f"{asked} answered {answer.status} in {answer.seconds * 1000:.0f} ms"
    wrong = _wrong(answer, text, expectation)
    if wrong:
        return Sample(Verdict.FAILED, f"{taken}{wrong}", answer.seconds)
    return Sample(Verdict.PASSED, taken, answer.seconds)


def _wrong(answer: Answer, text: str, expectation: Expectation) -> str:
    if answer.status != expectation.status:
        towards = f" (redirects to {answer.location}, not followed)" if answer.location else ""
        return f", expected {expectation.status}{towards}"
    if text and text not in answer.body:
        return f", but without {text!r}: {_quoted(answer.body)}"
    return ""


def _quoted(body: str) -> str:
    line = " ".join(body.split())
    return repr(line if len(line) <= _QUOTED else line[: _QUOTED - 3] + "...") if line else "the body is empty"


def _summary(verdict: Verdict, samples: Sequence[Sample]) -> str:
    """One line: the first sample that decided, and how many there are like it."""
    like = [sample for sample in samples if sample.verdict is verdict]
    if len(samples) == 1:
        return samples[0].reason
    return f"{len(like)} of {len(samples)} {verdict.value}: {like[0].reason}"
