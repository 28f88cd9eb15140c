"""Whether a request was signed with its key's secret, and whether the key may still be used.

Source: IAM user guide, "Create a signed AWS API request" (Signature Version 4). The date of a signature is not held
against the clock: a rehearsal's time is its own.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, unquote

from deliverkit.sandbox.access.request import Request, Wire
from deliverkit.sandbox.kernel.wsgi import Environ, query_of, read_body

_EXPIRED = "The security token included in the request is expired"
EXPIRED = {
    # Common errors: ExpiredTokenException, 403; query services drop the ending.
    Wire.JSON: ("ExpiredTokenException", _EXPIRED, 403),
    Wire.REST_JSON: ("ExpiredTokenException", _EXPIRED, 403),
    Wire.QUERY: ("ExpiredToken", _EXPIRED, 403),
    Wire.REST_XML: ("ExpiredToken", _EXPIRED, 403),
    # Amazon S3 API reference, "Error responses".
    Wire.S3: ("ExpiredToken", "The provided token has expired.", 400),
    # Amazon EC2 API reference, "Client error codes".
    Wire.EC2: ("RequestExpired", "Request has expired.", 400),
}
"""Code, message and status for keys whose session is over."""
_MISMATCH = "The request signature we calculated does not match the signature you provided. Check your "
_NO_MATCH = _MISMATCH + "AWS Secret Access Key and signing method. Consult the service documentation for details."
MISMATCHES = {
    Wire.JSON: ("InvalidSignatureException", _NO_MATCH, 400),
    Wire.REST_JSON: ("InvalidSignatureException", _NO_MATCH, 403),
    Wire.S3: ("SignatureDoesNotMatch", _MISMATCH + "key and signing method.", 403),
    Wire.EC2: ("AuthFailure", "AWS was not able to validate the provided access credentials", 401),
}
"""The same for a wrong signature; `SignatureDoesNotMatch` for every other protocol."""
MISMATCH = ("SignatureDoesNotMatch", _NO_MATCH, 403)
_UNSIGNED = "UNSIGNED-PAYLOAD"
_NAMES = ("Credential", "SignedHeaders", "Signature")
_PART = re.compile(rf"({'|'.join(_NAMES)})=([^,\s]+)")


@dataclass(frozen=True, slots=True)
class Secret:
    """What belongs to an access key.

    Attributes:
        key: The secret access key.
        token: Of a session; empty for a user's own key.
        expires: The end of a session, in real time as the clients that renew it see it; None for no end.
    """

    key: str
    token: str = ""
    expires: datetime | None = None

    @property
    def has_expired(self) -> bool:
        """True when its session is over."""
        return self.expires is not None and datetime.now(UTC) >= self.expires


def token_of(environ: Environ) -> str:
    """The session token that came with a request; empty for none."""
    return str(environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or query_of(environ).get("X-Amz-Security-Token", ""))


def is_signed_with(secret: str, environ: Environ, request: Request) -> bool:
    """True when the secret gives the request's signature."""
    header = str(environ.get("HTTP_AUTHORIZATION", ""))
    query = query_of(environ)
    parts = {name: "" if header else query.get(f"X-Amz-{name}", "") for name in _NAMES} | dict(_PART.findall(header))
    scope = parts["Credential"].partition("/")[2]
    date = str(environ.get("HTTP_X_AMZ_DATE") or query.get("X-Amz-Date", ""))
    canonical = _canonical(environ, request, parts["SignedHeaders"], is_presigned=not header)
    text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in [*scope.split("/"), text]:
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.compare_digest(key.hex(), parts["Signature"])


def _canonical(environ: Environ, request: Request, signed: str, *, is_presigned: bool) -> bytes:
    path, _, query = str(environ["RAW_URI"]).partition("?")
    headers = "".join(f"{name}:{_header(environ, name)}\n" for name in signed.split(";"))
    if request.wire is not Wire.S3:
        path = quote(_normalised(path), safe="/~")
    payload = environ.get("HTTP_X_AMZ_CONTENT_SHA256") or (
        _UNSIGNED if is_presigned and request.wire is Wire.S3 else hashlib.sha256(read_body(environ)).hexdigest()
    )
    lines = [request.method, path or "/", _query(query), headers, signed, str(payload)]
    return "\n".join(lines).encode()


def _header(environ: Environ, name: str) -> str:
    key = name.upper().replace("-", "_")
    value = environ.get(key if name in {"content-type", "content-length"} else f"HTTP_{key}", "")
    return " ".join(str(value).split())


def _query(query: str) -> str:
    pairs = [pair.partition("=") for pair in query.split("&") if pair]
    encoded = sorted((_encoded(name), _encoded(value)) for name, _, value in pairs if name != "X-Amz-Signature")
    return "&".join(f"{name}={value}" for name, value in encoded)


def _encoded(text: str) -> str:
    return quote(unquote(text), safe="-_.~")


def _normalised(path: str) -> str:
    from botocore.utils import normalize_url_path  # noqa: PLC0415  (only where policies are enforced)

    return str(normalize_url_path(path))
