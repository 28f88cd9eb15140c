"""What the service remembers: pipelines with their versions, executions, stage runs, action runs, transitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.definition import Action, Definition, Stage

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.conditions.check import Check
    from deliverkit.sandbox.codepipeline.deploy_target import DeployTarget


class Status(StrEnum):
    """Every state of pipeline, stage, action, condition and rule executions, as the API spells them."""

    IN_PROGRESS = "InProgress"
    STOPPING = "Stopping"
    STOPPED = "Stopped"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    SUPERSEDED = "Superseded"
    CANCELLED = "Cancelled"
    ABANDONED = "Abandoned"
    SKIPPED = "Skipped"
    ERRORED = "Errored"
    OVERRIDDEN = "Overridden"


ACTIVE = frozenset({Status.IN_PROGRESS, Status.STOPPING})


@dataclass(frozen=True, slots=True)
class Trigger:
    """Why an execution started (CodePipeline API reference, ExecutionTrigger)."""

    type: str
    detail: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an action failed (CodePipeline API reference, ErrorDetails)."""

    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Artifact:
    """Where one output of an action lies.

    Attributes:
        name: Name of the artifact.
        bucket: Of the artifact store.
        key: Of the object there.
        repository: The git repository that the object refers to; empty for an object that holds the files itself.
        commit: Which of its commits.
    """

    name: str
    bucket: str
    key: str
    repository: str = ""
    commit: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """What a source action read.

    Attributes:
        action: Name of the source action.
        artifact: Name of its output artifact.
        revision_id: S3 object version id, commit, image digest, or what the worker of a custom source says.
        summary: One line about it.
        url: Page in the console.
        created_at: When it was read.
        change_id: The worker's id of the change that led to it; empty for AWS's own sources.
    """

    action: str
    artifact: str
    revision_id: str
    summary: str
    url: str
    created_at: datetime
    change_id: str = ""


