"""Plans: what a promotion will do, computed by reading only, frozen before the first act."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec

from deliverkit.domain.approval import Requester
from deliverkit.domain.environment import ApprovalPolicy, OnFailure, Serves, Strategy
from deliverkit.domain.gate import Gate
from deliverkit.domain.gate_documents import gate_document, read_gate
from deliverkit.domain.ledger import digest_of
from deliverkit.domain.release import BundleRevision, Release
from deliverkit.domain.trust import Evidence
from deliverkit.errors import IntegrityError


class PlanKind(StrEnum):
    """Why the plan exists."""

    PROMOTE = "promote"
    ROLLBACK = "rollback"


class DriveKind(StrEnum):
    """Who starts the deployments: CodePipeline's stages, or deliverkit itself."""

    PIPELINE = "pipeline"
    DIRECT = "direct"


@dataclass(frozen=True, slots=True)
class Leftover:
    """An execution that an ended promotion left waiting, and that would stand in the way of a new one.

    Attributes:
        execution: Its id.
        environment: The environment in front of which it waits.
        version: The release that it carries.
    """

    execution: str
    environment: str
    version: str


@dataclass(frozen=True, slots=True)
class Drive:
    """How the release is carried.

    Attributes:
        kind: Through a pipeline, or directly.
        pipeline: Name of the pipeline.
        region: The pipeline's region.
        source_action: Its S3 source action, whose revision is overridden with the release's exact object version.
        execution: A running execution of this release that waits in front of the first leg; empty to start one.
        leftovers: Executions to stop before a new one is started, for they hold stages that it needs.
    """

    kind: DriveKind
    pipeline: str = ""
    region: str = ""
    source_action: str = ""
    execution: str = ""
    leftovers: tuple[Leftover, ...] = ()


@dataclass(frozen=True, slots=True)
class StageMap:
    """Where an environment lies in the pipeline.

    Attributes:
        stage: Name of the stage that deploys.
        deploy_actions: Its CodeDeploy actions, one for each region.
        entry_stage: Stage of the manual approval in front of the deploy actions; empty for none.
        entry_action: Name of that approval.
        judge_action: Manual approval behind the deploy actions, in the same stage; empty for none.
    """

    stage: str
    deploy_actions: tuple[str, ...]
    entry_stage: str = ""
    entry_action: str = ""
    judge_action: str = ""


@dataclass(frozen=True, slots=True)
class Leg:
    """One wave of one environment: what deploys together, is judged together and goes back together.

    Attributes:
        environment: Name of the environment.
        wave: Number of the wave within the environment, from 1.
        regions: Regions that move together.
        application: CodeDeploy application.
        group: CodeDeploy deployment group.
        strategy: Deployment configuration.
        before: Names of the gates to pass before anything is deployed.
        during: Names of the gates that must not fail while it runs and bakes.
        after: Names of the gates to pass by the end of the bake time.
        bake_time: Watching health after the targets moved.
        on_failure: What a failure leads to.
        endpoint: Base URL, placeholders allowed.
        window: When deploying is allowed, as configured; empty for always.
        approvals: Human decisions needed to enter; None for none.
        serves: How to ask an instance what it serves.
        stage: Where it lies in the pipeline; None when carried directly.
        previous: The last good release here, to go back to; None when there is none.
        previous_execution: Pipeline execution that brought it; empty when unknown.
    """

    environment: str
    wave: int
    regions: tuple[str, ...]
    application: str
    group: str
    strategy: Strategy
    before: tuple[str, ...]
    during: tuple[str, ...]
    after: tuple[str, ...]
    bake_time: timedelta
    on_failure: OnFailure
    endpoint: str
    window: str = ""
    approvals: ApprovalPolicy | None = None
    serves: Serves | None = None
    stage: StageMap | None = None
    previous: Release | None = None
    previous_execution: str = ""

    @property
    def label(self) -> str:
        """The leg as people call it: `production`, or `production wave 2`."""
        return self.environment if self.wave == 1 else f"{self.environment} wave {self.wave}"


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a promotion will do.

    Attributes:
        kind: Promote or roll back.
        application: Name of the application.
        environment: The environment the release shall reach.
        release: What is promoted.
        drive: How it is carried.
        legs: In order; each begins after the one before it was judged good.
        gates: Every gate that a leg names.
        requested_by: AWS identity ARN of whoever opened it.
        requested_for: The person whose request that identity passed on; empty when it asked itself.
        created_at: When it was computed, UTC.
        warnings: What the planner noticed and a human should know.
        evidence: Whose signature on which statement the trust in the release rests on; None when none was asked for.
        replicas: Copies that regions deploy from instead of the store's own object: by digest, then by region.
        is_way_back: True for a rollback to the very object that was verified and accepted there before. It had proved
            all that was asked for at its time, and whoever brings production back must not be held up by a key that
            has been withdrawn since. Any other release, on a rollback too, has to prove itself.
    """

    kind: PlanKind
    application: str
    environment: str
    release: Release
    drive: Drive
    legs: tuple[Leg, ...]
    gates: Mapping[str, Gate]
    requested_by: str
    created_at: datetime
    warnings: tuple[str, ...] = ()
    evidence: Evidence | None = None
    replicas: Mapping[str, Mapping[str, BundleRevision]] = field(default_factory=dict)
    is_way_back: bool = False
    requested_for: str = ""

    def revision_in(self, region: str, release: Release) -> BundleRevision:
        """The object version of a release that the region deploys from."""
        return self.replicas.get(release.digest, {}).get(region, release.bundle)

    def to_json(self) -> dict[str, Any]:
        """The plan as JSON; `from_json` gives the same plan back."""
        built: dict[str, Any] = msgspec.to_builtins(self)
        for name in ("replicas", "is_way_back", "requested_for"):
            if not built[name]:
                # Plans that were recorded before they had that member keep their digest, and what is bound to it.
                del built[name]
        built["gates"] = {name: gate_document(gate) for name, gate in self.gates.items()}
        for leg in built["legs"]:
            if leg["approvals"] and not leg["approvals"]["bridges"]:
                del leg["approvals"]["bridges"]
        return built

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Plan:
        """The plan of a recorded document.

        Raises:
            IntegrityError: If the document is not a plan.
        """
        try:
            gates = {name: read_gate(gate) for name, gate in document["gates"].items()}
            return msgspec.convert({**document, "gates": gates}, cls)
        except (KeyError, AttributeError, msgspec.ValidationError) as error:
            hint = "it was recorded by another version of deliverkit; use that version to finish the promotion"
            raise IntegrityError(f"the recorded plan cannot be read: {error}", hint=hint) from error

    @property
    def requester(self) -> Requester:
        """Who asked for it."""
        return Requester(self.requested_by, self.requested_for)

    @property
    def digest(self) -> str:
        """What approvals are bound to: the digest over the whole plan."""
        return digest_of(self.to_json())
