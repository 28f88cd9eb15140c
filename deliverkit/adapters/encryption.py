"""Encrypted connections: whom we trust, who we are, and what went wrong in plain words; nothing ends verification."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_UNTRUSTED: Mapping[int, str] = {
    # The numbers are OpenSSL's (x509_vfy.h, X509_V_ERR_...).
    9: "it is not valid yet",
    10: "it has expired",
    18: "nobody vouches for it: it is signed by itself",
    19: "nobody we trust vouches for it: an unknown authority does",
    20: "nobody we trust vouches for it, or it came without the certificates in between",
    21: "nobody we trust vouches for it, or it came without the certificates in between",
    23: "it has been revoked",
}
_WRONG_NAME = frozenset({62, 64})
_REFUSED: Mapping[str, str] = {
    "CERTIFICATE_REQUIRED": "it asks for a client certificate, and none is configured",
    "UNKNOWN_CA": "it does not trust our client certificate",
    "BAD_CERTIFICATE": "it does not accept our client certificate",
    "CERTIFICATE_EXPIRED": "our client certificate has expired",
    "HANDSHAKE_FAILURE": "it refuses the encryption that we offer, or misses a client certificate",
    "WRONG_VERSION_NUMBER": "it does not speak TLS here",
    "HTTP_REQUEST": "it does not speak TLS here",
}


@dataclass(frozen=True, slots=True)
class Proof:
    """Whom to trust on an encrypted connection, and who we are there.

    Attributes:
        authorities: PEM file of the certificates that alone are trusted; empty for those of the system.
        certificate: PEM file of our own certificate with its private key; empty for none.
    """

    authorities: str = ""
    certificate: str = ""

    @classmethod
    def of(cls, spec: Mapping[str, Any], folder: Path) -> Proof:
        """What a check's settings say; their paths are relative to the folder."""
        files = (str(folder / spec[key]) if spec.get(key) else "" for key in ("ca", "certificate"))
        return cls(*files)

    def context(self) -> ssl.SSLContext:
        """What a connection is encrypted with; certificate and host name of the other side are verified.

        Raises:
            ValueError: If one of the files cannot be read, or holds something else.
        """
        try:
            context = ssl.create_default_context(cafile=self.authorities or None)
        except OSError as error:
            raise ValueError(_unusable(self.authorities, "certificates of authorities", error)) from error
        if self.certificate:
            try:
                # A key that asks for its passphrase at the terminal would wait for ever.
                context.load_cert_chain(self.certificate, password=lambda: "")
            except (OSError, ValueError) as error:
                what = "a certificate with its private key, without a passphrase"
                raise ValueError(_unusable(self.certificate, what, error)) from error
        return context

    def without_us(self) -> Proof:
        """The same for a host that is not to know who we are."""
        return Proof(self.authorities)


NO_PROOF = Proof()


def told(error: ssl.SSLError) -> str:
    """What went wrong, as the end of a sentence."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if error.verify_code in _WRONG_NAME:
            return f"it is for another host ({error.verify_message})"
        plain = _UNTRUSTED.get(error.verify_code)
        return f"{plain} ({error.verify_message})" if plain else str(error.verify_message)
    if isinstance(error, ssl.SSLEOFError):
        return "it hung up in the middle of the encryption, as a server does that misses a client certificate"
    reason = str(error.reason or error)
    plain = next((words for name, words in _REFUSED.items() if name in reason), "")
    return plain or f"the encryption failed: {reason}"


def _unusable(file: str, what: str, error: Exception) -> str:
    why = error.strerror if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    return f"{file} does not hold {what}: {why or error}"
