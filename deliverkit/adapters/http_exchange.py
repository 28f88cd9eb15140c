"""One HTTP request, bounded in time and size: no redirects followed, no proxy for private addresses."""

from __future__ import annotations

import http.client
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import BinaryIO
from urllib.parse import SplitResult, urlsplit

from deliverkit._version import __version__
from deliverkit.adapters.clock import Stopwatch
from deliverkit.adapters.deadline import Deadline, Lines
from deliverkit.adapters.encryption import NO_PROOF, Proof, told

BODY_LIMIT = 64 * 1024
"""Bytes of a body that are read; the rest is dropped with the connection."""
_PIECE = 1024 * 1024
"""Bytes of a body that are in memory while a sink takes it."""


class UnusableError(Exception):
    """The URL cannot be asked at all: it is malformed, or its host has no address."""


class SilentError(Exception):
    """There is something to ask, but it did not answer as an HTTP server does: refused, too late, torn off."""


class UntrustedError(SilentError):
    """It answered with a certificate that is not trusted: asking again helps nothing."""


class UnwritableError(Exception):
    """What takes the body, a file, takes no more of it.

    Attributes:
        error: Why: the disk is full.
    """

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent.

    Attributes:
        url: Absolute `http` or `https` URL, without credentials in it.
        method: HTTP method.
        headers: Besides what every request carries.
        body: Nothing by default.
        limit: Bytes of the answer's body that are read.
        sink: Takes the body of a success (2xx) piece by piece; the reply then holds the first 64 KiB of it.
        proof: Whom to trust, and who we are, on an encrypted connection.
        lines: From where the exchange may be cut before its time.
    """

    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)
    limit: int = BODY_LIMIT
    sink: BinaryIO | None = field(default=None, repr=False, compare=False)
    proof: Proof = NO_PROOF
    lines: Lines | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, as it came.

    Attributes:
        status: HTTP status code.
        headers: By lower-case name; of a repeated one the last. Cookies are in `cookies`.
        content: The body, up to the request's limit; its beginning when a sink took it.
        seconds: From the first packet sent to the last byte read.
        is_whole: False when the body goes on behind the limit.
        cookies: Every `Set-Cookie` line.
    """

    status: int
    headers: Mapping[str, str]
    content: bytes
    seconds: float
    is_whole: bool = True
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: HTTP status code.
        body: The first 64 KiB of the body, undecodable bytes replaced.
        seconds: From the first packet sent to the last byte read.
        location: Where a redirect points; empty for any other answer.
    """

    status: int
    body: str
    seconds: float
    location: str = ""


def ask(url: str, *, method: str = "GET", timeout: timedelta) -> Answer:
    """Send one request and read a text.

    Args:
        url: Absolute `http` or `https` URL, without credentials in it.
        method: HTTP method.
        timeout: For the whole exchange, name resolution apart, from connecting to the body's last byte.

    Raises:
        UnusableError: If the URL cannot be asked.
        SilentError: If no whole answer came in time.
    """
    reply = exchange(Request(url, method), timeout=timeout)
    location = reply.headers.get("location", "") if 300 <= reply.status < 400 else ""
    return Answer(reply.status, reply.content.decode("utf-8", errors="replace"), reply.seconds, location)


def exchange(request: Request, *, timeout: timedelta) -> Reply:
    """Send one request, on a connection of its own.

    Args:
        request: What to send.
        timeout: For the whole exchange, name resolution apart, from connecting to the body's last byte.

    Raises:
        UnusableError: If the URL cannot be asked.
        SilentError: If no whole answer came in time.
        UnwritableError: If the sink does not take it.
    """
    parts = _checked(request.url)
    seconds = timeout.total_seconds()
    proxy = _proxy_for(parts.scheme, parts.hostname or "")
    connection, target = _connection(parts, proxy, request.proof)
    watch = Stopwatch()
    with _through(proxy), _told_in_our_words(connection, watch, seconds):
        found = socket.getaddrinfo(connection.host, connection.port, type=socket.SOCK_STREAM)
        with Deadline(seconds, request.lines) as deadline:
            # The library's own place for what opens the socket: it goes on with a proxy's CONNECT and the encryption
            # at once, and both have to end in time, too.
            connection._create_connection = lambda *_: deadline.connected(found)  # type: ignore[attr-defined]  # noqa: SLF001
            connection.connect()
            return _exchange(connection, request, target, deadline)


def shown(url: str) -> str:
    """The URL as it may stand in a message: without credentials."""
    return re.sub(r"//[^/?#]*@", "//***@", url)


def _exchange(connection: http.client.HTTPConnection, request: Request, target: str, deadline: Deadline) -> Reply:
    headers = {"User-Agent": f"deliverkit/{__version__}", "Accept": "*/*", "Connection": "close", **request.headers}
    connection.request(request.method, target, request.body, headers)
    response = connection.getresponse()
    content, is_whole = _received(response, request)
    if deadline.was_cut:
        # A connection cut off by us looks like the end of a body that has no declared length.
        raise TimeoutError
    if is_whole and response.length:
        raise http.client.IncompleteRead(content, response.length)
    return Reply(
        response.status,
        {name.lower(): value for name, value in response.getheaders()},
        content,
        deadline.watch.seconds(),
        is_whole,
        tuple(response.headers.get_all("Set-Cookie") or ()),
    )


def _received(response: http.client.HTTPResponse, request: Request) -> tuple[bytes, bool]:
    """What is kept of the body, and whether it ended within the limit."""
    if request.sink is None or not 200 <= response.status < 300:
        limit = request.limit if request.sink is None else BODY_LIMIT
        content = response.read(limit + 1)
        return content[:limit], len(content) <= limit
    begin, left = b"", request.limit
    while piece := response.read(min(_PIECE, left + 1)):
        if len(piece) > left:
            return begin, False
        left -= len(piece)
        begin += piece[: BODY_LIMIT - len(begin)]
        try:
            request.sink.write(piece)
        except OSError as error:
            raise UnwritableError(error) from error
    return begin, True


@contextmanager
def _through(proxy: SplitResult | None) -> Iterator[None]:
    """Name the proxy in whatever went wrong: it may be the one that did not answer."""
    try:
        yield
    except (SilentError, UnusableError) as error:
        if proxy is None:
            raise
        raise type(error)(f"through the proxy {proxy.hostname}:{proxy.port}: {error}") from error


@contextmanager
def _told_in_our_words(connection: http.client.HTTPConnection, watch: Stopwatch, seconds: float) -> Iterator[None]:
    try:
        yield
    except socket.gaierror as error:
        raise UnusableError(f"the host {connection.host} has no address: {error.strerror}") from error
    except (http.client.InvalidURL, UnicodeError) as error:
        raise UnusableError(f"no usable URL: {error}") from error
    except TimeoutError as error:
        raise SilentError(f"no whole answer within {seconds:g} s") from error
    except ConnectionRefusedError as error:
        raise SilentError("connection refused") from error
    except ssl.SSLCertVerificationError as error:
        raise UntrustedError(f"its certificate is not trusted: {told(error)}") from error
    except ssl.SSLError as error:
        raise SilentError(told(error)) from error
    except http.client.HTTPException as error:
        raise SilentError(f"not an HTTP answer ({type(error).__name__}: {error})") from error
    except OSError as error:
        after = f" after {watch.seconds():.1f} s"
        raise SilentError(f"{error.strerror or error}{after}") from error
    finally:
        connection.close()


def _checked(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UnusableError(f"no usable URL: {error}") from error
    if parts.scheme not in {"http", "https"} or not parts.hostname or port == 0:
        raise UnusableError("no usable URL: expected http://HOST... or https://HOST...")
    if parts.username or parts.password:
        raise UnusableError("the URL carries credentials, which would end up in the ledger")
    if any(character.isspace() for character in url):
        raise UnusableError("no usable URL: it holds blanks")
    return parts


def _connection(parts: SplitResult, proxy: SplitResult | None, proof: Proof) -> tuple[http.client.HTTPConnection, str]:
    """The connection to use, and how to name the resource on it."""
    host, port = parts.hostname or "", parts.port
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if parts.scheme == "https":
        try:
            context = proof.context()
        except ValueError as error:
            raise UnusableError(str(error)) from error
        if proxy is None:
            return http.client.HTTPSConnection(host, port, context=context), path
        through = http.client.HTTPSConnection(proxy.hostname or "", proxy.port, context=context)
        through.set_tunnel(host, port or 443)
        return through, path
    if proxy is None:
        return http.client.HTTPConnection(host, port), path
    return http.client.HTTPConnection(proxy.hostname or "", proxy.port), parts.geturl()


def _proxy_for(scheme: str, host: str) -> SplitResult | None:
    import urllib.request  # noqa: PLC0415  (for the standard rules of HTTPS_PROXY and NO_PROXY, which few processes need)

    if _is_private(host) or urllib.request.proxy_bypass(host):
        return None
    proxy = urllib.request.getproxies().get(scheme, "")
    return urlsplit(proxy if "://" in proxy else f"http://{proxy}") if proxy else None


def _is_private(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
