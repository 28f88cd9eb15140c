"""What every `ReleaseStore` must do."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from deliverkit.domain.release import Release, SourceRevision
from deliverkit.errors import ConflictError, NotFoundError, UsageError
from deliverkit.ports import ReleaseStore, Upload
from deliverkit.testing.releases import ready_bundle

AT = datetime(2026, 1, 5, 9, 0, 0, 123456, tzinfo=UTC)


def send(releases: ReleaseStore, content: bytes = b"PK bundle") -> Upload:
    """Upload some bytes."""
    return releases.upload(ready_bundle(content))


def digest_of(content: bytes) -> str:
    """The digest that names the bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def make(upload: Upload, version: str, content: bytes = b"PK bundle", *, age: int = 0) -> Release:
    """A release of uploaded bytes, `age` minutes old."""
    source = SourceRevision(commit="a" * 40, tag="v1", branch="main", is_dirty=True)
    actor = "arn:aws:iam::123456789012:user/developer"
    created_at = AT - timedelta(minutes=age)
    digest = digest_of(content)
    return Release("storefront", version, digest, len(content), upload.revision, created_at, actor, source)


class ReleaseStoreContract:
    """Subclass it and give a fixture `releases`: an empty store for every test."""

    @pytest.fixture
    def releases(self) -> ReleaseStore:
        """An empty store."""
        raise NotImplementedError("the subclass gives the release store")

    def test_the_same_bytes_are_sent_once(self, releases: ReleaseStore) -> None:
        """The second upload finds the first one's object version."""
        first = send(releases)
        second = send(releases)
        assert (first.was_sent, second.was_sent) == (True, False)
        assert first.revision == second.revision

    def test_the_key_names_the_digest_and_the_format(self, releases: ReleaseStore) -> None:
        """So that whoever sees the object knows what it must be."""
        upload = send(releases, b"other")
        digits = ready_bundle(b"other").manifest_digest.removeprefix("sha256:")
        assert upload.revision.key.endswith(f"{digits}.zip")
        assert (upload.digest, upload.size) == (digest_of(b"other"), 5)
        assert upload.revision.version_id
        assert upload.revision.e_tag.strip('"') == upload.revision.e_tag != ""

    def test_the_manifest_is_kept_with_the_bundle(self, releases: ReleaseStore) -> None:
        """And found by its digest, whatever the bundle's."""
        bundle = ready_bundle(b"PK bundle")
        releases.upload(bundle)
        assert releases.manifest(bundle.manifest_digest) == bundle.manifest
        with pytest.raises(NotFoundError):
            releases.manifest(digest_of(b"something else"))

    def test_a_bundle_that_cannot_be_made_is_not_stored(self, releases: ReleaseStore) -> None:
        """What the packing raises comes through, and the next attempt begins anew."""
        whole = ready_bundle(b"PK bundle")

        def broken() -> Iterator[bytes]:
            yield b"PK"
            raise UsageError("app/main.py changed while it was being packed")

        with pytest.raises(UsageError, match="changed while"):
            releases.upload(replace(whole, chunks=broken))
        assert releases.upload(whole).was_sent

    def test_an_object_version_exists_or_not(self, releases: ReleaseStore) -> None:
        """The very version is asked for, not only the key."""
        revision = send(releases).revision
        assert releases.exists(revision)
        assert not releases.exists(replace(revision, key=revision.key + ".gone"))

    def test_a_recorded_release_is_read_as_it_was(self, releases: ReleaseStore) -> None:
        """Every field survives."""
        release = make(send(releases), "v1.2.3-4-gabc/ä")
        assert releases.record(release) == release
        assert releases.get(release.version) == release
        bare = replace(release, version="1.0", source=None)
        releases.record(bare)
        assert releases.get("1.0") == bare

    def test_recording_again_gives_the_recorded_one(self, releases: ReleaseStore) -> None:
        """The first packaging counts, with its time and author."""
        release = make(send(releases), "1.0")
        releases.record(release)
        later = replace(release, created_at=AT + timedelta(days=1), created_by="somebody else")
        assert releases.record(later) == release

    def test_a_version_names_one_digest_for_ever(self, releases: ReleaseStore) -> None:
        """The refusal names both, and the first stays."""
        first = make(send(releases), "1.0")
        releases.record(first)
        other = make(send(releases, b"other"), "1.0", b"other")
        with pytest.raises(ConflictError) as refusal:
            releases.record(other)
        for fact in ("1.0", first.short_digest, other.short_digest):
            assert fact in refusal.value.message
        assert refusal.value.hint
        assert releases.get("1.0") == first

    def test_an_unknown_version_names_the_nearest(self, releases: ReleaseStore) -> None:
        """A typo is answered with what was meant."""
        upload = send(releases)
        for version in ("1.2.3", "1.2.4", "9.9"):
            releases.record(make(upload, version))
        with pytest.raises(NotFoundError) as refusal:
            releases.get("1.2.33")
        assert "1.2.3" in refusal.value.message
        assert "9.9" not in refusal.value.message

    def test_releases_are_listed_newest_first(self, releases: ReleaseStore) -> None:
        """By age, not by name."""
        assert releases.list() == ()
        upload = send(releases)
        for version, age in (("b", 5), ("c", 1), ("a", 3)):
            releases.record(make(upload, version, age=age))
        assert [release.version for release in releases.list()] == ["c", "a", "b"]
