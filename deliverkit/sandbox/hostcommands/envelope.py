"""Signed envelopes: a deployment specification as PKCS7 signed data, as host agents expect it.

The agent looks at no certificate authority; what it trusts is the endpoint. So a key of the sandbox's own will do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datetime import datetime

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.x509 import Certificate

FORMAT = "PKCS7/JSON"
KEY_BITS = 2048
LIFETIME = timedelta(days=365)


class Sealer:
    """Signs specifications with a key of its own, which is made at the first use.

    Args:
        now: Begin of the certificate's life.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now

    def seal(self, specification: Mapping[str, Any]) -> dict[str, str]:
        """The GenericEnvelope of GetDeploymentSpecification; the content travels inside the signature's structure."""
        from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415  (slow to import)
        from cryptography.hazmat.primitives.serialization import pkcs7  # noqa: PLC0415

        builder = pkcs7.PKCS7SignatureBuilder().set_data(json.dumps(specification).encode())
        builder = builder.add_signer(self._certificate, self._key, hashes.SHA256())
        signed = builder.sign(serialization.Encoding.PEM, [pkcs7.PKCS7Options.Binary])
        return {"Format": FORMAT, "Payload": signed.decode("ascii")}

    @cached_property
    def _key(self) -> RSAPrivateKey:
        from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: PLC0415

        return rsa.generate_private_key(public_exponent=65537, key_size=KEY_BITS)

    @cached_property
    def _certificate(self) -> Certificate:
        from cryptography import x509  # noqa: PLC0415
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415

        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "deliverkit sandbox, CodeDeploy commands")])
        builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self._key.public_key())
        builder = builder.serial_number(x509.random_serial_number())
        builder = builder.not_valid_before(self._now).not_valid_after(self._now + LIFETIME)
        return builder.sign(self._key, hashes.SHA256())
