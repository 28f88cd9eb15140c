"""What is kept of an answer over HTTP: as much as the check's expectations speak of, bounded, without secrets."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deliverkit.adapters.http_exchange import BODY_LIMIT, Reply
from deliverkit.adapters.redirects import Course
from deliverkit.domain.masking import Masking

JSON_LIMIT = 1024 * 1024
"""Bytes of a body that JSON values are looked up in."""
_QUOTED = 60
_VALUE_LIMIT = 500
_NESTED_LIMIT = 2000
_INFLATED = frozenset({"gzip", "x-gzip", "deflate"})


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an answer is looked through for, placeholders filled in.

    Attributes:
        headers: Names of headers.
        texts: Texts in the body.
        paths: JMESPath expressions over the body as JSON.
        filled: Expected texts that had placeholders, by what the settings say.
    """

    headers: Sequence[str] = ()
    texts: Sequence[str] = ()
    paths: Sequence[str] = ()
    filled: Mapping[str, str] = field(default_factory=dict)

    @property
    def limit(self) -> int:
        """Bytes of the body that are worth reading."""
        return JSON_LIMIT if self.paths else BODY_LIMIT


def kept(course: Course, wanted: Wanted, masking: Masking) -> dict[str, Any]:
    """What is recorded of an answer, besides who was asked and how long it took (see `domain.checks.http`)."""
    reply = course.reply
    found: dict[str, Any] = {"status": reply.status}
    if course.towards:
        found["towards"] = course.towards
    if wanted.headers:
        found["headers"] = {name.lower(): reply.headers.get(name.lower()) for name in wanted.headers}
    body = decoded(reply, wanted.limit)
    if wanted.texts:
        text = body[:BODY_LIMIT].decode("utf-8", errors="replace")
        found["has"] = {each: each in text for each in wanted.texts}
    if wanted.paths:
        found |= _values(body, wanted, masking, is_whole=reply.is_whole)
    if wanted.texts or wanted.paths:
        found["body"] = quoted(masking.hide(body[:BODY_LIMIT].decode("utf-8", errors="replace")))
    # What was expected stands in the configuration already, and has to be found again as it is; values are masked.
    whole = {key: value if key in {"has", "json"} else masking.hide_in(value) for key, value in found.items()}
    return {**whole, "filled": dict(wanted.filled)} if wanted.filled else whole


def decoded(reply: Reply, limit: int) -> bytes:
    """The body without its compression, which nobody asked for; never more than the limit, however much it holds."""
    if reply.headers.get("content-encoding", "").strip().lower() not in _INFLATED:
        return reply.content[:limit]
    try:
        # 32 more bits of window: zlib tells gzip and zlib apart by their headers.
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(reply.content, limit)
    except zlib.error:
        return reply.content[:limit]


def quoted(text: str) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(text.split())
    line = "".join(letter if letter.isprintable() else "?" for letter in line[: _QUOTED + 1])
    return repr(line if len(line) <= _QUOTED else line[: _QUOTED - 3] + "...") if line else "the body is empty"


def as_json(body: bytes) -> Any:
    """A body as JSON; what JSON has no word for, NaN and the infinities, are texts.

    Raises:
        ValueError: If it is not JSON, or nested too deeply.
    """
    try:
        return json.loads(body, parse_constant=str)
    except (ValueError, RecursionError) as error:
        why = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ValueError(f"the body is not JSON ({why})") from error


def _values(body: bytes, wanted: Wanted, masking: Masking, *, is_whole: bool) -> dict[str, Any]:
    import jmespath  # noqa: PLC0415  (botocore's; few checks look into answers)

    if not is_whole or len(body) >= wanted.limit:
        return {"no_json": f"the body is larger than {wanted.limit // 1024} KiB, which nothing is looked up in"}
    try:
        tree = as_json(body)
        # Masked before anything is cut off: half a secret would not be found.
        return {"json": {path: _bounded(masking.hide_in(jmespath.search(path, tree))) for path in wanted.paths}}
    except (ValueError, jmespath.exceptions.JMESPathError) as error:
        return {"no_json": " ".join(str(error).split())[:_VALUE_LIMIT]}


def _bounded(value: Any) -> Any:
    """A value that is small enough to be recorded with every measurement; a larger one as the beginning of its text."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, str):
        return value if len(value) <= _VALUE_LIMIT else value[: _VALUE_LIMIT - 3] + "..."
    if isinstance(value, int) and abs(value) > 2**63:
        return str(value)[:_VALUE_LIMIT] if abs(value) < 10**_VALUE_LIMIT else "a number without end"
    if isinstance(value, list | dict):
        written = json.dumps(value, default=str)
        return value if len(written) <= _NESTED_LIMIT else written[: _VALUE_LIMIT - 3] + "..."
    return value
