"""Checks that open a connection over TCP, encrypted or not, and may wait for what the other side says first."""

from __future__ import annotations

import re
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from deliverkit.adapters.clock import Stopwatch
from deliverkit.adapters.deadline import Deadline, Lines
from deliverkit.adapters.encryption import Proof, told
from deliverkit.adapters.expansion import Deployers, expansions
from deliverkit.adapters.http import ONE_BY_ONE_LIMIT, PARALLEL
from deliverkit.adapters.http_answers import quoted
from deliverkit.background import side_by_side
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import measurement
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.masking import Masking
from deliverkit.domain.placeholders import expand
from deliverkit.errors import DeliverkitError
from deliverkit.ports import Clock

DEFAULT_TIMEOUT = 5.0
GREETING_LIMIT = 4096
"""Bytes of a greeting that are read."""
_PLACE = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.%]+)\]|(?P<host>[^\s:/\[\]@]+)):(?P<port>[0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where to connect to, and what has to be said there; empty for no matter what."""

    host: str
    port: int
    banner: str = ""
    filled: str = ""

    @property
    def asked(self) -> str:
        """For people."""
        return f"tcp {f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"


class TcpCheck:
    """The checker of kind tcp: what comes back is kept here, and judged in `domain.checks.tcp`.

    The address is asked once, or once for each region or running target when it speaks of them. A refused, late or
    untrusted connection fails; a host without an address or a group without targets is an error.
    """

    def __init__(self, deployers: Deployers, *, clock: Clock, folder: Path = Path()) -> None:
        """Take the way to a region's deployer, which knows the targets; time; and what files are relative to."""
        self._deployers = deployers
        self._clock = clock
        self._folder = folder
        self._lines = Lines()

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Take one sample of every place; whatever cannot be asked is an `error` measurement."""
        # The lines are those of the whole sample: where it has not asked before an interruption, it does not any more.
        at, query, spec, lines = self._clock.now(), "", check.spec, self._lines
        try:
            timeout = timedelta(seconds=float(spec.get("timeout") or DEFAULT_TIMEOUT))
            encryption = Proof.of(spec, self._folder).context() if spec.get("tls") else None
            places = list(dict.fromkeys(self._places(spec, context)))
            query = places[0].asked + (f" and {len(places) - 1} more" if len(places) > 1 else "")
            size = PARALLEL if len(places) > ONE_BY_ONE_LIMIT else 1
            ask = partial(_sample, timeout=timeout, encryption=encryption, lines=lines)
            found = side_by_side(ask, places, size=size, name="deliverkit-tcp")
        except (DeliverkitError, ValueError) as error:
            return measurement(check, at, {"error": f"cannot be asked: {error}"}, query=query)
        latencies = tuple(each["seconds"] for each in found if "seconds" in each)
        state = context.states.get(check.key)
        return measurement(check, at, {"places": found}, query=query, state=state, latencies=latencies)

    def interrupt(self) -> None:
        """End the measurements that are under way."""
        lines, self._lines = self._lines, Lines()
        lines.cut()

    def _places(self, spec: Mapping[str, Any], context: CheckContext) -> Iterator[Place]:
        address, banner = str(spec.get("address") or ""), str(spec.get("banner") or "")
        if not address:
            raise ValueError("the check has no address")
        for values in expansions((address, banner), context, self._deployers):
            host, port = split(expand(address, values))
            yield Place(host, port, banner, expand(banner, values))


def split(address: str) -> tuple[str, int]:
    """Host and port of `HOST:PORT`; an IPv6 address stands in brackets.

    Raises:
        ValueError: If it is neither.
    """
    found = _PLACE.fullmatch(address)
    port = int(found["port"]) if found else 0
    if not found or not 0 < port < 65536:
        raise ValueError(f"{address!r} is not HOST:PORT")
    return found["six"] or found["host"], port


def _sample(place: Place, timeout: timedelta, encryption: ssl.SSLContext | None, lines: Lines) -> dict[str, Any]:
    seconds, watch = timeout.total_seconds(), Stopwatch()
    if lines.were_cut:
        return {"asked": place.asked, "unusable": "interrupted"}
    try:
        greeting = _greeting(place, Deadline(seconds, lines), encryption)
    except socket.gaierror as error:
        return {"asked": place.asked, "unusable": f"the host {place.host} has no address: {error.strerror}"}
    except UnicodeError as error:
        return {"asked": place.asked, "unusable": f"no usable host: {error}"}
    except (OSError, ValueError) as error:
        return {"asked": place.asked, "silent": _why(error, seconds)}
    sample: dict[str, Any] = {"asked": place.asked, "seconds": round(watch.seconds(), 6)}
    if place.banner:
        text = greeting.decode("utf-8", errors="replace")
        said = quoted(Masking({}).hide(text)) if text.strip() else "it says nothing"
        sample |= {"greeting": said, "has": {place.filled: place.filled in text}}
    return sample | ({"filled": {place.banner: place.filled}} if "${" in place.banner else {})


def _why(error: Exception, seconds: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {seconds:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {told(error)}"
    if isinstance(error, ssl.SSLError):
        return told(error)
    return str((isinstance(error, OSError) and error.strerror) or error)


def _greeting(place: Place, time: Deadline, encryption: ssl.SSLContext | None) -> bytes:
    """Connect, and wait for the greeting when one is expected: until it holds the text, ends, or is too long."""
    found = socket.getaddrinfo(place.host, place.port, type=socket.SOCK_STREAM)
    with time as deadline, deadline.connected(found) as plain:
        if encryption is None:
            return _read(plain, place, deadline)
        with encryption.wrap_socket(plain, server_hostname=place.host) as sock:
            return _read(sock, place, deadline)


def _read(sock: socket.socket, place: Place, deadline: Deadline) -> bytes:
    expected, content = place.filled.encode(), b""
    while place.banner and expected not in content and len(content) < GREETING_LIMIT:
        try:
            piece = sock.recv(GREETING_LIMIT - len(content))
        except TimeoutError:
            if not content:
                raise  # the socket's own time may end before ours does
            break
        if not piece:
            break
        content += piece
    if deadline.was_cut and not content:
        raise TimeoutError
    return content
