"""Releases in memory."""

from __future__ import annotations

import hashlib
import threading
from pathlib import Path

from deliverkit.adapters.release_records import newest_first, settled, unknown_version
from deliverkit.domain.release import BundleFormat, BundleRevision, Release
from deliverkit.errors import IntegrityError
from deliverkit.ports import Upload

BUCKET = "memory"


class MemoryReleases:
    """A `ReleaseStore` that keeps bundles and records in memory."""

    def __init__(self) -> None:
        """Begin empty."""
        self._bundles: dict[BundleRevision, bytes] = {}
        self._records: dict[str, Release] = {}
        self._lock = threading.Lock()

    def upload(self, bundle: Path, *, digest: str, format: BundleFormat) -> Upload:  # noqa: A002
        """Keep a bundle's bytes under their digest.

        Raises:
            IntegrityError: If the bytes are not what the digest says.
        """
        content = bundle.read_bytes()
        if digest != "sha256:" + hashlib.sha256(content).hexdigest():
            raise IntegrityError(f"{bundle} is not {digest}", hint="deliverkit package")
        key = f"bundles/sha256/{digest.removeprefix('sha256:')}.{format}"
        e_tag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        revision = BundleRevision(BUCKET, key, "1", e_tag, format)
        with self._lock:
            was_sent = revision not in self._bundles
            self._bundles[revision] = content
        return Upload(revision, was_sent)

    def exists(self, revision: BundleRevision) -> bool:
        """True when that very object version can still be read."""
        with self._lock:
            return revision in self._bundles

    def forget(self, revision: BundleRevision) -> None:
        """Lose a bundle, as a careless lifecycle rule would."""
        with self._lock:
            self._bundles.pop(revision, None)

    def record(self, release: Release) -> Release:
        """Record a release; recording the same version and digest again gives the recorded one.

        Raises:
            ConflictError: If the version already names another digest.
        """
        with self._lock:
            return settled(self._records.setdefault(release.version, release), release)

    def get(self, version: str) -> Release:
        """The release of a version.

        Raises:
            NotFoundError: If there is none.
        """
        with self._lock:
            if version not in self._records:
                raise unknown_version(version, self._records)
            return self._records[version]

    def list(self) -> tuple[Release, ...]:
        """All releases, the newest first."""
        with self._lock:
            return newest_first(self._records.values())
