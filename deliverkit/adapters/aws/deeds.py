"""The note beside a bundle: which bytes an object version holds, proven once, so that nobody has to make them again.

Whoever may write to the bucket may write notes. So they save work only where nothing is signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from deliverkit.adapters.aws.bucket import Bucket
from deliverkit.adapters.aws.parts import encoded
from deliverkit.domain.ledger import canonical
from deliverkit.domain.release import Measured
from deliverkit.errors import ConflictError, IntegrityError

_HINT = "somebody wrote there by other means; find out who (CloudTrail), remove that object version and package again"


@dataclass(frozen=True, slots=True)
class Deed:
    """What is written down about a stored bundle.

    Attributes:
        digest: `sha256:` and 64 hexadecimal digits over its bytes.
        size: Its bytes.
        version_id: S3 version id of the object.
        e_tag: Its entity tag, without quotes.
        checksum: S3's ChecksumSHA256 of it: of one request the digest itself, of parts that of their digests.
    """

    digest: str
    size: int
    version_id: str
    e_tag: str
    checksum: str


class Deeds:
    """Reads and writes the note of one bundle, `<key>.json`."""

    def __init__(self, bucket: Bucket, key: str) -> None:
        """Take the bucket and the bundle's key."""
        self._bucket = bucket
        self._key = key

    def of(self, stored: Mapping[str, Any]) -> Deed | None:
        """The note, if it is about the very object that was found; else None.

        Args:
            stored: HeadObject's answer with the checksum.
        """
        document = self._bucket.get(self._own_key)
        deed = _decoded(document.body) if document else None
        is_about_it = deed is not None and (deed.size, deed.version_id, deed.e_tag, deed.checksum) == _facts(stored)
        return deed if deed is not None and is_about_it and _agrees(deed) else None

    def confirm(self, stored: Mapping[str, Any], found: Measured | None) -> Deed | None:
        """The note, by what was measured of the bytes when they were made before; None when that does not prove it."""
        if found is None or (found.size, True) != (int(stored["ContentLength"]), _is_told(found, _facts(stored)[3])):
            return None
        return self.record(stored, found)

    def record(self, stored: Mapping[str, Any], found: Measured) -> Deed:
        """Prove by S3's checksum that an object holds the bytes that were made, and write it down.

        Args:
            stored: HeadObject's answer with the checksum.
            found: What the bytes gave when they were made.

        Raises:
            IntegrityError: If it does not, or S3 keeps no SHA-256 of it; nothing is written.
        """
        size, version_id, e_tag, checksum = _facts(stored)
        uri = self._bucket.uri(self._key)
        if size != found.size:
            raise IntegrityError(f"{uri} has {size} bytes, the bundle of its name {found.size}", hint=_HINT)
        if not checksum:
            raise IntegrityError(f"{uri} has no SHA-256 checksum that would tell what it holds", hint=_HINT)
        if not _is_told(found, checksum):
            raise IntegrityError(
                f"the bytes of {uri} are not those of its name: its checksum is {checksum}, not {found.checksum}",
                hint=_HINT,
            )
        deed = Deed(found.digest, size, version_id, e_tag, checksum)
        self._write(deed)
        return deed

    @property
    def _own_key(self) -> str:
        return f"{self._key}.json"

    def _write(self, deed: Deed) -> None:
        body = canonical(msgspec.to_builtins(deed))
        present = self._bucket.get(self._own_key)
        if present is not None and present.body == body:
            return
        try:
            self._bucket.put(self._own_key, body, replacing=present)
        except ConflictError:
            # Another builder was first; whatever it wrote, what we return was proven just now.
            return


def _facts(stored: Mapping[str, Any]) -> tuple[int, str, str, str]:
    return (
        int(stored["ContentLength"]),
        str(stored.get("VersionId", "")),
        str(stored["ETag"]).strip('"'),
        str(stored.get("ChecksumSHA256", "")),
    )


def _is_told(found: Measured, checksum: str) -> bool:
    """True when S3 computed a checksum over these very bytes, stored in parts like ours or in one request."""
    return checksum in {found.checksum, _checksum(found.digest)}


def _agrees(deed: Deed) -> bool:
    """False when S3's checksum over all bytes contradicts the digest; one over parts (`...-N`) tells nothing of it."""
    return "-" in deed.checksum or deed.checksum == _checksum(deed.digest)


def _checksum(digest: str) -> str:
    try:
        return encoded(bytes.fromhex(digest.removeprefix("sha256:")))
    except ValueError:
        return ""  # the note holds no digest


def _decoded(body: bytes) -> Deed | None:
    try:
        return msgspec.json.decode(body, type=Deed)
    except msgspec.DecodeError:
        return None  # as good as none: it is proven and written anew