@dataclass(frozen=True, slots=True)
class SourceOverride:
    """A revision named at the start (CodePipeline API reference, SourceRevisionOverride)."""

    action: str
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class Transition:
    """The way into (or out of) a stage."""

    is_enabled: bool = True
    changed_by: str = ""
    changed_at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an action ended.

    Attributes:
        summary: For people.
        failure: None when it succeeded.
        variables: Output variables.
        revision: What a source action read.
        artifacts: What it produced.
        updated_by: ARN of the person who answered an approval.
    """

    summary: str = ""
    failure: Failure | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    revision: Revision | None = None
    artifacts: tuple[Artifact, ...] = ()
    updated_by: str = ""


@dataclass(slots=True)
class ActionRun:
    """One attempt at one action, or at one rule of a condition; a retry makes another.

    Attributes:
        id: Action execution id.
        execution_id: Of the pipeline execution.
        action: As declared in the execution's version.
        version: The pipeline's version.
        region: Where it runs.
        started_at: Virtual time.
        updated_at: Of the last change.
        status: `InProgress`, `Succeeded`, `Failed` or `Abandoned`.
        resolved: The configuration with its variables replaced.
        inputs: Artifacts it consumes.
        external_id: The provider's own id of the work.
        external_url: The provider's page about it.
        outcome: How it ended.
        targets: The instances it deploys to, when it deploys to instances itself.
        percent_complete: How much of the work a worker says is done; None when nobody says.
        token: Of an open approval.
        is_void: True for an approval that an update of the pipeline made unanswerable.
        is_expired: True for an approval that nobody answered in time.
        log_stream_arn: Where CloudWatch Logs keeps what it prints.
    """

    id: str
    execution_id: str
    action: Action
    version: int
    region: str
    started_at: datetime
    updated_at: datetime
    status: Status = Status.IN_PROGRESS
    resolved: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[Artifact, ...] = ()
    external_id: str = ""
    external_url: str = ""
    outcome: Outcome = Outcome()
    targets: list[DeployTarget] = field(default_factory=list)
    percent_complete: int | None = None
    token: str = ""
    is_void: bool = False
    is_expired: bool = False
    log_stream_arn: str = ""

    @property
    def is_open(self) -> bool:
        """True while it runs."""
        return self.status is Status.IN_PROGRESS


@dataclass(slots=True)
class StageRun:
    """A pipeline execution's passage through one stage.

    Attributes:
        stage: As declared in the execution's version.
        status: Of the stage execution.
        current: The attempt that counts, by action name; a retry takes out what it will run again.
        runs: Every attempt, oldest first.
        automatic_retries: How often the stage retried itself.
        manual_retries: How often a person retried it.
        last_retry: `AutomatedStageRetry` or `ManualStageRetry`.
        checks: The latest evaluation of each condition, by kind.
    """

    stage: Stage
    status: Status = Status.IN_PROGRESS
    current: dict[str, ActionRun] = field(default_factory=dict)
    runs: list[ActionRun] = field(default_factory=list)
    automatic_retries: int = 0
    manual_retries: int = 0
    last_retry: str = ""
    checks: dict[str, Check] = field(default_factory=dict)

    @property
    def check(self) -> Check | None:
        """The condition that is evaluated now."""
        return next((each for each in self.checks.values() if each.status is Status.IN_PROGRESS), None)

    @property
    def open_runs(self) -> list[ActionRun]:
        """What runs now, rules included."""
        rules = [run for check in self.checks.values() for run in check.runs]
        return [run for run in [*self.current.values(), *rules] if run.is_open]

    @property
    def is_locked(self) -> bool:
        """True while it keeps others out; approvals that nobody can answer any more do not."""
        return self.status in ACTIVE and not (self.open_runs and all(run.is_void for run in self.open_runs))

    def has_ended(self, status: Status) -> bool:
        """True if an attempt that counts ended so."""
        return any(run.status is status for run in self.current.values())


@dataclass(slots=True)
class Execution:
    """One pipeline execution.

    Attributes:
        id: UUID.
        definition: The version it runs to its end.
        trigger: Why it started.
        overrides: Source revisions named at the start.
        started_at: Virtual time.
        updated_at: Of the last change of its status.
        variables: Pipeline variables as bound at the start.
        status: Of the execution.
        status_summary: Why, in words.
        stop_reason: What the caller of StopPipelineExecution said; None when nobody stopped it.
        is_abandoning: True once somebody asked to abandon it.
        attempt: 1, and one more with every retry.
        rollback_target: Id of the execution whose artifacts a rollback deploys; empty for a standard execution.
        waiting_for: Name of the stage in front of which it waits; empty when it does not.
        stages: Its passage through each stage it entered.
        artifacts: Artifacts by name.
        revisions: What its sources read, by source action.
        outputs: Output variables by namespace.
    """

    id: str
    definition: Definition
    trigger: Trigger
    started_at: datetime
    updated_at: datetime
    overrides: tuple[SourceOverride, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)
    status: Status = Status.IN_PROGRESS
    status_summary: str = ""
    stop_reason: str | None = None
    is_abandoning: bool = False
    attempt: int = 1
    rollback_target: str = ""
    waiting_for: str = ""
    stages: dict[str, StageRun] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    revisions: dict[str, Revision] = field(default_factory=dict)
    outputs: dict[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def is_rollback(self) -> bool:
        """True for a stage rollback."""
        return bool(self.rollback_target)

    @property
    def is_active(self) -> bool:
        """True until it reached an end."""
        return self.status in ACTIVE

    def has_succeeded_in(self, stage: str) -> bool:
        """True if it passed the stage."""
        return stage in self.stages and self.stages[stage].status is Status.SUCCEEDED


@dataclass(slots=True)
class Pipeline:
    """A pipeline with its history.

    Attributes:
        account: Owner's account id.
        region: Where it lives.
        definitions: Every version, the first at index 0.
        created_at: Of version 1.
        updated_at: Of the newest version.
        executions: In the order of their start, by id.
        runs: Every attempt at an action of any execution, oldest first.
        rule_runs: The same of rules.
        owners: Which execution entered a stage last, by stage name.
        transitions: What somebody switched, by (stage, `Inbound` or `Outbound`).
        tags: Tags of the pipeline.
        tokens: Execution ids by client request token.
        seen: The newest revision each polling source action has started an execution for.
        references: What the branches and tags of each source action's repository stood at when last looked at.
        reported: Execution ids by the source action and revision that PutActionRevision named.
        is_watched: True while a timer looks for changes of its polling sources.
        polling_disabled_at: When polling ended because nothing had run for long; None while it goes on.
        is_deleted: True once DeletePipeline took it.
    """

    account: str
    region: str
    definitions: list[Definition]
    created_at: datetime
    updated_at: datetime
    executions: dict[str, Execution] = field(default_factory=dict)
    runs: list[ActionRun] = field(default_factory=list)
    rule_runs: list[ActionRun] = field(default_factory=list)
    owners: dict[str, str] = field(default_factory=dict)
    transitions: dict[tuple[str, str], Transition] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    seen: dict[str, str] = field(default_factory=dict)
    references: dict[str, dict[str, str]] = field(default_factory=dict)
    is_watched: bool = False
    reported: dict[tuple[str, str], str] = field(default_factory=dict)
    polling_disabled_at: datetime | None = None
    is_deleted: bool = False

    @property
    def current(self) -> Definition:
        """The newest version."""
        return self.definitions[-1]

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return self.current.name

    @property
    def arn(self) -> str:
        """`arn:aws:codepipeline:<region>:<account>:<name>`."""
        return f"arn:aws:codepipeline:{self.region}:{self.account}:{self.name}"

    def stage(self, name: str) -> Stage:
        """The stage of the newest version.

        Raises:
            ApiError: `StageNotFoundException`.
        """
        stage = self.current.stage(name)
        if stage is None:
            raise errors.stage_not_found(self.name, name)
        return stage

    def execution(self, execution_id: str) -> Execution:
        """One execution.

        Raises:
            ApiError: `PipelineExecutionNotFoundException`.
        """
        if execution_id not in self.executions:
            raise errors.execution_not_found(self.name, execution_id)
        return self.executions[execution_id]

    def transition(self, stage: str, kind: str) -> Transition:
        """The way `Inbound` to or `Outbound` from a stage; open when nobody touched it."""
        return self.transitions.get((stage, kind), Transition())

    def newest_first(self) -> Iterator[Execution]:
        """Executions, the last started first."""
        return reversed(self.executions.values())

    def active(self) -> list[Execution]:
        """Executions that have not ended, in the order of their start."""
        return [execution for execution in self.executions.values() if execution.is_active]


@dataclass(slots=True)
class Store:
    """The pipelines of one account in one Region, by name."""

    pipelines: dict[str, Pipeline] = field(default_factory=dict)

    def pipeline(self, account: str, name: str) -> Pipeline:
        """One pipeline.

        Raises:
            ApiError: `PipelineNotFoundException`.
        """
        if name not in self.pipelines:
            raise errors.pipeline_not_found(account, name)
        return self.pipelines[name]
