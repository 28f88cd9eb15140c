"""Asymmetric keys in KMS: they sign there, and what they signed is verified here with their public key.

Only the message's digest is sent (KMS API reference, Sign: a RAW message has at most 4,096 bytes), and verifying needs
nothing but `kms:GetPublicKey`.
"""

from __future__ import annotations

import base64
import hashlib
import textwrap
from collections.abc import Mapping
from typing import Any

from deliverkit.adapters.aws.errors import code_of, translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.errors import NotFoundError, UsageError

SCHEME = "kms://"
# The hash that goes with each algorithm, in the order of preference. A key offers those of its kind alone.
_ALGORITHMS: Mapping[str, str] = {
    "ECDSA_SHA_256": "sha256",
    "ECDSA_SHA_384": "sha384",
    "RSASSA_PSS_SHA_256": "sha256",
}
# An ECDSA key on secp256k1 offers ECDSA_SHA_256 too, but nothing that verifies envelopes takes that curve.
_SPECS = frozenset({"ECC_NIST_P256", "ECC_NIST_P384", "RSA_2048", "RSA_3072", "RSA_4096"})


class KmsKey:
    """Implements `attestation_ports.Signer` with one KMS key; it is asked for its public key once."""

    def __init__(self, aws: Aws, key: str) -> None:
        """Take the key; nothing is asked yet.

        Args:
            aws: Gives the KMS client.
            key: `kms://alias/NAME`, `kms://KEY-ID`, or an ARN with or without `kms://` before it. An ARN names the
                region, all others are in the region in use.
        """
        self._aws = aws
        self._key_id = key.removeprefix(SCHEME)
        self._described: Mapping[str, Any] | None = None

    @property
    def name(self) -> str:
        """Where it is."""
        return f"{SCHEME}{self._key_id}"

    def public_key(self) -> str:
        """The public key in PEM.

        Raises:
            UsageError: If there is no such key, or it is not one of the kinds that sign.
            ConflictError: If it is disabled or about to be deleted.
            UnreachableError: If KMS does not answer or denies `kms:GetPublicKey`.
        """
        content = base64.b64encode(self._describe()["PublicKey"]).decode()
        lines = "\n".join(textwrap.wrap(content, 64))
        return f"-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n"

    def sign(self, message: bytes) -> bytes:
        """The signature over a message.

        Raises:
            UsageError: If there is no such key, or it is not one of the kinds that sign.
            ConflictError: If it is disabled or about to be deleted.
            UnreachableError: If KMS does not answer or denies `kms:Sign`.
        """
        algorithm = self._algorithm()
        digest = hashlib.new(_ALGORITHMS[algorithm], message).digest()
        answer = self._ask("signing with", "sign", Message=digest, MessageType="DIGEST", SigningAlgorithm=algorithm)
        return bytes(answer["Signature"])

    def _algorithm(self) -> str:
        described = self._describe()
        offered = described.get("SigningAlgorithms") or ()
        found = next((each for each in _ALGORITHMS if each in offered), None)
        if found is None or described.get("KeySpec") not in _SPECS:
            kind = f"{described.get('KeySpec')} for {described.get('KeyUsage')}"
            raise UsageError(f"{self.name} is a key of kind {kind}: it cannot sign releases", hint=_create_hint())
        return found

    def _describe(self) -> Mapping[str, Any]:
        if self._described is None:
            self._described = self._ask("reading the public key of", "get_public_key")
        return self._described

    def _ask(self, doing: str, operation: str, **parameters: Any) -> Mapping[str, Any]:
        region = self._key_id.split(":")[3] if self._key_id.startswith("arn:") else None
        try:
            with translated(f"{doing} {self.name}"):
                client = self._aws.client("kms", region)
                answer: Mapping[str, Any] = getattr(client, operation)(KeyId=self._key_id, **parameters)
        except NotFoundError as error:
            raise UsageError(error.message, hint=f"{_create_hint()}, or correct the key's name") from error
        except UsageError as error:
            if code_of(error) in {"UnsupportedOperationException", "InvalidKeyUsageException"}:
                raise UsageError(f"{self.name} is no key for signatures: {error.message}", hint=_create_hint()) from (
                    error
                )
            raise
        return answer


def _create_hint() -> str:
    return "aws kms create-key --key-spec ECC_NIST_P256 --key-usage SIGN_VERIFY makes one that can"
