"""From settings to objects: the parts of a delivery, each made, and its room imported, when it is first asked for."""

from __future__ import annotations

from functools import cache, cached_property, partial
from typing import TYPE_CHECKING

from deliverkit.shelving import bucket_of, bucket_rules

# Every command comes by here and needs little of this: what a function puts together it imports itself.
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from deliverkit.adapters.aws.bucket import Bucket
    from deliverkit.adapters.aws.identity import StsIdentity
    from deliverkit.adapters.aws.releases import S3Releases
    from deliverkit.adapters.aws.replicas import S3Replicas
    from deliverkit.adapters.aws.session import Aws
    from deliverkit.attestation_ports import Trust
    from deliverkit.build_ports import BuildServer, CommitStatuses
    from deliverkit.config import Settings
    from deliverkit.domain.environment import Environment
    from deliverkit.domain.plan import Plan
    from deliverkit.domain.release import Release
    from deliverkit.domain.trust import Finding, Provenance
    from deliverkit.engine.blueprint import Blueprint
    from deliverkit.engine.carrier import Carrier
    from deliverkit.engine.catalogue import Catalogue
    from deliverkit.engine.executor import Executor
    from deliverkit.engine.gate_runs import GateRuns
    from deliverkit.engine.journal import Journal
    from deliverkit.engine.pacing import Pace
    from deliverkit.engine.planner import Planner
    from deliverkit.engine.preflight import Preflight
    from deliverkit.engine.promotions import Promotions
    from deliverkit.engine.pruning import Pruner
    from deliverkit.gate_assembly import Checkers
    from deliverkit.ports import Clock, Deployer, Identity, Ledger, LockService, PipelineService
    from deliverkit.releasing import Packager


