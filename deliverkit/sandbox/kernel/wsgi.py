"""A request as WSGI gives it, and what its signature says about it."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

CONTROL_PREFIX = "/_sandbox/"
"""Paths of the sandbox's own endpoints, which nobody signs."""
MAX_BODY = 16 * 1024 * 1024
"""Bytes that a request may hold which is no upload."""
_SCOPE = re.compile(r"Credential=([^/]+)/\d{8}/([^/]+)/([^/]+)/aws4_request")


@dataclass(frozen=True, slots=True)
class CredentialScope:
    """What a signed request says about itself (Signature Version 4, credential scope)."""

    access_key: str
    region: str
    service: str


def credential_scope(environ: Environ) -> CredentialScope | None:
    """The scope from the Authorization header or from a presigned URL; None for an unsigned request."""
    match = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
    if match is None:
        credential = query_of(environ).get("X-Amz-Credential", "")
        match = _SCOPE.search(f"Credential={credential}")
    return CredentialScope(match[1], match[2], match[3]) if match else None


def query_of(environ: Environ) -> dict[str, str]:
    """The parameters of the URL; of one that stands there twice, the last."""
    return {name: values[-1] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}


def read_body(environ: Environ) -> bytes:
    """The whole body, which can be read again afterwards."""
    length, source = environ.get("CONTENT_LENGTH") or "", environ["wsgi.input"]
    body: bytes = source.read(int(length) if length.isdigit() else 0)
    environ["wsgi.input"] = io.BytesIO(body)
    return body
