"""From settings to what reads, copies and removes releases: a part of the composition root."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from deliverkit.errors import UsageError
from deliverkit.shelving import attestations_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from deliverkit.adapters.aws.bucket import Bucket
    from deliverkit.adapters.aws.releases import S3Releases
    from deliverkit.adapters.aws.replicas import S3Replicas
    from deliverkit.adapters.aws.session import Aws
    from deliverkit.config import Settings
    from deliverkit.domain.release import Release
    from deliverkit.domain.trust import Signing
    from deliverkit.engine.catalogue import Catalogue, Origins, Signings
    from deliverkit.engine.journal import Journal
    from deliverkit.engine.promotions import Promotions
    from deliverkit.engine.pruning import Pruner, Revisions
    from deliverkit.ports import Clock, Identity, LockService, ReleaseStore


def replicas_of(
    settings: Settings, aws: Aws, bucket: Bucket, *, clock: Clock, identity: Callable[[], Identity]
) -> S3Replicas:
    """Copies in the regions that are configured."""
    from deliverkit.adapters.aws.replicas import S3Replicas  # noqa: PLC0415

    release = settings.release
    prefix, places = release.store.prefix, release.replicas
    return S3Replicas(aws, bucket, prefix, places=places, clock=clock, identity=identity)


def signings_of(settings: Settings, aws: Aws, releases: Sequence[Release]) -> Sequence[Signing]:
    """Whether the provenance of each release has a signature."""
    return attestations_of(settings.release, aws).signings(releases)


def catalogue_of(
    settings: Settings,
    *,
    releases: ReleaseStore,
    journal: Journal,
    replicas: S3Replicas,
    pruner: Callable[[], Pruner],
    signings: Signings,
    origins: Origins,
) -> Catalogue:
    """Releases with everything that is known of them."""
    from deliverkit.adapters.git_history import commits_between  # noqa: PLC0415
    from deliverkit.engine.catalogue import Catalogue  # noqa: PLC0415

    return Catalogue(
        releases=releases,
        journal=journal,
        replicas=replicas,
        pruner=pruner,
        history=partial(commits_between, settings.path.parent),
        tickets=settings.release.tickets,
        signings=signings,
        origins=origins,
    )


def pruner_of(
    settings: Settings,
    bucket: Bucket,
    *,
    releases: S3Releases,
    replicas: S3Replicas,
    journal: Journal,
    promotions: Promotions,
    revisions: Revisions,
    locks: LockService,
    identity: Callable[[], Identity],
    clock: Clock,
) -> Pruner:
    """What removes releases that nobody needs.

    Raises:
        UsageError: If the configuration does not say what is to be kept.
    """
    from deliverkit.adapters.aws.pruning import S3Removals  # noqa: PLC0415
    from deliverkit.adapters.drivers import ProcessDrivers  # noqa: PLC0415
    from deliverkit.engine.pruning import Pruner  # noqa: PLC0415

    release = settings.release
    if release.keep is None:
        raise UsageError(
            "deliverkit.yml does not say which releases to keep, so none is removed",
            hint="release.keep: {last: 20, for: 90d} in deliverkit.yml",
        )
    return Pruner(
        rules=release.keep,
        releases=releases,
        remover=S3Removals(bucket, release.store.prefix, replicas=replicas, records=releases.records),
        journal=journal,
        unfinished=promotions.unfinished,
        revisions=revisions,
        locks=locks,
        identity=identity,
        driver=ProcessDrivers().me,
        clock=clock,
    )