class Assembly:
    """The parts of one delivery (`delivery.Parts`), each made when it is first asked for."""

    def __init__(self, settings: Settings, aws: Aws, environ: Mapping[str, str]) -> None:
        """Take what the parts are made from; nothing is contacted yet."""
        self._settings = settings
        self._aws = aws
        self._environ = environ
        # One deployer for each region and process: they share the session's connections.
        self._deployers: Callable[[str], Deployer] = cache(partial(_deployer, aws))

    @property
    def identity(self) -> Identity:
        """Who we are to AWS."""
        return self._whoami.whoami()

    @cached_property
    def blueprint(self) -> Blueprint:
        """Environments, gates and pipeline."""
        return blueprint_of(self._settings, self._aws.region)

    @cached_property
    def releases(self) -> S3Releases:
        """Where bundles and releases lie."""
        from deliverkit.adapters.aws.bucket import Keeping  # noqa: PLC0415
        from deliverkit.adapters.aws.releases import S3Releases  # noqa: PLC0415

        release = self._settings.release
        keeping = Keeping(release.retention.mode.upper(), release.retention.duration, release.tags)
        rules = bucket_rules(release, release.store.bucket)
        return S3Releases(self._aws, prefix=release.store.prefix, keeping=keeping, clock=lambda: self.clock, **rules)

    @cached_property
    def ledger(self) -> Ledger:
        """Where everything that happened is recorded."""
        from deliverkit.ledger_assembly import ledger_of  # noqa: PLC0415

        return ledger_of(self._settings, self._aws)

    @cached_property
    def locks(self) -> LockService:
        """Leases, in the same store."""
        from deliverkit.ledger_assembly import locks_of  # noqa: PLC0415

        return locks_of(self._settings, self._aws)

    @cached_property
    def clock(self) -> Clock:
        """The time where we deliver to."""
        from deliverkit.adapters.clock import DeferredClock  # noqa: PLC0415

        return DeferredClock(lambda: self._time[0])

    @cached_property
    def journal(self) -> Journal:
        """The application's stream."""
        from deliverkit.engine.journal import Journal  # noqa: PLC0415

        return Journal(self.ledger, clock=self.clock, identity=self._whoami)

    @cached_property
    def planner(self) -> Planner:
        """Computes plans."""
        from deliverkit.engine.planner import Planner  # noqa: PLC0415

        return Planner(
            self.blueprint,
            pipelines=self._pipelines(),
            deployers=self._deployers,
            releases=self.releases,
            clock=self.clock,
            replicas=self._replicas,
            trust=self._trust,
        )

    @cached_property
    def catalogue(self) -> Catalogue:
        """Reads, copies and removes releases."""
        from deliverkit.catalogue_assembly import catalogue_of, signings_of  # noqa: PLC0415

        return catalogue_of(
            self._settings,
            releases=self.releases,
            journal=self.journal,
            replicas=self._replicas,
            pruner=self._pruner,
            signings=partial(signings_of, self._settings, self._aws),
            origins=self._origin,
        )

    def _origin(self, release: Release) -> Provenance | None:
        from deliverkit.release_assembly import origin_of  # noqa: PLC0415

        return origin_of(self._settings, self._aws, release)

    def _pruner(self) -> Pruner:
        from deliverkit.catalogue_assembly import pruner_of  # noqa: PLC0415
        from deliverkit.engine.pruning import revisions_of  # noqa: PLC0415

        return pruner_of(
            self._settings,
            self._bucket,
            releases=self.releases,
            replicas=self._replicas,
            journal=self.journal,
            promotions=self.promotions,
            revisions=partial(revisions_of, self.blueprint.environments.values(), self._deployers),
            locks=self.locks,
            identity=self._whoami.whoami,
            clock=self.clock,
        )

    @cached_property
    def _replicas(self) -> S3Replicas:
        from deliverkit.catalogue_assembly import replicas_of  # noqa: PLC0415

        return replicas_of(self._settings, self._aws, self._bucket, clock=self.clock, identity=self._whoami.whoami)

    @property
    def _bucket(self) -> Bucket:
        return bucket_of(self._settings.release, self._aws)

    @cached_property
    def commit_statuses(self) -> CommitStatuses | None:
        """Where commits are told how they fare; None for nowhere."""
        place = self._settings.release.commit_status
        if place is None:
            return None
        if place.scheme == "codecommit":
            from deliverkit.adapters.aws.codecommit import CodeCommitComments  # noqa: PLC0415

            return CodeCommitComments(self._aws, place.name)
        from deliverkit.adapters import github  # noqa: PLC0415

        token, api = self._environ.get(github.TOKEN, ""), self._environ.get(github.API) or github.PUBLIC
        return github.GitHubStatuses(place.name, token=token, api=api)

    @cached_property
    def promotions(self) -> Promotions:
        """Everything that can be done to promotions."""
        from deliverkit.adapters.drivers import ProcessDrivers  # noqa: PLC0415
        from deliverkit.engine.promotions import Promotions  # noqa: PLC0415

        return Promotions(
            ledger=self.ledger,
            locks=self.locks,
            journal=self.journal,
            preflight=self._preflight,
            executor_for=self._executor,
            drivers=ProcessDrivers(),
            clock=self.clock,
            identity=self._whoami,
            pace=lambda: self._time[1],
        )

    @cached_property
    def gate_runs(self) -> GateRuns:
        """Everything that can be done to runs of gates outside of promotions."""
        from deliverkit.adapters.drivers import ProcessDrivers  # noqa: PLC0415
        from deliverkit.engine.gate_runs import GateRuns  # noqa: PLC0415
        from deliverkit.engine.measuring import Gatekeeper  # noqa: PLC0415

        return GateRuns(
            ledger=self.ledger,
            locks=self.locks,
            gatekeeper=lambda: Gatekeeper(self._checkers(), clock=self.clock, hide=self._hide, is_last_resort=True),
            drivers=ProcessDrivers(),
            clock=self.clock,
            identity=self._whoami,
            pace=lambda: self._time[1],
        )

    @cached_property
    def packager(self) -> Packager:
        """Makes releases of builds."""
        from deliverkit.recipe_assembly import recipe_of  # noqa: PLC0415
        from deliverkit.release_assembly import attestor_of  # noqa: PLC0415
        from deliverkit.releasing import Packager  # noqa: PLC0415

        return Packager(
            self._settings.application,
            recipe_of(self._settings, self._environ),
            releases=self.releases,
            attestor=attestor_of(self._settings, self._aws, self._environ, self.clock),
            identity=self.identity,
            clock=self.clock,
            trust=self._trust,
        )

    @cached_property
    def _whoami(self) -> StsIdentity:
        from deliverkit.adapters.aws.identity import StsIdentity  # noqa: PLC0415

        return StsIdentity(self._aws)

    @cached_property
    def _time(self) -> tuple[Clock, Pace]:
        from deliverkit.ledger_assembly import time_at  # noqa: PLC0415

        return time_at(self._aws.endpoint)

    def _preflight(self) -> Preflight:
        from deliverkit.engine.preflight import Preflight  # noqa: PLC0415

        return Preflight(
            locks=self.locks,
            releases=self.releases,
            clock=self.clock,
            replicas=self._replicas,
            trust=self._trust,
        )

    @cached_property
    def _trust(self) -> Trust | None:
        from deliverkit.release_assembly import trust_of  # noqa: PLC0415

        return trust_of(self._settings, self._aws) if self._settings.release.trust else None

    def _executor(self, plan: Plan) -> Executor:
        from deliverkit.adapters.http import UrlTextSource  # noqa: PLC0415
        from deliverkit.engine.executor import Executor  # noqa: PLC0415
        from deliverkit.engine.measuring import Gatekeeper  # noqa: PLC0415
        from deliverkit.engine.verifying import Witness  # noqa: PLC0415

        return Executor(
            carrier=self._carrier(plan),
            gatekeeper=Gatekeeper(self._checkers(), clock=self.clock, hide=self._hide),
            witness=Witness(self._deployers, UrlTextSource()),
            journal=self.journal,
            locks=self.locks,
            clock=self.clock,
            exists=self.releases.exists,
            trust=self._trust,
            prepare=partial(self._require_jenkins, plan),
        )

    def _hide(self, text: str) -> str:
        from deliverkit.domain.masking import Masking, credentials_among  # noqa: PLC0415

        return Masking(credentials_among(self._environ)).hide(text)

    def _checkers(self) -> Checkers:
        """Fresh ones for each run: what was interrupted measures no more."""
        from deliverkit.gate_assembly import checkers_of  # noqa: PLC0415

        parts, folder = (self._aws, self._deployers, self._jenkins, self.clock), self._settings.path.parent
        return checkers_of(
            *parts, environ=self._environ, folder=folder, releases=lambda: self.releases, verify=self._verify
        )

    def _verify(self, release: Release) -> Iterator[Finding]:
        from deliverkit.release_assembly import verified  # noqa: PLC0415

        return verified(release, self._settings, self._aws, releases=self.releases, recipe=None)

    def _require_jenkins(self, plan: Plan) -> None:
        from deliverkit.domain.gate import CheckKind, checks_of  # noqa: PLC0415

        if any(check.kind == CheckKind.JENKINS for check in checks_of(plan.gates.values())):
            self._jenkins()

    def _carrier(self, plan: Plan) -> Carrier:
        from deliverkit.domain.plan import DriveKind  # noqa: PLC0415
        from deliverkit.engine.direct import DirectCarrier  # noqa: PLC0415
        from deliverkit.engine.through_pipeline import PipelineCarrier  # noqa: PLC0415

        if plan.drive.kind is DriveKind.DIRECT:
            return DirectCarrier(self._deployers)
        return PipelineCarrier(self._pipelines(), self._deployers, plan.drive)

    def _pipelines(self) -> PipelineService:
        from deliverkit.adapters.aws.codepipeline import CodePipeline  # noqa: PLC0415

        return CodePipeline(self._aws, self.blueprint.pipeline_region)

    def _jenkins(self) -> BuildServer:
        from deliverkit.jenkins_assembly import open_jenkins  # noqa: PLC0415

        return open_jenkins(self._settings.jenkins.url, self._settings.path, self._environ)


def _deployer(aws: Aws, region: str) -> Deployer:
    from deliverkit.adapters.aws.codedeploy import CodeDeploy  # noqa: PLC0415

    return CodeDeploy(aws, region)


def blueprint_of(settings: Settings, region: str) -> Blueprint:
    """The environments, gates and pipeline that settings describe; environments without waves stand in the region."""
    from deliverkit.engine.blueprint import Blueprint  # noqa: PLC0415

    environments = (each if each.waves else _in_region(each, region) for each in settings.environments)
    return Blueprint(
        application=settings.application,
        environments={environment.name: environment for environment in environments},
        gates=settings.gates,
        pipeline=settings.pipeline.name if settings.pipeline else "",
        pipeline_region=region,
    )


def _in_region(environment: Environment, region: str) -> Environment:
    from dataclasses import replace  # noqa: PLC0415

    return replace(environment, waves=((region,),))
