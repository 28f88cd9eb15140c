"""Assessing answers over HTTP: status, headers, text, JSON values, and percentiles of the response times.

`seen` holds `answers`, one for each different answer of each address:

    asked     GET http://shop.example.com/healthz
    status    HTTP status code
    seconds   response times of the requests that were answered so
    towards   where a redirect points that was not followed
    headers   values of the expected headers, None for one that was not there
    has       whether each expected text was in the body, by text
    json      values of the JMESPath expressions; `no_json` says why there are none
    body      the beginning of the body, for people
    filled    expected texts whose placeholders were filled in, by what the settings say
    silent    why there was no answer, which fails
    unusable  why it could not be asked, which is an error
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from deliverkit.domain import limits
from deliverkit.domain.checks import Assessment, Seen, Spec, percentiles
from deliverkit.domain.checks.several import together
from deliverkit.domain.gate import Verdict

DEFAULT_STATUS = 200
_Answer = Mapping[str, Any]
_RANGE = re.compile(r"([1-5])xx|([1-5][0-9]{2})-([1-5][0-9]{2})", re.IGNORECASE)


class _UnrecordedError(Exception):
    """The settings ask for something that was not asked when the answer came."""


def assess(spec: Spec, seen: Seen, state: Any) -> Assessment:
    """Judge the answers of all addresses; the worst decides."""
    answers: list[_Answer] = list(seen.get("answers") or ())
    latencies = [seconds for each in answers for seconds in each.get("seconds", ())]
    found = together([_judged(spec, each) for each in answers])
    return percentiles.bounded(spec, found, percentiles.sliding(spec, state, latencies))


def accepts(status: Any, code: int) -> bool:
    """True when a status code is one of those that pass.

    Args:
        status: A code, a range such as `2xx` or `200-299`, or a list of those.
        code: What the server answered.

    Raises:
        ValueError: If `status` is none of those.
    """
    if isinstance(status, list | tuple):
        return any(accepts(each, code) for each in status)
    if str(status).isdigit():
        return code == int(status)
    found = _RANGE.fullmatch(str(status))
    if not found:
        raise ValueError(f"{status!r} is no status: write 200, 2xx, 200-299 or a list of those")
    return code // 100 == int(found[1]) if found[1] else int(found[2]) <= code <= int(found[3])


def _judged(spec: Spec, answer: _Answer) -> Assessment:
    asked = str(answer.get("asked", "it"))
    if "unusable" in answer:
        return Assessment(Verdict.ERROR, f"{asked}: {answer['unusable']}")
    if "silent" in answer:
        return Assessment(Verdict.FAILED, f"{asked}: {answer['silent']}")
    if "status" not in answer:
        return Assessment(Verdict.ERROR, f"{asked}: no answer is on record")
    slowest = max(answer.get("seconds") or [0.0])
    taken = f"{asked} answered {answer['status']} in {slowest * 1000:.0f} ms"
    try:
        wrong = next(_wrongs(spec, answer), "")
    except (_UnrecordedError, ValueError) as error:
        return Assessment(Verdict.ERROR, f"{taken}, but {error}")
    value = _only_number(spec, answer)
    return Assessment(Verdict.FAILED if wrong else Verdict.PASSED, taken + wrong, value)


def _wrongs(spec: Spec, answer: _Answer) -> Iterator[str]:
    """What is wrong with an answer, the gravest first."""
    status = spec.get("status") or DEFAULT_STATUS
    if not accepts(status, int(answer["status"])):
        towards = f" (redirects to {answer['towards']}, not followed)" if answer.get("towards") else ""
        yield f", expected {_told(status)}{towards}"
    for name, text in (spec.get("expect_headers") or {}).items():
        yield from _wrong_header(name, _filled(text, answer), answer)
    if spec.get("contains"):
        yield from _wrong_text(_filled(spec["contains"], answer), answer)
    for path, expected in (spec.get("json") or {}).items():
        yield from _wrong_value(path, _filled(expected, answer), answer)


def _wrong_header(name: str, text: str, answer: _Answer) -> Iterator[str]:
    headers: Mapping[str, Any] = answer.get("headers") or {}
    if name.lower() not in headers:
        raise _UnrecordedError(f"its header {name} was not recorded")
    value = headers[name.lower()]
    if value is None:
        yield f", but without a header {name}"
    elif text.lower() not in str(value).lower():
        yield f", but its header {name} is {value!r}, expected {text!r}"


def _wrong_text(text: str, answer: _Answer) -> Iterator[str]:
    has = (answer.get("has") or {}).get(text)
    if has is None:
        raise _UnrecordedError(f"whether its body holds {text!r} was not recorded")
    if has is not True:
        yield f", but without {text!r}: {answer.get('body') or 'the body is empty'}"


def _wrong_value(path: str, expected: Any, answer: _Answer) -> Iterator[str]:
    if answer.get("no_json"):
        yield f", but {answer['no_json']}: {answer.get('body') or 'the body is empty'}"
        return
    values = answer.get("json") or {}
    if path not in values:
        raise _UnrecordedError(f"its value at {path} was not recorded")
    value = values[path]
    if isinstance(expected, Mapping):
        bounds = limits.limits_of(expected)
        if not _is_number(value) or not limits.is_within(value, bounds):
            yield f", but {path} is {value!r}, expected {limits.told(bounds)}"
    elif not _equals(value, expected):
        yield f", but {path} is {value!r}, expected {expected!r}"


def _filled(expected: Any, answer: _Answer) -> Any:
    """The expectation with its placeholders filled in, as they were when the answer came."""
    if not isinstance(expected, str) or "${" not in expected:
        return expected
    filled = answer.get("filled") or {}
    if expected not in filled:
        raise _UnrecordedError(f"what {expected!r} stood for was not recorded")
    return filled[expected]


def _equals(value: Any, expected: Any) -> bool:
    """As JSON has it: true is not 1, though 1 is 1.0."""
    return isinstance(value, bool) == isinstance(expected, bool) and bool(value == expected)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _only_number(spec: Spec, answer: _Answer) -> float | None:
    """The number that limits apply to, when there is exactly one."""
    bounded = [path for path, expected in (spec.get("json") or {}).items() if isinstance(expected, Mapping)]
    value: Any = (answer.get("json") or {}).get(bounded[0]) if len(bounded) == 1 else None
    return float(value) if _is_number(value) and limits.is_within(value, {}) else None


def _told(status: Any) -> str:
    return " or ".join(map(str, status)) if isinstance(status, list | tuple) else str(status)
