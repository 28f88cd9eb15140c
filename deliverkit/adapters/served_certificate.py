"""The certificate that an address serves: a TLS handshake, whose chain and host name are verified."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from deliverkit.check_ports import CheckContext
from deliverkit.domain.carriage import Target
from deliverkit.domain.gate import Check
from deliverkit.domain.placeholders import expand, needs_target
from deliverkit.ports import Deployer

TIMEOUT = 10.0
"""Seconds for connecting, and again for the handshake."""
PORT = 443


class ServedCertificates:
    """Looks at the certificates of the addresses that a check names: of one, or of one for each target."""

    def __init__(self, deployers: Callable[[str], Deployer]) -> None:
        """Take the way to a region's deployer, which knows the targets."""
        self._deployers = deployers

    def look(self, check: Check, context: CheckContext) -> Mapping[str, Any]:
        """What is seen of each: until when its certificate holds, or what is wrong with it.

        Raises:
            ValueError: If an address is none, or there are no targets.
            UsageError: If the authorities' file cannot be read.
        """
        trusted = _trusting(str(check.spec.get("authorities") or ""))
        asked = dict.fromkeys(self._addresses(check, context))
        return {"served": [_look(address, str(check.spec.get("host") or ""), trusted) for address in asked]}

    def _addresses(self, check: Check, context: CheckContext) -> Iterator[str]:
        text = str(check.spec["address"]).replace("${endpoint}", context.endpoint)
        for region in context.regions:
            values = {**context.values, "region": region}
            if not needs_target(text):
                yield expand(text, values)
                continue
            for target in self._targets(region, context):
                yield expand(text, {**values, "target.id": target.target_id, "target.address": target.address})

    def _targets(self, region: str, context: CheckContext) -> Sequence[Target]:
        targets = self._deployers(region).targets(context.application, context.group)
        if not targets:
            raise ValueError(f"{context.group} has no running targets in {region}")
        return targets


def _trusting(authorities: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authorities or None)
    except OSError as error:  # an SSLError is one, too
        raise ValueError(f"{authorities} cannot be read as certificates of authorities: {error}") from error


def _look(address: str, host: str, trusted: ssl.SSLContext) -> Mapping[str, Any]:
    name, port = _parts(address)
    seen: dict[str, Any] = {"address": f"{name}:{port}", "host": host or name}
    try:
        with (
            socket.create_connection((name, port), timeout=TIMEOUT) as connection,
            trusted.wrap_socket(connection, server_hostname=host or name) as encrypted,
        ):
            certificate: Mapping[str, Any] = encrypted.getpeercert() or {}
    except ssl.SSLCertVerificationError as error:
        return {**seen, "invalid": error.verify_message or str(error)}
    except TimeoutError:
        return {**seen, "error": f"no handshake within {TIMEOUT:g} s"}
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
