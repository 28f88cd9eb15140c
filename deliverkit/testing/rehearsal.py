"""A whole delivery in memory: deliverkit's real rooms, a simulated outside world, the clock in the test's hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deliverkit.attestation_ports import Trust
from deliverkit.build_ports import CommitStatuses
from deliverkit.check_ports import Checker
from deliverkit.delivery import Delivery, PackagedRelease, PackagingChoices
from deliverkit.domain.changes import CommitRange
from deliverkit.domain.environment import Environment
from deliverkit.domain.gate import CheckKind, Gate
from deliverkit.domain.pipeline import ActionDeclaration, StageDeclaration
from deliverkit.domain.plan import DriveKind, Plan
from deliverkit.domain.release import Release
from deliverkit.domain.release_rules import KeepRules, TicketRules
from deliverkit.domain.replica import Replica
from deliverkit.domain.trust import Signing
from deliverkit.engine.blueprint import Blueprint
from deliverkit.engine.catalogue import Catalogue
from deliverkit.engine.direct import DirectCarrier
from deliverkit.engine.executor import Executor
from deliverkit.engine.gate_runs import GateRuns
from deliverkit.engine.journal import Journal
from deliverkit.engine.measuring import Gatekeeper
from deliverkit.engine.pacing import Pace
from deliverkit.engine.planner import Planner
from deliverkit.engine.preflight import Preflight
from deliverkit.engine.promotions import Promotions
from deliverkit.engine.pruning import Pruner, revisions_of
from deliverkit.engine.through_pipeline import PipelineCarrier
from deliverkit.engine.verifying import Witness
from deliverkit.errors import UsageError
from deliverkit.ports import Clock, Deployer, Identity, Ledger, LockService, PipelineService, ReleaseStore
from deliverkit.testing.checks import ScriptedCheck
from deliverkit.testing.clock import FakeClock
from deliverkit.testing.fleet import Fleet
from deliverkit.testing.identity import DEVELOPER, FixedIdentity
from deliverkit.testing.ledger import MemoryLedger
from deliverkit.testing.locks import MemoryLocks
from deliverkit.testing.pipelines import MemoryPipelines
from deliverkit.testing.releases import MemoryReleases, ready_bundle
from deliverkit.testing.replicas import MemoryReplicas

PIPELINE = "delivery"
Wrap = Callable[[object], object]


class ScriptedDrivers:
    """Implements `ports.Drivers`: a test says who drives and who is dead."""

    def __init__(self, me: str, dead: set[str]) -> None:
        """Take this driver's name and the shared set of the dead."""
        self._me = me
        self._dead = dead

    def me(self) -> str:
        """This driver."""
        return self._me

    def is_known_dead(self, holder: str) -> bool:
        """True for a driver that the test declared dead."""
        return holder in self._dead


@dataclass(frozen=True, slots=True)
class _Parts:
    """Implements `delivery.Parts` with what it is given."""

    blueprint: Blueprint
    packager: Callable[[Path | None, PackagingChoices], PackagedRelease]
    releases: ReleaseStore
    ledger: Ledger
    locks: LockService
    journal: Journal
    planner: Planner
    promotions: Promotions
    gate_runs: GateRuns
    catalogue: Catalogue
    identity: Identity
    clock: Clock
    commit_statuses: CommitStatuses | None


