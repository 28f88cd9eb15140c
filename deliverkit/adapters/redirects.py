"""One request that follows redirects, as far as it may, and takes no secret to another host."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import SplitResult, urljoin, urlsplit

from deliverkit.adapters.clock import Stopwatch
from deliverkit.adapters.http_exchange import Reply, Request, SilentError, UnusableError, exchange, shown

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_HARMLESS = frozenset({"accept", "accept-language", "accept-encoding", "user-agent"})
"""Request headers that go to other hosts, too; any other one may be a secret."""


@dataclass(frozen=True, slots=True)
class Course:
    """The answer at the end of all redirects.

    Attributes:
        reply: The answer; its seconds are those of all requests together.
        towards: Where it points, for a redirect that was not followed; empty for any other answer.
        followed: Redirects that were followed.
    """

    reply: Reply
    towards: str
    followed: int


def follow(request: Request, *, limit: int, timeout: timedelta) -> Course:
    """Send a request and follow at most so many redirects (RFC 9110, section 15.4).

    Args:
        request: The first one. To another origin, another scheme or port included, go neither its headers, `Accept` and
            `User-Agent` apart, nor the client certificate.
        limit: 0 to follow none: then a redirect is an answer like any other.
        timeout: For all of it.

    Raises:
        UnusableError: If an URL cannot be asked.
        SilentError: If no whole answer came in time, the way goes in a circle, or is longer than the limit.
    """
    watch = Stopwatch()
    seen = [(request.method, request.url)]
    current, reply = request, exchange(request, timeout=timeout)
    while limit and (towards := _target(current.url, reply)):
        current = _next(request, current, reply.status, towards)
        if (current.method, current.url) in seen:
            raise SilentError(f"redirects in a circle, back to {shown(towards)}")
        if len(seen) > limit:
            raise SilentError(f"more than {limit} redirects, the last one to {shown(towards)}")
        seen.append((current.method, current.url))
        reply = _further(current, timeout - timedelta(seconds=watch.seconds()), len(seen) - 1)
    towards = shown(reply.headers.get("location", "")) if 300 <= reply.status < 400 else ""
    return Course(replace(reply, seconds=watch.seconds()) if len(seen) > 1 else reply, towards, len(seen) - 1)


def _further(request: Request, left: timedelta, number: int) -> Reply:
    """The answer to a request that follows a redirect; what goes wrong is told with the address that it is about."""
    try:
        return exchange(request, timeout=timedelta(seconds=max(0.01, round(left.total_seconds(), 2))))
    except (SilentError, UnusableError) as error:
        times = "a redirect" if number == 1 else f"{number} redirects"
        raise type(error)(f"after {times}, at {shown(request.url)}: {error}") from error


def _target(url: str, reply: Reply) -> str:
    """Where an answer leads that is to be followed; empty for any other answer."""
    location = reply.headers.get("location", "") if reply.status in _REDIRECTS else ""
    try:
        return urljoin(url, location) if location else ""
    except ValueError:
        return location


def _next(first: Request, current: Request, status: int, towards: str) -> Request:
    becomes_get = (status == 303 and current.method != "HEAD") or (status in {301, 302} and current.method == "POST")
    method = "GET" if becomes_get else current.method
    body = None if becomes_get else current.body
    if _origin(first.url) == _origin(towards):
        return replace(current, url=towards, method=method, body=body, headers=first.headers, proof=first.proof)
    # A body that goes on to another host would be a secret told, too.
    proof, headers = first.proof.without_us(), _harmless(first.headers)
    return replace(current, url=towards, method=method, body=None, headers=headers, proof=proof)


def _harmless(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() in _HARMLESS}


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts: SplitResult = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return ("", "", None)
    return (parts.scheme, (parts.hostname or "").lower(), port)
