"""CodePipeline in memory: sources, approvals and CodeDeploy actions on a simulated fleet."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from deliverkit.domain.pipeline import (
    ActionDeclaration,
    ActionReport,
    ExecutionReport,
    StageDeclaration,
    WaitingExecution,
)
from deliverkit.domain.release import BundleRevision
from deliverkit.errors import ConflictError, NotFoundError
from deliverkit.ports import Clock
from deliverkit.testing.fleet import Deployment, Fleet


@dataclass
class _Attempt:
    stage: str
    declared: ActionDeclaration
    status: str = "InProgress"
    summary: str = ""
    external_id: str = ""
    token: str = ""


@dataclass
class Execution:
    """One simulated execution."""

    execution_id: str
    revision: BundleRevision
    began_at: datetime
    status: str = "InProgress"
    rollback_of: str = ""
    only_stage: str = ""
    attempts: list[_Attempt] = field(default_factory=list)


class MemoryPipelines:
    """Implements `ports.PipelineService` for one pipeline.

    Attributes:
        executions: All executions, the oldest first.
        declared: The pipeline's stages.
    """

    def __init__(self, name: str, declared: Sequence[StageDeclaration], *, fleet: Fleet, clock: Clock) -> None:
        """Take the definition and the fleet that its deploy actions change."""
        self._name = name
        self._fleet = fleet
        self._clock = clock
        self._tokens: dict[str, str] = {}
        self._numbers = itertools.count(1)
        self.declared = tuple(declared)
        self.executions: list[Execution] = []

    def stages(self, pipeline: str) -> tuple[StageDeclaration, ...]:
        """The definition."""
        if pipeline != self._name:
            raise NotFoundError(f"there is no pipeline {pipeline}")
        return self.declared

    def start(self, pipeline: str, *, source_action: str, revision: BundleRevision, token: str) -> str:
        """Start an execution, or give the one that the token started."""
        if token not in self._tokens:
            self._tokens[token] = self._begin(revision).execution_id
        return self._tokens[token]

    def find(self, pipeline: str, *, revision: BundleRevision, since: datetime) -> str | None:
        """Id of the newest execution of that object version."""
        found = [e for e in self.executions if e.revision == revision and e.began_at >= since and not e.rollback_of]
        return found[-1].execution_id if found else None

    def observe(self, pipeline: str, execution_id: str) -> ExecutionReport:
        """The execution now."""
        execution = self.execution(execution_id)
        self._advance(execution)
        actions = tuple(
            ActionReport(a.stage, a.declared.name, a.status, a.summary, a.external_id, a.token)
            for a in execution.attempts
        )
        return ExecutionReport(execution_id, execution.status, "", actions)

    def waiting(self, pipeline: str) -> tuple[WaitingExecution, ...]:
        """Executions at an open approval, or in front of a stage that another one holds."""
        found = []
        for execution in self.executions:
            self._advance(execution)
            if execution.status != "InProgress":
                continue
            following = self._next_stage(execution)
            if any(attempt.token for attempt in execution.attempts):
                found.append(WaitingExecution(execution.execution_id, execution.attempts[-1].stage))
            elif following and self._holder(following.name, execution):
                found.append(WaitingExecution(execution.execution_id, following.name))
        return tuple(found)

    def answer(self, pipeline: str, report: ActionReport, *, is_approved: bool, reason: str) -> None:
        """Answer an open approval."""
        for execution in self.executions:
            for attempt in execution.attempts:
                if attempt.token and attempt.token == report.token:
                    attempt.status = "Succeeded" if is_approved else "Failed"
                    attempt.summary, attempt.token = reason, ""
                    self._advance(execution)
                    return
        raise ConflictError(f"the token of {report.stage}/{report.action} is not valid (InvalidApprovalTokenException)")

    def stop(self, pipeline: str, execution_id: str, *, reason: str) -> None:
        """Stop it, abandoning what runs."""
        execution = self.execution(execution_id)
        if execution.status == "InProgress":
            execution.status = "Stopped"
            for attempt in execution.attempts:
                if attempt.status == "InProgress":
                    attempt.status, attempt.token = "Abandoned", ""

    def find_rollback(self, pipeline: str, *, target_execution: str, since: datetime) -> str | None:
        """Id of the newest rollback to that execution."""
        found = [e for e in self.executions if e.rollback_of == target_execution and e.began_at >= since]
        return found[-1].execution_id if found else None

    def roll_back(self, pipeline: str, stage: str, *, target_execution: str) -> str:
        """Begin a rollback of one stage."""
        target = self.execution(target_execution)
        is_done = all(a.status == "Succeeded" for a in target.attempts if a.stage == stage)
        if not is_done or target.rollback_of:
            raise ConflictError(f"{stage} cannot go back to {target_execution} (UnableToRollbackStageException)")
        return self._begin(target.revision, rollback_of=target_execution, only_stage=stage).execution_id

    def execution(self, execution_id: str) -> Execution:
        """One execution.

        Raises:
            NotFoundError: If there is none.
        """
        for each in self.executions:
            if each.execution_id == execution_id:
                return each
        raise NotFoundError(f"there is no execution {execution_id}")

    def _begin(self, revision: BundleRevision, *, rollback_of: str = "", only_stage: str = "") -> Execution:
        name = f"e-{len(self.executions) + 1}"
        execution = Execution(name, revision, self._clock.now(), rollback_of=rollback_of, only_stage=only_stage)
        self.executions.append(execution)
        self._advance(execution)
        return execution

    def _advance(self, execution: Execution) -> None:
        """Go as far as possible; every action waits for those before it."""
        while execution.status == "InProgress":
            if any(not self._is_over(attempt) for attempt in execution.attempts):
                return
            if any(attempt.status == "Failed" for attempt in execution.attempts):
                execution.status = "Failed"
                return
            stage = self._next_stage(execution)
            if stage is None:
                execution.status = "Succeeded"
            elif self._holder(stage.name, execution):
                return
            else:
                self._start_next(execution, stage)

    def _holder(self, stage: str, visitor: Execution) -> str:
        """The other execution that holds a stage: the one that entered it and has not left it."""
        for each in self.executions:
            if each is not visitor and each.status == "InProgress" and each.attempts[-1].stage == stage:
                following = self._next_stage(each)
                if any(not self._is_over(a) for a in each.attempts) or (following and following.name == stage):
                    return each.execution_id
        return ""

    def _next_stage(self, execution: Execution) -> StageDeclaration | None:
        done = {(attempt.stage, attempt.declared.name) for attempt in execution.attempts}
        for stage in self.declared:
            is_wanted = execution.only_stage in {"", stage.name}
            if is_wanted and any((stage.name, action.name) not in done for action in stage.actions):
                return stage
        return None

    def _start_next(self, execution: Execution, stage: StageDeclaration) -> None:
        done = {attempt.declared.name for attempt in execution.attempts if attempt.stage == stage.name}
        remaining = [action for action in stage.actions if action.name not in done]
        first = min(action.run_order for action in remaining)
        for action in remaining:
            if action.run_order == first:
                execution.attempts.append(self._attempt(execution, stage.name, action))

    def _attempt(self, execution: Execution, stage: str, action: ActionDeclaration) -> _Attempt:
        attempt = _Attempt(stage, action)
        if action.category == "Source":
            attempt.status, attempt.external_id = "Succeeded", execution.revision.version_id
        elif action.category == "Approval":
            attempt.token = f"token-{next(self._numbers)}"
        else:
            self._deploy(execution, attempt)
        return attempt

    def _deploy(self, execution: Execution, attempt: _Attempt) -> None:
        group = attempt.declared.configuration["DeploymentGroupName"]
        number, now = self._fleet.next_id(), self._clock.now()
        version = self._fleet.versions[execution.revision]
        wanted = Deployment(number, attempt.declared.region, group, version, execution.revision, "", now)
        try:
            attempt.external_id = self._fleet.begin(wanted)
        except ConflictError as error:
            attempt.status, attempt.summary = "Failed", error.message

    def _is_over(self, attempt: _Attempt) -> bool:
        if attempt.status == "InProgress" and attempt.declared.provider == "CodeDeploy":
            status = self._fleet.deployment(attempt.external_id).status
            if status != "InProgress":
                attempt.status = "Succeeded" if status == "Succeeded" else "Failed"
                attempt.summary = f"deployment {attempt.external_id} {status}"
        return attempt.status != "InProgress"
