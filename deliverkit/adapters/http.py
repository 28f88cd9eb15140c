"""Checks that ask an URL, and asking an URL for a short text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from deliverkit.adapters.clock import Stopwatch
from deliverkit.adapters.deadline import Lines
from deliverkit.adapters.encryption import Proof
from deliverkit.adapters.expansion import Deployers, Secrets, Values, expansions
from deliverkit.adapters.http_answers import Wanted, kept
from deliverkit.adapters.http_exchange import Request, SilentError, UnusableError, ask, shown
from deliverkit.adapters.redirects import follow
from deliverkit.background import side_by_side
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import measurement
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.masking import Masking
from deliverkit.domain.placeholders import expand
from deliverkit.errors import DeliverkitError, UnreachableError
from deliverkit.ports import Clock

PARALLEL = 16
ONE_BY_ONE_LIMIT = 3
"""Up to so many addresses follow each other; more are asked side by side."""
DEFAULT_TIMEOUT = 5.0
SAMPLING_LIMIT = 30.0
"""Seconds after which a sample asks an address no more, however many requests it was to have."""


@dataclass(frozen=True, slots=True)
class Questions:
    """What an HTTP check asks, from its settings; placeholders not yet filled in.

    Attributes:
        urls: At least one.
        method: HTTP method.
        headers: Sent with the request; their `${env.NAME}` are secrets.
        expected: Every text that an answer is compared with and that may hold placeholders.
        wanted: What to look for in the answer.
        redirects: How many are followed.
        requests: How many times each address is asked.
        timeout: For one whole request, its redirects included.
        proof: Whom to trust, and who we are.
    """

    urls: tuple[str, ...]
    method: str
    headers: Values
    expected: tuple[str, ...]
    wanted: Wanted
    redirects: int
    requests: int
    timeout: timedelta
    proof: Proof

    @classmethod
    def of(cls, spec: Mapping[str, Any], folder: Path = Path()) -> Questions:
        """The questions that a check's settings describe; paths in them are relative to the folder.

        Raises:
            ValueError: If there is no URL, or a number is none.
        """
        urls = tuple(map(str, spec.get("urls") or [spec.get("url") or ""]))
        if not all(urls):
            raise ValueError("the check has no url")
        json, headers = spec.get("json") or {}, spec.get("expect_headers") or {}
        contains = [str(spec["contains"])] if spec.get("contains") else []
        texts = (*contains, *headers.values(), *(each for each in json.values() if isinstance(each, str)))
        return cls(
            urls=urls,
            method=str(spec.get("method") or "GET").upper(),
            headers=spec.get("headers") or {},
            expected=texts,
            wanted=Wanted(tuple(headers), tuple(contains), tuple(json)),
            redirects=int(spec.get("redirects") or 0),
            requests=int(spec.get("requests") or 1),
            timeout=timedelta(seconds=float(spec.get("timeout") or DEFAULT_TIMEOUT)),
            proof=Proof.of(spec, folder),
        )

    def filled(self, url: str, values: Values, headers: Values, lines: Lines) -> Question:
        """One of the questions with its placeholders filled in.

        Raises:
            ValueError: If a placeholder has no value.
        """
        filled = {text: expand(text, values) for text in self.expected if "${" in text}
        texts = tuple(filled.get(text, text) for text in self.wanted.texts)
        wanted = Wanted(self.wanted.headers, texts, self.wanted.paths, filled)
        request = Request(expand(url, values), self.method, headers, limit=wanted.limit, proof=self.proof, lines=lines)
        return Question(request, wanted)


@dataclass(frozen=True, slots=True)
class Question:
    """One address to ask, ready to be sent."""

    request: Request
    wanted: Wanted

    @property
    def asked(self) -> str:
        """For people."""
        return f"{self.request.method} {shown(self.request.url)}"


class HttpCheck:
    """The checker of kind http: what comes back is kept here, and judged in `domain.checks.http`.

    Each URL is asked once; once for each region when it, or the environment's endpoint in it, names `${region}`; once
    for each running target when it names `${target...}`. A wrong, late or missing answer fails the measurement; a host
    without an address, an unusable URL or a group without targets makes it an error.
    """

    def __init__(
        self, deployers: Deployers, *, clock: Clock, environ: Values | None = None, folder: Path = Path()
    ) -> None:
        """Take what it needs.

        Args:
            deployers: The way to a region's deployer, which knows the targets.
            clock: Dates the samples.
            environ: Where `${env.NAME}` comes from.
            folder: That files are relative to.
        """
        self._deployers = deployers
        self._clock = clock
        self._folder = folder
        self._secrets = Secrets(environ or {})
        self._lines = Lines()

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Take one sample of every URL; whatever cannot be asked is an `error` measurement."""
        # One for the whole sample: a question whose turn comes after an interruption is not asked.
        at, query, lines = self._clock.now(), "", self._lines
        try:
            questions = Questions.of(check.spec, self._folder)
            masking = self._secrets.masking(questions.headers)
            asked = list(self._asked(questions, context, lines))
            query = masking.hide_values(_query(asked))
            answers = _all(asked, questions, masking, lines)
        except (DeliverkitError, ValueError) as error:
            return measurement(check, at, {"error": f"cannot be asked: {error}"}, query=query)
        latencies = tuple(seconds for each in answers for seconds in each.get("seconds", ()))
        state = context.states.get(check.key)
        return measurement(check, at, {"answers": answers}, query=query, state=state, latencies=latencies)

    def interrupt(self) -> None:
        """End the measurements that are under way."""
        lines, self._lines = self._lines, Lines()
        lines.cut()

    def _asked(self, questions: Questions, context: CheckContext, lines: Lines) -> Iterator[Question]:
        """Each address to ask, once."""
        asked: set[tuple[str, tuple[str, ...]]] = set()
        for url in questions.urls:
            for values in expansions([url, *questions.expected], context, self._deployers):
                headers = self._secrets.headers(questions.headers, values)
                question = questions.filled(url, values, headers, lines)
                if (key := (question.request.url, tuple(question.wanted.filled.values()))) not in asked:
                    asked.add(key)
                    yield question


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


