"""The doubles that copy and remove releases keep the same contracts as S3."""

from __future__ import annotations

import pytest

from deliverkit.domain.release_rules import ReplicaPlace
from deliverkit.testing import MemoryReleases
from deliverkit.testing.contracts import RemoverContract, ReplicasContract
from deliverkit.testing.contracts.removals import Shelf
from deliverkit.testing.contracts.replicas import ASIA, EUROPE, Shelves
from deliverkit.testing.replicas import MemoryReplicas


class TestMemoryRemovals(RemoverContract):
    @pytest.fixture
    def shelf(self) -> Shelf:
        releases = MemoryReleases()
        return Shelf(releases, releases)


class TestMemoryReplicas(ReplicasContract):
    @pytest.fixture
    def shelves(self) -> Shelves:
        places = {region: ReplicaPlace(f"copies-{region}", "shop") for region in (EUROPE, ASIA)}
        return Shelves(MemoryReleases(), MemoryReplicas(places, home="us-east-1"))
