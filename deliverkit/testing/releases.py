"""Releases in memory."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from deliverkit.adapters.release_records import newest_first, removal_not_ended, settled, unknown_version
from deliverkit.attestation_ports import Measurements
from deliverkit.domain.release import BundleFormat, BundleRevision, Release
from deliverkit.domain.strays import Stray, StrayKind
from deliverkit.errors import NotFoundError
from deliverkit.ports import PreparedBundle, Upload, UploadListener

BUCKET = "memory"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


class MemoryReleases:
    """A `ReleaseStore` that keeps bundles and records in memory; also removes them (`engine.pruning.ReleaseRemover`).

    Attributes:
        locks: Why bundles cannot be removed, by the release's version, or by a stray's key.
        stored_at: When bundles were stored, by their keys; long ago by default.
        without_digest: Keys of bundles of which nothing tells the digest.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.locks: dict[str, str] = {}
        self.stored_at: dict[str, datetime] = {}
        self.without_digest: set[str] = set()
        self._begun: dict[str, Release] = {}
        self._bundles: dict[BundleRevision, bytes] = {}
        self._manifests: dict[str, bytes] = {}
        self._records: dict[str, Release] = {}
        self._lock = threading.Lock()

    def upload(
        self, bundle: PreparedBundle, *, listener: UploadListener | None = None, measured: Measurements | None = None
    ) -> Upload:
        """Keep a bundle's bytes under its manifest's digest."""
        digits = bundle.manifest_digest.removeprefix("sha256:")
        with self._lock:
            self._manifests[bundle.manifest_digest] = bundle.manifest
            present = next((each for each in self._bundles if digits in each.key), None)
        content = b"".join(bundle.chunks()) if present is None else self._bundles[present]
        if listener is not None:
            listener(len(content), bundle.size_limit)
        e_tag = hashlib.md5(content, usedforsecurity=False).hexdigest()
        revision = BundleRevision(BUCKET, f"bundles/{digits}.{bundle.format}", "1", e_tag, bundle.format)
        with self._lock:
            self._bundles[revision] = content
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        return Upload(revision, digest, len(content), was_sent=present is None)

    def manifest(self, digest: str) -> bytes:
        """The manifest's document with that digest.

        Raises:
            NotFoundError: If there is none.
        """
        with self._lock:
            if digest not in self._manifests:
                raise NotFoundError(f"there is no manifest {digest}", hint="deliverkit package")
            return self._manifests[digest]

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

    def newest(self) -> Iterator[Release]:
        """The same, one after the other."""
        return iter(self.list())

    # --- removing ----------------------------------------------------------------------------------

    def begun(self) -> tuple[Release, ...]:
        """Releases whose removal was begun and not ended."""
        with self._lock:
            return tuple(self._begun.values())

    def locked_until(self, release: Release) -> str:
        """Why the bundle cannot be removed; empty when it can."""
        return self.locks.get(release.version, "")

    def is_shared(self, release: Release) -> bool:
        """True when another record names the same bundle."""
        with self._lock:
            return any(each.bundle == release.bundle for each in self._records.values() if each != release)

    def remove(self, release: Release, *, by: str, at: datetime, keep: Callable[[], None] = lambda: None) -> int:
        """Remove the record, and what no other record needs; `keep` is called before each.

        Raises:
            ConflictError: If the removal of an older release of this version was begun and not ended.
        """
        with self._lock:
            if self._begun.setdefault(release.version, release) != release:
                raise removal_not_ended(release)
        keep()
        with self._lock:
            if self._records.get(release.version) == release:
                del self._records[release.version]
        keep()
        with self._lock:
            others = self._records.values()
            if any(each.bundle == release.bundle for each in others):
                return 1
        keep()
        with self._lock:
            self._manifests.pop(release.manifest, None)
            return 1 + (self._bundles.pop(release.bundle, None) is not None)

    def settle(self, release: Release) -> None:
        """Forget that the removal was begun."""
        with self._lock:
            if self._begun.get(release.version) == release:
                del self._begun[release.version]

    def found(self) -> tuple[Stray, ...]:
        """All bundles; uploads in memory end or fail."""
        with self._lock:
            bundles = tuple(self._bundles.items())
        return tuple(
            Stray(StrayKind.BUNDLE, revision.key, len(content), self.stored_at.get(revision.key, LONG_AGO))
            for revision, content in bundles
        )

    def digest_of(self, stray: Stray) -> str:
        """What the bytes of a bundle have; empty for those in `without_digest`."""
        with self._lock:
            content = next((kept for revision, kept in self._bundles.items() if revision.key == stray.key), None)
        is_told = content is not None and stray.key not in self.without_digest
        return f"sha256:{hashlib.sha256(content).hexdigest()}" if content is not None and is_told else ""

    def stray_locked_until(self, stray: Stray) -> str:
        """Why the bundle cannot be removed; empty when it can."""
        return self.locks.get(stray.key, "")

    def remove_stray(self, stray: Stray) -> int:
        """Remove a bundle."""
        with self._lock:
            gone = [revision for revision in self._bundles if revision.key == stray.key]
            for revision in gone:
                del self._bundles[revision]
            return len(gone)


def ready_bundle(content: bytes, *, format: BundleFormat = BundleFormat.ZIP) -> PreparedBundle:  # noqa: A002
    """A bundle of given bytes, for tests that care for no archive; other bytes have another manifest."""
    manifest = f"{format} of {hashlib.sha256(content).hexdigest()}\n".encode()
    return described_bundle(manifest, format, len(content), lambda: iter((content,)))


def described_bundle(
    manifest: bytes,
    format: BundleFormat,  # noqa: A002
    size_limit: int,
    chunks: Callable[[], Iterator[bytes]],
) -> PreparedBundle:
    """A bundle with a manifest that is whatever it is; nobody in between looks into it."""
    return PreparedBundle(
        manifest_digest=f"sha256:{hashlib.sha256(manifest).hexdigest()}",
        manifest_size=len(manifest),
        manifest_pieces=lambda: iter((manifest,)),
        format=format,
        size_limit=size_limit,
        chunks=chunks,
    )