def _all(asked: Sequence[Question], questions: Questions, masking: Masking, lines: Lines) -> list[dict[str, Any]]:
    def sampled(question: Question) -> list[dict[str, Any]]:
        return _grouped(_samples(question, questions, masking, lines))

    size = PARALLEL if len(asked) > ONE_BY_ONE_LIMIT else 1
    found = side_by_side(sampled, asked, size=size, name="deliverkit-http")
    return [each for answers in found for each in answers]


def _samples(question: Question, questions: Questions, masking: Masking, lines: Lines) -> Iterator[dict[str, Any]]:
    """The answers to one question; where there is none, or they take too long together, it is not asked again."""
    watch = Stopwatch()
    for number in range(questions.requests):
        if number and watch.seconds() > SAMPLING_LIMIT:
            return
        if lines.were_cut:
            yield {"asked": masking.hide_values(question.asked), "unusable": "interrupted"}
            return
        answer = _answer(question, questions, masking)
        yield answer
        if "status" not in answer:
            return


def _answer(question: Question, questions: Questions, masking: Masking) -> dict[str, Any]:
    asked = masking.hide_values(question.asked)
    try:
        course = follow(question.request, limit=questions.redirects, timeout=questions.timeout)
    except UnusableError as error:
        return {"asked": asked, "unusable": masking.hide(str(error))}
    except SilentError as error:
        return {"asked": asked, "silent": masking.hide(str(error))}
    return {"asked": asked, "seconds": [round(course.reply.seconds, 6)], **kept(course, question.wanted, masking)}


def _grouped(answers: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Equal answers as one, with the times of all."""
    groups: list[dict[str, Any]] = []
    for answer in answers:
        same = next((each for each in groups if each | {"seconds": 0} == answer | {"seconds": 0}), None)
        if same and "seconds" in same:
            same["seconds"] += answer["seconds"]
        else:
            groups.append(answer)
    return groups


def _query(asked: Sequence[Question]) -> str:
    more = f" and {len(asked) - 1} more" if len(asked) > 1 else ""
    return f"{asked[0].asked}{more}" if asked else ""
