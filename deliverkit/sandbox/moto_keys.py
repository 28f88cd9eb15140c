"""moto's KMS signs what it is given: digests as digests, and nothing with keys that are disabled or about to go.

moto hashes a digest once more, so that nobody outside can verify its signature, and heeds no key's state (KMS API
reference, Sign and Verify; KMS developer guide, "Key states of KMS keys").
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

from deliverkit.sandbox.moto_hooks import replace

_RAW_LIMIT = 4096
"""KMS API reference, Sign: the most bytes of a RAW message."""


def heed_states_and_digests(responses: Any) -> None:
    """Mend `moto.kms.responses`."""
    replace(responses.KmsResponse, "sign", _signing)
    replace(responses.KmsResponse, "verify", _verifying)
    replace(responses.KmsResponse, "get_public_key", _telling)


def take_policies_of_stacks(models: Any) -> None:
    """Mend `moto.kms.models`: stacks give a key's policy as a mapping, over which moto's DescribeKey would stumble."""

    def instead_of(create: Any) -> Callable[..., Any]:
        def mended(backend: Any, policy: Any, *others: Any, **named: Any) -> Any:
            return create(backend, json.dumps(policy) if isinstance(policy, dict) else policy, *others, **named)

        return mended

    replace(models.KmsBackend, "create_key", instead_of)


def _signing(of_moto: Any) -> Callable[[Any], str]:
    def mended(response: Any) -> str:
        key = _usable_key(response)
        answer = json.loads(of_moto(response))
        signed = _Message(response)
        answer["Signature"] = base64.b64encode(signed.sign(key)).decode()
        return json.dumps(answer)

    return mended


def _verifying(of_moto: Any) -> Callable[[Any], str]:
    def mended(response: Any) -> str:
        key = _usable_key(response)
        answer = json.loads(of_moto(response))
        if not _Message(response).is_signed(key, _signature(response)):
            raise _refusal("KMSInvalidSignatureException", "")
        return json.dumps({**answer, "SignatureValid": True})

    return mended


def _telling(of_moto: Any) -> Callable[[Any], str]:
    def mended(response: Any) -> str:
        key = _usable_key(response)
        if key.key_usage == "ENCRYPT_DECRYPT" and key.key_spec == "SYMMETRIC_DEFAULT":
            raise _refusal("UnsupportedOperationException", f"{key.arn} is not an asymmetric key.")
        # The KeyId of the answer is the key's ARN (KMS API reference, GetPublicKey).
        return json.dumps({**json.loads(of_moto(response)), "KeyId": key.arn, "KeySpec": key.key_spec})

    return mended


def _usable_key(response: Any) -> Any:
    key_id = response._get_param("KeyId")  # noqa: SLF001  (moto's own way to the parameters)
    response._validate_key_id(key_id)  # noqa: SLF001
    key = response.kms_backend.describe_key(key_id)
    if key.key_state == "Disabled":
        raise _refusal("DisabledException", f"{key.arn} is disabled.")
    if key.key_state != "Enabled":
        raise _refusal("KMSInvalidStateException", f"{key.arn} is pending deletion.")
    return key


def _signature(response: Any) -> bytes:
    given = response._get_param("Signature")  # noqa: SLF001
    return given if isinstance(given, bytes) else base64.b64decode(given)


def _refusal(code: str, message: str) -> Exception:
    from moto.core.exceptions import JsonRESTError  # noqa: PLC0415  (loaded with moto's KMS)

    refusal: Exception = JsonRESTError(code, message)
    return refusal


class _Message:
    """What is to be signed, and how."""

    def __init__(self, response: Any) -> None:
        from cryptography.hazmat.primitives import hashes  # noqa: PLC0415  (moto's KMS has loaded it)
        from cryptography.hazmat.primitives.asymmetric.utils import Prehashed  # noqa: PLC0415

        given = response._get_param("Message")  # noqa: SLF001
        self._content = given if isinstance(given, bytes) else str(given).encode()
        self._algorithm = str(response._get_param("SigningAlgorithm"))  # noqa: SLF001
        self._hash: Any = getattr(hashes, f"SHA{self._algorithm.rpartition('_')[2]}")()
        self._how: Any = self._hash
        if response._get_param("MessageType") == "DIGEST":  # noqa: SLF001
            if len(self._content) != self._hash.digest_size:
                raise _refusal("ValidationException", "Digest is invalid length for algorithm " + self._algorithm + ".")
            self._how = Prehashed(self._hash)
        elif len(self._content) > _RAW_LIMIT:
            raise _refusal(
                "ValidationException",
                "1 validation error detected: Value at 'message' failed to satisfy constraint: "
                f"Member must have length less than or equal to {_RAW_LIMIT}",
            )

    def sign(self, key: Any) -> bytes:
        """The signature of a key of moto's."""
        signature: bytes = key.private_key.private_key.sign(self._content, *self._scheme())
        return signature

    def is_signed(self, key: Any, signature: bytes) -> bool:
        """Whether the signature is one of the key's."""
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415

        try:
            key.private_key.private_key.public_key().verify(signature, self._content, *self._scheme())
        except InvalidSignature:
            return False
        return True

    def _scheme(self) -> tuple[Any, ...]:
        from cryptography.hazmat.primitives.asymmetric import ec, padding  # noqa: PLC0415

        if self._algorithm.startswith("ECDSA"):
            return (ec.ECDSA(self._how),)
        if "PKCS1" in self._algorithm:
            return padding.PKCS1v15(), self._how
        # The salt is as long as the digest (KMS developer guide, "Asymmetric key specs").
        return padding.PSS(mgf=padding.MGF1(self._hash), salt_length=padding.PSS.DIGEST_LENGTH), self._how
