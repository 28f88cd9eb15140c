"""Keys in PEM files: a private key that signs, the public key beside it, and how a new pair is made."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deliverkit.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PASSPHRASE = "DELIVERKIT_KEY_PASSPHRASE"  # noqa: S105 - the variable's name
"""Environment variable with the passphrase of an encrypted private key."""
_LIMIT = 64 * 1024
"""Bytes of a PEM file; a key of RSA-4096 has 3,000."""


class PublicKeyFile:
    """Implements `attestation_ports.PublicKey` with a PEM file."""

    def __init__(self, path: Path, *, name: str = "") -> None:
        """Take the file; nothing is read yet."""
        self._path = path
        self._name = name or f"file:{path}"

    @property
    def name(self) -> str:
        """Where it is."""
        return self._name

    def public_key(self) -> str:
        """The file's text.

        Raises:
            UsageError: If it cannot be read, or holds a private key.
        """
        content = _read(self._path)
        if b"PRIVATE KEY" in content:
            raise UsageError(
                f"{self._path} holds a private key, and only public keys are needed to verify",
                hint=f"openssl pkey -in {self._path} -pubout -out {self._path}.pub",
            )
        return content.decode("ascii", "replace")


class KeyFile:
    """Implements `attestation_ports.Signer` with a private key in a PEM file."""

    def __init__(self, path: Path, *, passphrase: str | None = None, name: str = "") -> None:
        """Take the file and what opens it; nothing is read yet."""
        self._path = path
        self._passphrase = passphrase
        self._name = name or f"file:{path}"

    @property
    def name(self) -> str:
        """Where it is."""
        return self._name

    def public_key(self) -> str:
        """The public key that belongs to the private one.

        Raises:
            UsageError: If there is no private key in the file, or its passphrase is missing or wrong.
        """
        return _public_pem(self._private_key())

    def sign(self, message: bytes) -> bytes:
        """The signature over a message.

        Raises:
            UsageError: If there is no private key in the file, or its passphrase is missing or wrong.
        """
        from securesystemslib.signer import CryptoSigner  # noqa: PLC0415  (0.3 s that only what signs pays)

        try:
            signer = CryptoSigner(self._private_key())
        except ValueError as error:
            raise UsageError(f"{self._path} cannot sign: {error}", hint="deliverkit release key FILE") from error
        return bytes.fromhex(signer.sign(message).signature)

    def _private_key(self) -> Any:
        from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415
        from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415

        content = _read(self._path)
        passphrase = self._passphrase.encode() if self._passphrase and b"ENCRYPTED" in content else None
        try:
            return load_pem_private_key(content, passphrase)
        except TypeError as error:
            raise UsageError(
                f"the private key {self._path} is encrypted, and there is no passphrase", hint=f"export {PASSPHRASE}"
            ) from error
        except (ValueError, UnsupportedAlgorithm) as error:
            wrong = f"; is {PASSPHRASE} right?" if passphrase else ""
            # The library's own words may quote the content; a secret must not get into a log.
            raise UsageError(
                f"{self._path} cannot be read as a private key in PEM{wrong}", hint="deliverkit release key FILE"
            ) from error


def write_pair(path: Path, *, passphrase: str | None) -> tuple[Path, Path]:
    """Make an Ed25519 key pair: the private key at the path, readable by its owner only, the public one in `PATH.pub`.

    Raises:
        ConflictError: If one of the files is there; nothing is ever overwritten.
        UsageError: If they cannot be written; none is left behind.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    key = Ed25519PrivateKey.generate()
    public = path.with_name(f"{path.name}.pub")
    _write(public, _public_pem(key).encode(), mode=0o644)
    try:
        _write(path, _private_pem(key, passphrase), mode=0o600)
    except BaseException:
        public.unlink()
        raise
    return path, public


def _public_pem(key: Any) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat  # noqa: PLC0415

    content: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return content.decode()


def _private_pem(key: Ed25519PrivateKey, passphrase: str | None) -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415

    locked: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if passphrase:
        locked = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


def _write(path: Path, content: bytes, *, mode: int) -> None:
    """Make a file with this content, or none at all."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        raise ConflictError(f"{path} is there already, and keys are never overwritten", hint="name another file") from (
            error
        )
    except OSError as error:
        raise _unwritable(path, error) from error
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor has no path
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException as error:
        path.unlink()  # half a key is none, and would be in the way of the next try
        if isinstance(error, OSError):
            raise _unwritable(path, error) from error
        raise


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path} cannot be written: {error.strerror}", hint="name a file that you may write")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"the key {path} cannot be read: {error.strerror}", hint="deliverkit release key FILE") from (
            error
        )
    if len(content) > _LIMIT:
        raise UsageError(f"{path} is too large to be a key in PEM")
    return content
