"""The certificate that an address serves: a TLS handshake, whose chain and host name are verified."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deliverkit.adapters.deadline import Deadline, Lines
from deliverkit.adapters.encryption import Proof, told
from deliverkit.adapters.expansion import Deployers, expansions
from deliverkit.background import side_by_side
from deliverkit.check_ports import CheckContext
from deliverkit.domain.gate import Check
from deliverkit.domain.placeholders import expand

TIMEOUT = 10.0
"""Seconds for connecting and the handshake."""
PORT = 443
PARALLEL = 16


class ServedCertificates:
    """Looks at the certificates of the addresses that a check names: of one, or of one for each target."""

    def __init__(self, deployers: Deployers, *, folder: Path) -> None:
        """Take the way to a region's deployer, which knows the targets, and where the files of a check are."""
        self._deployers = deployers
        self._folder = folder
        self._lines = Lines()

    def look(self, check: Check, context: CheckContext) -> Mapping[str, Any]:
        """What is seen of each: until when its certificate holds, or what is wrong with it.

        Raises:
            ValueError: If an address is none, there are no targets, or the authorities' file cannot be read.
        """
        lines = self._lines
        trusted, address = Proof.of(check.spec, self._folder).context(), str(check.spec["address"])
        host = str(check.spec.get("host") or "")
        asked = [
            (expand(address, values), expand(host, values))
            for values in expansions((address, host), context, self._deployers)
        ]
        unique = list(dict.fromkeys(asked))
        look = partial(_look, trusted=trusted, lines=lines)
        return {"served": side_by_side(look, unique, size=PARALLEL, name="deliverkit-certificate")}

    def interrupt(self) -> None:
        """End the looks that are under way."""
        lines, self._lines = self._lines, Lines()
        lines.cut()


def _look(asked: tuple[str, str], trusted: ssl.SSLContext, lines: Lines) -> Mapping[str, Any]:
    address, host = asked
    name, port = _parts(address)
    seen: dict[str, Any] = {"address": f"{name}:{port}", "host": host or name}
    if lines.were_cut:
        return {**seen, "error": "interrupted"}
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
        with (
            Deadline(TIMEOUT, lines) as deadline,
            deadline.connected(found) as connection,
            trusted.wrap_socket(connection, server_hostname=host or name) as encrypted,
        ):
            certificate: Mapping[str, Any] = encrypted.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return {**seen, "invalid": told(error)}
    except TimeoutError:
        return {**seen, "error": f"no handshake within {TIMEOUT:g} s"}
    except ssl.SSLError as error:
        return {**seen, "error": told(error)}
    except (OSError, UnicodeError) as error:
        return {**seen, "error": str(error)}
    end = ssl.cert_time_to_seconds(str(certificate["notAfter"]))
    return {**seen, "not_after": datetime.fromtimestamp(end, UTC).isoformat()}


def _parts(address: str) -> tuple[str, int]:
    """Host and port of `HOST`, `HOST:PORT` or `https://HOST:PORT/...`."""
    try:
        parts = urlsplit(address if "://" in address else f"https://{address}")
        port = parts.port or PORT
    except ValueError as error:
        raise ValueError(f"{address!r} is no address: {error}") from error
    if not parts.hostname or parts.scheme != "https":
        raise ValueError(f"{address!r} is no address of an encrypted service: write HOST, HOST:PORT or https://...")
    return parts.hostname, port