@dataclass
class Rehearsal:
    """The outside world of one delivery, and doors into it.

    Attributes:
        environments: In order.
        gates: By name.
        is_piped: True to drive through a pipeline with a stage for every environment.
        clock: Everybody's time.
        fleet: CodeDeploy and its instances.
        pipelines: CodePipeline.
        check: Answers every gate.
        checks: What answers checks of each kind; `check` unless a test puts something else there.
        ledger: What was recorded.
        locks: Leases.
        releases: The store.
        replicas: Copies in other regions.
        keep: What pruning leaves although nothing needs it.
        dead: Drivers declared dead.
        trust: What says whether a release may be deployed; None to ask for nothing.
        commit_statuses: Where commits are told how they fare; None for nowhere.
        wrap: Wraps every port that a delivery is given, to make it fail or count.
    """

    environments: Sequence[Environment]
    gates: Mapping[str, Gate] = field(default_factory=dict)
    is_piped: bool = False
    clock: FakeClock = field(default_factory=FakeClock)
    ledger: Ledger = field(default_factory=MemoryLedger)
    locks: LockService = field(default_factory=MemoryLocks)
    releases: MemoryReleases = field(default_factory=MemoryReleases)
    replicas: MemoryReplicas = field(default_factory=MemoryReplicas)
    keep: KeepRules = field(default_factory=KeepRules)
    dead: set[str] = field(default_factory=set)
    trust: Trust | None = None
    commit_statuses: CommitStatuses | None = None
    wrap: Wrap = field(default=lambda port: port)

    def __post_init__(self) -> None:
        """Make the fleet, with a group for each environment and region, and the pipeline over it."""
        self.fleet = Fleet(self.clock)
        self.check = ScriptedCheck(self.clock)
        self.checks: dict[str, Checker] = dict.fromkeys(CheckKind, self.check)
        for environment in self.environments:
            for region in (region for wave in environment.waves for region in wave):
                self.fleet.add_group(region, environment.group)
        self.pipelines = MemoryPipelines(
            PIPELINE, pipeline_stages(self.environments), fleet=self.fleet, clock=self.clock
        )

    def release(self, version: str) -> Release:
        """A release on record, with a bundle in the store."""
        content = version.encode()
        upload = self.releases.upload(ready_bundle(content))
        self.fleet.versions[upload.revision] = version
        release = Release("shop", version, upload.digest, upload.size, upload.revision, self.clock.now(), DEVELOPER.arn)
        return self.releases.record(release)

    def replicate(self, release: Release, region: str) -> Replica:
        """A copy of a release, which the region's instances can be given."""
        copy = self.replicas.replicate(release, region)
        self.fleet.versions[copy.bundle] = release.version
        return copy

    def delivery(self, identity: Identity = DEVELOPER, *, driver: str = "driver-1") -> Delivery:
        """The delivery as one process sees it."""
        ledger: Ledger = self._wrapped(self.ledger)
        locks: LockService = self._wrapped(self.locks)
        journal = Journal(ledger, clock=self.clock, identity=FixedIdentity(identity))
        blueprint = self._blueprint()
        pipelines: PipelineService = self._wrapped(self.pipelines)
        planner = Planner(
            blueprint,
            pipelines=pipelines,
            deployers=self._deployer,
            releases=self.releases,
            clock=self.clock,
            replicas=self.replicas,
            trust=self.trust,
        )
        promotions = Promotions(
            ledger=ledger,
            locks=locks,
            journal=journal,
            preflight=lambda: Preflight(
                locks=locks, releases=self.releases, clock=self.clock, replicas=self.replicas, trust=self.trust
            ),
            executor_for=lambda plan: self._executor(plan, journal, locks, pipelines),
            drivers=ScriptedDrivers(driver, self.dead),
            clock=self.clock,
            identity=FixedIdentity(identity),
            pace=Pace,
        )
        return Delivery(
            _Parts(
                blueprint=blueprint,
                packager=_no_packaging,
                releases=self.releases,
                ledger=ledger,
                locks=locks,
                journal=journal,
                planner=planner,
                promotions=promotions,
                gate_runs=self._gate_runs(ledger, locks, identity, driver),
                catalogue=self._catalogue(journal, lambda: self._pruner(journal, promotions, locks, identity, driver)),
                identity=identity,
                clock=self.clock,
                commit_statuses=self.commit_statuses,
            )
        )

    def _gate_runs(self, ledger: Ledger, locks: LockService, identity: Identity, driver: str) -> GateRuns:
        return GateRuns(
            ledger=ledger,
            locks=locks,
            gatekeeper=lambda: Gatekeeper(self._checker, clock=self.clock),
            drivers=ScriptedDrivers(driver, self.dead),
            clock=self.clock,
            identity=FixedIdentity(identity),
            pace=Pace,
        )

    def _catalogue(self, journal: Journal, pruner: Callable[[], Pruner]) -> Catalogue:
        return Catalogue(
            releases=self.releases,
            journal=journal,
            replicas=self.replicas,
            pruner=pruner,
            history=lambda _old, _new: CommitRange(unknown="a rehearsal in memory has no repository"),
            tickets=TicketRules(),
            signings=lambda releases: [Signing.NONE for _ in releases],
            origins=lambda _: None,
        )

    def _pruner(
        self, journal: Journal, promotions: Promotions, locks: LockService, identity: Identity, driver: str
    ) -> Pruner:
        return Pruner(
            rules=self.keep,
            releases=self.releases,
            remover=self._wrapped(self.releases),
            journal=journal,
            unfinished=promotions.unfinished,
            revisions=lambda: revisions_of(self.environments, self._deployer),
            locks=locks,
            identity=lambda: identity,
            driver=lambda: driver,
            clock=self.clock,
        )

    def _blueprint(self) -> Blueprint:
        by_name = {environment.name: environment for environment in self.environments}
        return Blueprint("shop", by_name, self.gates, PIPELINE if self.is_piped else "", "us-east-1")

    def _executor(self, plan: Plan, journal: Journal, locks: LockService, pipelines: PipelineService) -> Executor:
        is_direct = plan.drive.kind is DriveKind.DIRECT
        carrier = DirectCarrier(self._deployer) if is_direct else PipelineCarrier(pipelines, self._deployer, plan.drive)
        return Executor(
            carrier=carrier,
            gatekeeper=Gatekeeper(self._checker, clock=self.clock),
            witness=Witness(self._deployer, self.fleet),
            journal=journal,
            locks=locks,
            clock=self.clock,
            exists=self.releases.exists,
            trust=self.trust,
        )

    def _checker(self, kind: str) -> Checker:
        return self.checks[kind]

    def _deployer(self, region: str) -> Deployer:
        deployer: Deployer = self._wrapped(self.fleet.deployer(region))
        return deployer

    def _wrapped(self, port: object) -> Any:
        return self.wrap(port)


def pipeline_stages(environments: Sequence[Environment]) -> tuple[StageDeclaration, ...]:
    """A source stage, and for each environment a stage that admits, deploys in every region, and judges."""
    source = ActionDeclaration("Release", "Source", "S3", 1, "us-east-1", {"S3Bucket": "memory", "S3ObjectKey": "none"})
    return (StageDeclaration("Source", (source,)), *(_stage(environment) for environment in environments))


def _stage(environment: Environment) -> StageDeclaration:
    name = environment.name.title()
    regions = [region for wave in environment.waves for region in wave]
    configuration = {"ApplicationName": environment.application, "DeploymentGroupName": environment.group}
    deploys = [
        ActionDeclaration(f"Deploy-{name}-{number}", "Deploy", "CodeDeploy", 2, region, configuration)
        for number, region in enumerate(regions, start=1)
    ]
    admit = ActionDeclaration(f"Admit-{name}", "Approval", "Manual", 1, "us-east-1", {})
    judge = ActionDeclaration(f"Judge-{name}", "Approval", "Manual", 3, "us-east-1", {})
    return StageDeclaration(f"Deploy-{name}", (admit, *deploys, judge))


def _no_packaging(_path: Path | None, _choices: PackagingChoices) -> PackagedRelease:
    raise UsageError("a rehearsal in memory packages nothing; use `release`")
