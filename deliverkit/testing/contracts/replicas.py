"""What everything that keeps copies must do."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from deliverkit.domain.release import Release
from deliverkit.domain.replica import Proof
from deliverkit.engine.replication import Replicas
from deliverkit.errors import UsageError
from deliverkit.ports import ReleaseStore
from deliverkit.testing.contracts.releases import make, send

EUROPE, ASIA = "eu-west-1", "ap-southeast-1"


@dataclass
class Shelves:
    """A store, and copies of what is in it in two more regions."""

    releases: ReleaseStore
    replicas: Replicas

    def release(self, version: str, content: bytes | None = None) -> Release:
        """A release on record."""
        content = version.encode() if content is None else content
        return self.releases.record(make(send(self.releases, content), version, content))


class ReplicasContract:
    """Subclass it and give a fixture `shelves`: an empty store with places in two regions, for every test."""

    @pytest.fixture
    def shelves(self) -> Shelves:
        """An empty store."""
        raise NotImplementedError("the subclass gives the store")

    def test_a_copy_is_made_once_and_found_again(self, shelves: Shelves) -> None:
        """With the release's digest, its own object version and the same file name."""
        release = shelves.release("1.0")
        assert shelves.replicas.of(release) == ()
        copy = shelves.replicas.replicate(release, EUROPE)
        assert shelves.replicas.replicate(release, EUROPE) == copy
        assert shelves.replicas.of(release) == (copy,)
        assert (copy.region, copy.digest) == (EUROPE, release.digest)
        assert copy.bundle.key.rpartition("/")[2] == release.bundle.key.rpartition("/")[2]
        assert copy.bundle.bucket == shelves.replicas.places[EUROPE].bucket
        assert shelves.replicas.exists(copy)

    def test_each_region_has_a_copy_of_its_own(self, shelves: Shelves) -> None:
        """And releases of the same bytes share them."""
        first, second = shelves.release("1.0", b"same"), shelves.release("2.0", b"same")
        copies = {shelves.replicas.replicate(first, region) for region in (EUROPE, ASIA)}
        assert {copy.region for copy in copies} == {EUROPE, ASIA}
        assert set(shelves.replicas.of(second)) == copies

    def test_a_region_without_a_place_is_refused(self, shelves: Shelves) -> None:
        """Nobody said where to put it."""
        with pytest.raises(UsageError, match="us-gov-west-1"):
            shelves.replicas.replicate(shelves.release("1.0"), "us-gov-west-1")

    def test_a_copy_can_be_proven_by_reading_it(self, shelves: Shelves) -> None:
        """Whatever the store says of it; it stays the same copy."""
        release = shelves.release("1.0")
        made = shelves.replicas.replicate(release, EUROPE)
        read = shelves.replicas.replicate(release, EUROPE, is_read=True)
        assert (read.bundle, read.proof) == (made.bundle, Proof.CONTENT)
