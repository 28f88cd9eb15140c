"""What everything that removes releases must do."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import pytest

from deliverkit.domain.release import Release
from deliverkit.engine.pruning import ReleaseRemover
from deliverkit.errors import ConflictError, LockedError, NotFoundError
from deliverkit.ports import ReleaseStore
from deliverkit.testing.contracts.releases import AT, digest_of, make, send
from deliverkit.testing.releases import ready_bundle

BY = "arn:aws:iam::123456789012:user/operator"


@dataclass
class Shelf:
    """A store with what removes from it."""

    releases: ReleaseStore
    remover: ReleaseRemover

    def release(self, version: str, content: bytes | None = None) -> Release:
        """A release on record."""
        content = version.encode() if content is None else content
        release = make(send(self.releases, content), version, content)
        return self.releases.record(release)

    def remove(self, release: Release) -> int:
        """Remove a release."""
        return self.remover.remove(release, by=BY, at=AT + timedelta(days=1), keep=lambda: None)


class RemoverContract:
    """Subclass it and give a fixture `shelf`: an empty store and its remover for every test."""

    @pytest.fixture
    def shelf(self) -> Shelf:
        """An empty store."""
        raise NotImplementedError("the subclass gives the store")

    def test_a_removed_release_is_gone_with_its_bundle(self, shelf: Shelf) -> None:
        """It is not listed, cannot be asked for, and its bytes are not there."""
        release, other = shelf.release("1.0"), shelf.release("2.0")
        assert shelf.remove(release) >= 2
        assert shelf.releases.list() == (other,)
        with pytest.raises(NotFoundError):
            shelf.releases.get("1.0")
        assert not shelf.releases.exists(release.bundle)
        assert shelf.releases.exists(other.bundle)

    def test_a_bundle_stays_while_another_release_needs_it(self, shelf: Shelf) -> None:
        """Only the record goes; with the last one the bundle goes too."""
        first, second = shelf.release("1.0", b"the same"), shelf.release("2.0", b"the same")
        assert shelf.remover.is_shared(first)
        shelf.remove(first)
        assert not shelf.remover.is_shared(second)
        assert shelf.releases.exists(second.bundle)
        assert shelf.releases.manifest(ready_bundle(b"the same").manifest_digest)
        shelf.remove(second)
        assert not shelf.releases.exists(second.bundle)

    def test_what_was_begun_is_known_until_it_is_settled(self, shelf: Shelf) -> None:
        """So that another process can end it; ending it again does no harm."""
        release = shelf.release("1.0")
        assert shelf.remover.begun() == ()
        shelf.remove(release)
        assert shelf.remover.begun() == (release,)
        shelf.remove(release)
        assert shelf.remover.begun() == (release,)
        shelf.remover.settle(release)
        assert shelf.remover.begun() == ()
        shelf.remover.settle(release)

    def test_a_version_that_was_packaged_anew_is_not_removed_for_the_old_one(self, shelf: Shelf) -> None:
        """The removal of what had the name before concerns only that."""
        old = shelf.release("1.0", b"old")
        shelf.remove(old)
        new = shelf.release("1.0", b"new")
        shelf.remove(old)
        assert shelf.releases.get("1.0") == new
        assert shelf.releases.exists(new.bundle)

    def test_a_removal_that_was_begun_is_not_forgotten_for_a_newer_one(self, shelf: Shelf) -> None:
        """Of two releases that had the same version after each other, the older one's removal ends first."""
        old = shelf.release("1.0", b"old")
        shelf.remove(old)
        new = shelf.release("1.0", b"new")
        with pytest.raises(ConflictError, match="older"):
            shelf.remove(new)
        assert shelf.releases.get("1.0") == new
        assert shelf.releases.exists(new.bundle)
        shelf.remover.settle(new)
        assert shelf.remover.begun() == (old,)
        shelf.remover.settle(old)
        shelf.remove(new)
        assert shelf.remover.begun() == (new,)

    def test_whoever_lost_the_lease_meanwhile_stops_before_the_bundle(self, shelf: Shelf) -> None:
        """What was begun is on record, and goes on with the next."""
        release = shelf.release("1.0")

        def lost() -> None:
            if release not in shelf.releases.list():
                raise LockedError("the lease ran out while the record was removed")

        with pytest.raises(LockedError):
            shelf.remover.remove(release, by=BY, at=AT, keep=lost)
        assert shelf.releases.exists(release.bundle)
        assert shelf.remover.begun() == (release,)
        shelf.remove(release)
        assert not shelf.releases.exists(release.bundle)

    def test_nothing_is_locked_by_itself(self, shelf: Shelf) -> None:
        """Only where somebody asked for it."""
        assert shelf.remover.locked_until(shelf.release("1.0")) == ""

    def test_the_same_bytes_can_be_packaged_again(self, shelf: Shelf) -> None:
        """A removed release leaves nothing in the way."""
        shelf.remove(shelf.release("1.0", b"bytes"))
        again = shelf.release("1.1", b"bytes")
        assert again.digest == digest_of(b"bytes")
        assert shelf.releases.exists(again.bundle)
