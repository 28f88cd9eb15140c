"""Signed statements: DSSE envelopes made and opened through securesystemslib, whatever holds the private key."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from deliverkit.attestation_ports import Signer
from deliverkit.errors import IntegrityError, UsageError
from deliverkit.packaging.provenance import PAYLOAD_TYPE
from deliverkit.packaging.signing_faults import envelope_fault, key_fault

if TYPE_CHECKING:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

ENVELOPE_LIMIT = 1 << 20
"""Bytes of an envelope that is read; ours have a few thousand."""
_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class Opened:
    """A statement out of its envelope.

    Attributes:
        payload: The statement's bytes.
        keys: Ids of the given keys that have signed it, sorted; empty when none of them has.
        signers: Ids of all keys that claim to have signed it, sorted.
    """

    payload: bytes
    keys: tuple[str, ...]
    signers: tuple[str, ...]


def seal(statement: bytes, signer: Signer | None) -> bytes:
    """The statement in a DSSE envelope, with one signature, or with none when there is no signer.

    Raises:
        UsageError: If the signer's key is of a kind that nobody could verify.
    """
    from securesystemslib.dsse import Envelope  # noqa: PLC0415  (0.5 s with cryptography; only what signs pays)

    envelope = Envelope(statement, PAYLOAD_TYPE, {})
    if signer is not None:
        envelope.sign(_adapted(signer))
    document = envelope.to_dict()
    return f"{json.dumps(document, sort_keys=True, separators=(',', ':'))}\n".encode()


def unseal(content: bytes, keys: Sequence[str], *, name: str = "this") -> Opened:
    """Open an envelope and say which of the keys have signed it.

    Args:
        content: The envelope.
        keys: Public keys in PEM.
        name: Where the envelope came from, for the refusal.

    Raises:
        IntegrityError: If it is no DSSE envelope of an in-toto statement.
        UsageError: If one of the keys is no public key that can be used.
    """
    envelope = _parsed(content, name)
    known = {key.keyid: key for key in map(_public_key, keys)}
    holding = [key_id for key_id, key in known.items() if _has_signed(envelope, key)]
    return Opened(envelope.payload, tuple(sorted(holding)), tuple(sorted(envelope.signatures)))


def key_id_of(public_key: str, *, name: str = "this") -> str:
    """Identifies a public key: the SHA-256 of its canonical JSON, as The Update Framework and in-toto have it.

    Args:
        public_key: The key in PEM.
        name: Where it came from, for the refusal.

    Raises:
        UsageError: If it is no public key that can be used.
    """
    return str(_public_key(public_key, name).keyid)


def _parsed(content: bytes, name: str) -> Envelope:
    from securesystemslib.dsse import Envelope  # noqa: PLC0415
    from securesystemslib.exceptions import FormatError  # noqa: PLC0415

    if len(content) > ENVELOPE_LIMIT:
        raise _not_an_envelope(name, f"it has more than {ENVELOPE_LIMIT} bytes")
    try:
        envelope = Envelope.from_dict(json.loads(content))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, FormatError) as error:
        raise _not_an_envelope(name, envelope_fault(content)) from error
    if envelope.payload_type != PAYLOAD_TYPE:
        raise _not_an_envelope(name, f"its payload is {envelope.payload_type!r}, not {PAYLOAD_TYPE!r}")
    return envelope


def _not_an_envelope(name: str, reason: str) -> IntegrityError:
    return IntegrityError(
        f"{name} is not a DSSE envelope with an in-toto statement: {reason}",
        hint="give the envelope that lies beside the bundle in the release store (attestations/)",
    )


def _has_signed(envelope: Envelope, key: SSlibKey) -> bool:
    from securesystemslib.exceptions import VerificationError  # noqa: PLC0415

    try:
        envelope.verify([key], 1)
    except VerificationError:
        return False
    return True


def _public_key(pem: str, name: str = "this") -> SSlibKey:
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
    from cryptography.hazmat.primitives.serialization import load_pem_public_key  # noqa: PLC0415
    from securesystemslib.signer import SSlibKey  # noqa: PLC0415

    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        reason, advice = key_fault(pem)
        raise _unusable(name, reason, advice) from error
    try:
        found = SSlibKey.from_crypto(key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _unusable(name, f"its kind is {type(key).__name__.lstrip('_')}") from error
    if found.keytype == "rsa" and getattr(key, "key_size", 0) < _RSA_BITS:
        raise _unusable(name, f"RSA with {getattr(key, 'key_size', 0)} bits")
    return found


def _unusable(name: str, reason: str, advice: str = "") -> UsageError:
    usual = "Ed25519, ECDSA on P-256 or P-384, and RSA from 2048 bits are, in PEM; deliverkit release key FILE"
    return UsageError(
        f"{name} is not a public key that signatures can be verified with: {reason}", hint=advice or usual
    )


def _adapted(signer: Signer) -> Any:
    """A signer of ours as one of the library's."""
    from securesystemslib import signer as library  # noqa: PLC0415

    key = _public_key(signer.public_key())

    class Adapted(library.Signer):
        @property
        def public_key(self) -> SSlibKey:
            return key

        @classmethod
        def from_priv_key_uri(cls, *_arguments: Any, **_options: Any) -> Any:
            raise NotImplementedError("signers of ours come from the configuration, not from a library's URI")

        def sign(self, payload: bytes) -> library.Signature:
            return library.Signature(key.keyid, signer.sign(payload).hex())

    return Adapted()
