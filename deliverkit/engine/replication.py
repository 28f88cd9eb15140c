"""Which object version a region deploys from: the store's own, or the proven copy in the region's own bucket."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Protocol

from deliverkit.domain.plan import DriveKind, Plan
from deliverkit.domain.release import BundleRevision, Release
from deliverkit.domain.release_rules import ReplicaPlace
from deliverkit.domain.replica import Proof, Replica
from deliverkit.errors import ConflictError, NotFoundError

_RULE = "CodeDeploy's instances take revisions only from a bucket of their own region"


class Replicas(Protocol):
    """Copies of bundles in other regions."""

    @property
    def places(self) -> Mapping[str, ReplicaPlace]:
        """Where copies are kept, by region, as configured."""
        ...

    @property
    def home(self) -> str:
        """Region of the store's own bucket; empty when it is not known."""
        ...

    def of(self, release: Release) -> tuple[Replica, ...]:
        """The proven copies of a release's bundle."""
        ...

    def exists(self, replica: Replica) -> bool:
        """True when that very copy can still be read."""
        ...

    def prove(self, release: Release, region: str, bundle: BundleRevision) -> Proof:
        """How an object version is known to be a copy of a release, whatever its record says.

        Raises:
            NotFoundError: If it is gone.
            IntegrityError: If it has other bytes, or lies where no copy of ours does.
        """
        ...

    def replicate(self, release: Release, region: str, *, is_read: bool = False) -> Replica:
        """The proven copy in a region, made when there is none.

        Raises:
            UsageError: If the region has no place, or its bucket is in another region or not versioned.
            IntegrityError: If what lies there, or what was copied, has other bytes.
        """
        ...


def revisions_in(
    replicas: Replicas | None, releases: Iterable[Release], regions: Iterable[str]
) -> Mapping[str, Mapping[str, BundleRevision]]:
    """Object versions to deploy from instead of the store's own: by digest, then by region."""
    wanted = set(regions).intersection(replicas.places) if replicas else set()
    if not replicas or not wanted:
        return {}
    copies = {
        release.digest: {each.region: each.bundle for each in replicas.of(release) if each.region in wanted}
        for release in releases
    }
    return {digest: found for digest, found in copies.items() if found}


def require_revisions(plan: Plan, replicas: Replicas) -> None:
    """Refuse a plan whose release some region could not deploy.

    Through a pipeline CodePipeline carries the bundle into the regions itself, but a rollback goes directly: where
    copies are configured they are needed in any case.

    Raises:
        ConflictError: If a region has no proven copy, or the store is in another region and none is configured.
    """
    release = plan.release
    for region in dict.fromkeys(region for leg in plan.legs for region in leg.regions):
        if region in replicas.places:
            _require_copy(plan, region, replicas)
        elif plan.drive.kind is DriveKind.DIRECT and replicas.home not in {"", region}:
            raise ConflictError(
                f"the bundle of {release.version} lies in {replicas.home}, and {region} has no copy: {_RULE}",
                hint=f"set release.replicas.{region} in deliverkit.yml, then "
                f"deliverkit release replicate {release.version} --to {region}",
            )


def require_proofs(plan: Plan, replicas: Replicas) -> None:
    """Prove each copy that a plan names: what is signed is the release, and its copies' records are not.

    Raises:
        IntegrityError: If one has other bytes.
        NotFoundError: If one of the release itself is gone.
        UnreachableError: If that cannot be found out.
    """
    previous = [leg.previous for leg in plan.legs if leg.previous is not None]
    for release in {each.digest: each for each in (*previous, plan.release)}.values():
        # Of the way back a copy that is gone deploys nothing, neither right nor wrong.
        passed_over: tuple[type[Exception], ...] = () if release is plan.release else (NotFoundError,)
        for region, bundle in plan.replicas.get(release.digest, {}).items():
            with suppress(*passed_over):
                replicas.prove(release, region, bundle)


def _require_copy(plan: Plan, region: str, replicas: Replicas) -> None:
    release = plan.release
    planned = plan.replicas.get(release.digest, {}).get(region)
    copies = [each for each in replicas.of(release) if each.region == region]
    hint = f"deliverkit release replicate {release.version} --to {region}"
    if planned is None or not copies:
        raise ConflictError(f"{release.version} has no proven copy in {region}: {_RULE}", hint=hint)
    if copies[0].bundle != planned or not replicas.exists(copies[0]):
        raise ConflictError(f"the copy of {release.version} in {region} is gone: {planned.uri}", hint=hint)


def missing_copies(plan: Plan, replicas: Replicas) -> Iterable[str]:
    """A warning for each leg and region that could not go back, for want of a copy."""
    for leg in plan.legs:
        for region in leg.regions:
            previous = leg.previous
            if previous and region in replicas.places and region not in plan.replicas.get(previous.digest, {}):
                version = previous.version
                yield (
                    f"{leg.label}: the way back, {version}, has no proven copy in {region} "
                    f"(deliverkit release replicate {version} --to {region})"
                )
