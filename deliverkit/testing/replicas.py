"""Copies of bundles in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from deliverkit.domain.release import BundleRevision, Release
from deliverkit.domain.release_rules import ReplicaPlace
from deliverkit.domain.replica import Proof, Replica
from deliverkit.errors import IntegrityError, NotFoundError, UsageError
from deliverkit.ports import Clock
from deliverkit.testing.clock import FakeClock
from deliverkit.testing.identity import DEVELOPER


class MemoryReplicas:
    """Implements `engine.replication.Replicas`.

    Attributes:
        places: Where copies are kept, by region.
        home: Region of the store; empty for unknown.
    """

    def __init__(
        self, places: Mapping[str, ReplicaPlace] | None = None, *, home: str = "", clock: Clock | None = None
    ) -> None:
        """Begin without copies."""
        self.places: Mapping[str, ReplicaPlace] = places or {}
        self.home = home
        self._clock = clock or FakeClock()
        self._copies: dict[tuple[str, str], Replica] = {}
        self._gone: set[BundleRevision] = set()
        self._forged: set[BundleRevision] = set()

    def of(self, release: Release) -> tuple[Replica, ...]:
        """The proven copies of a release's bundle."""
        return tuple(copy for (key, _), copy in sorted(self._copies.items()) if key == release.bundle.key)

    def exists(self, replica: Replica) -> bool:
        """True when that very copy was not lost."""
        return replica.bundle not in self._gone

    def lose(self, replica: Replica) -> None:
        """Lose a copy, as a careless lifecycle rule would; its record stays."""
        self._gone.add(replica.bundle)

    def forge(self, replica: Replica) -> None:
        """Put other bytes there, as somebody who can write to the bucket would; the record stays."""
        self._forged.add(replica.bundle)

    def prove(self, release: Release, region: str, bundle: BundleRevision) -> Proof:
        """How a copy is known to be one.

        Raises:
            NotFoundError: If it was lost.
            IntegrityError: If it was forged.
        """
        if bundle in self._gone:
            raise NotFoundError(f"the copy of {release.version} in {region} is gone: {bundle.uri}")
        if bundle in self._forged:
            raise IntegrityError(f"{bundle.uri} is no copy of {release.version}")
        return Proof.DIGEST

    def replicate(self, release: Release, region: str, *, is_read: bool = False) -> Replica:
        """The copy in a region, made when there is none.

        Raises:
            UsageError: If the region has no place.
        """
        if region not in self.places:
            raise UsageError(f"no place for copies in {region} is configured", hint="release.replicas")
        known = self._copies.get((release.bundle.key, region))
        if known and self.exists(known):
            return replace(known, proof=Proof.CONTENT) if is_read else known
        place, number = self.places[region], len(self._gone) + 1
        key = f"{place.prefix}/{release.bundle.key}".lstrip("/")
        bundle = replace(release.bundle, bucket=place.bucket, key=key, version_id=f"copy-{number}")
        proof = Proof.CONTENT if is_read else Proof.DIGEST
        made = Replica(region, bundle, release.digest, proof, self._clock.now(), DEVELOPER.arn)
        self._copies[release.bundle.key, region] = made
        return made

    def remove(self, replica: Replica) -> int:
        """Remove a copy with its record."""
        found = [place for place, copy in self._copies.items() if copy == replica]
        for place in found:
            del self._copies[place]
        return len(found)
