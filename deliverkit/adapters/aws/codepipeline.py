"""CodePipeline in one region, in the engine's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from deliverkit.adapters.aws.errors import code_of, translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.pipeline import (
    ActionDeclaration,
    ActionReport,
    ExecutionReport,
    StageDeclaration,
    WaitingExecution,
)
from deliverkit.domain.release import BundleRevision
from deliverkit.errors import ConflictError, UnreachableError, UsageError

SUMMARY_LIMIT = 512
"""Characters of an approval's summary (CodePipeline API reference, ApprovalResult)."""
REASON_LIMIT = 200
"""Characters of a stop's reason (CodePipeline API reference, StopPipelineExecution)."""
SEARCH_DEPTH = 100
"""How many of a pipeline's latest executions are searched."""
CLOCK_SKEW = timedelta(seconds=10)
"""How much earlier than by our clock AWS may say that something began."""


class CodePipeline:
    """Implements `ports.PipelineService` with botocore."""

    def __init__(self, aws: Aws, region: str) -> None:
        """Take the session and the pipelines' region."""
        self._aws = aws
        self._region = region

    def stages(self, pipeline: str) -> tuple[StageDeclaration, ...]:
        """The pipeline's definition."""
        with translated(f"reading pipeline {pipeline} in {self._region}"):
            declared = self._client.get_pipeline(name=pipeline)["pipeline"]["stages"]
        return tuple(
            StageDeclaration(stage["name"], tuple(self._action(action) for action in stage["actions"]))
            for stage in declared
        )

    def start(self, pipeline: str, *, source_action: str, revision: BundleRevision, token: str) -> str:
        """Start an execution with one exact object version."""
        override = {"actionName": source_action}
        try:
            with translated(f"starting pipeline {pipeline} in {self._region} with {revision.uri}"):
                answer = self._client.start_pipeline_execution(
                    name=pipeline,
                    clientRequestToken=re.sub(r"[^a-zA-Z0-9-]", "-", token)[:128],
                    sourceRevisions=[
                        {**override, "revisionType": "S3_OBJECT_KEY", "revisionValue": revision.key},
                        {**override, "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": revision.version_id},
                    ],
                )
        except UsageError as error:
            hint = f"set AllowOverrideForS3ObjectKey: true in the configuration of source action {source_action}"
            raise UsageError(error.message, hint=hint) from error
        return str(answer["pipelineExecutionId"])

    def find(self, pipeline: str, *, revision: BundleRevision, since: datetime) -> str | None:
        """Id of the newest execution of that object version started since the moment.

        Raises:
            UnreachableError: While an execution has not read its source yet, so that nobody can tell.
        """
        for execution in self._executions(pipeline, since):
            sources = {each.get("revisionId") for each in execution.get("sourceRevisions", [])}
            if revision.version_id in sources:
                return str(execution["pipelineExecutionId"])
            if not sources and execution["status"] == "InProgress":
                unread = f"execution {execution['pipelineExecutionId']} of {pipeline} has not read its source yet"
                raise UnreachableError(f"{unread}; ask again in a moment")
        return None

    def observe(self, pipeline: str, execution_id: str) -> ExecutionReport:
        """The execution now."""
        with translated(f"reading execution {execution_id} of pipeline {pipeline} in {self._region}"):
            execution = self._client.get_pipeline_execution(pipelineName=pipeline, pipelineExecutionId=execution_id)
            attempts = self._latest_attempts(pipeline, execution_id)
            state = self._client.get_pipeline_state(name=pipeline)["stageStates"]
        found = execution["pipelineExecution"]
        return ExecutionReport(
            execution_id=execution_id,
            status=found["status"],
            summary=found.get("statusSummary", ""),
            actions=tuple(_report(attempt, _shown(state, attempt, execution_id)) for attempt in attempts),
            waiting_for=_waiting_for(state, execution_id),
        )

    def waiting(self, pipeline: str) -> tuple[WaitingExecution, ...]:
        """Every execution that waits for an approval, or in front of a stage that another one holds."""
        with translated(f"reading the state of pipeline {pipeline}"):
            state = self._client.get_pipeline_state(name=pipeline)["stageStates"]
        return tuple(
            WaitingExecution(execution, stage["stageName"]) for stage in state for execution in _waiting_at(stage)
        )

    def answer(self, pipeline: str, report: ActionReport, *, is_approved: bool, reason: str) -> None:
        """Answer an open approval.

        Raises:
            UnreachableError: While CodePipeline says that it was answered and still shows it open, so that nobody can
                tell what the answer was.
        """
        status = "Approved" if is_approved else "Rejected"
        try:
            with translated(f"answering {report.stage}/{report.action} of pipeline {pipeline} with {status}"):
                self._client.put_approval_result(
                    pipelineName=pipeline,
                    stageName=report.stage,
                    actionName=report.action,
                    token=report.token,
                    result={"status": status, "summary": reason[:SUMMARY_LIMIT]},
                )
        except ConflictError as error:
            # Our answer may have arrived before a crash, or its confirmation got lost on the way.
            is_answered = code_of(error) == "ApprovalAlreadyCompletedException"
            if not is_answered or not self._was_answered(pipeline, report, is_approved=is_approved):
                raise

    def stop(self, pipeline: str, execution_id: str, *, reason: str) -> None:
        """Stop the execution, abandoning what runs (CodePipeline API reference, StopPipelineExecution)."""
        # Stopped, ended or being stopped already: all of them are what we want.
        with suppress(ConflictError), translated(f"stopping execution {execution_id} of pipeline {pipeline}"):
            self._client.stop_pipeline_execution(
                pipelineName=pipeline, pipelineExecutionId=execution_id, abandon=True, reason=reason[:REASON_LIMIT]
            )

    def find_rollback(self, pipeline: str, *, target_execution: str, since: datetime) -> str | None:
        """Id of the newest rollback execution to that target started since the moment."""
        for execution in self._executions(pipeline, since):
            target = execution.get("rollbackMetadata", {}).get("rollbackTargetPipelineExecutionId")
            if execution.get("executionType") == "ROLLBACK" and target == target_execution:
                return str(execution["pipelineExecutionId"])
        return None

    def roll_back(self, pipeline: str, stage: str, *, target_execution: str) -> str:
        """Begin CodePipeline's stage rollback (CodePipeline API reference, RollbackStage)."""
        with translated(f"rolling stage {stage} of pipeline {pipeline} back to execution {target_execution}"):
            answer = self._client.rollback_stage(
                pipelineName=pipeline, stageName=stage, targetPipelineExecutionId=target_execution
            )
        return str(answer["pipelineExecutionId"])

    # --- reading -----------------------------------------------------------------------------------

    @property
    def _client(self) -> Any:
        return self._aws.client("codepipeline", self._region)

    def _action(self, declared: Mapping[str, Any]) -> ActionDeclaration:
        kind = declared["actionTypeId"]
        return ActionDeclaration(
            name=declared["name"],
            category=kind["category"],
            provider=kind["provider"],
            run_order=int(declared.get("runOrder", 1)),
            region=declared.get("region") or self._region,
            configuration=declared.get("configuration", {}),
        )

    def _executions(self, pipeline: str, since: datetime) -> list[Mapping[str, Any]]:
        """The pipeline's executions since a moment, the newest first."""
        with translated(f"reading the executions of pipeline {pipeline} in {self._region}"):
            pages = self._client.get_paginator("list_pipeline_executions").paginate(
                pipelineName=pipeline, PaginationConfig={"MaxItems": SEARCH_DEPTH}
            )
            found = [each for page in pages for each in page["pipelineExecutionSummaries"]]
        return [each for each in found if each["startTime"] >= since - CLOCK_SKEW]

    def _latest_attempts(self, pipeline: str, execution_id: str) -> list[Mapping[str, Any]]:
        pages = self._client.get_paginator("list_action_executions").paginate(
            pipelineName=pipeline, filter={"pipelineExecutionId": execution_id}
        )
        attempts = [each for page in pages for each in page["actionExecutionDetails"]]
        latest = {
            (each["stageName"], each["actionName"]): each
            for each in sorted(attempts, key=lambda attempt: attempt["startTime"])
        }
        return list(latest.values())

    def _was_answered(self, pipeline: str, report: ActionReport, *, is_approved: bool) -> bool:
        with translated(f"reading the state of pipeline {pipeline}"):
            state = self._client.get_pipeline_state(name=pipeline)["stageStates"]
        shown = _action_state(state, report.stage, report.action).get("latestExecution", {})
        if shown.get("status") == "InProgress" and shown.get("token") == report.token:
            # What is read may be older than what was written.
            open_still = f"{report.stage}/{report.action} of pipeline {pipeline} was answered and is still shown open"
            raise UnreachableError(f"{open_still}; ask again in a moment")
        return bool(shown.get("status") == ("Succeeded" if is_approved else "Failed"))


def _report(attempt: Mapping[str, Any], shown: Mapping[str, Any]) -> ActionReport:
    result = attempt.get("output", {}).get("executionResult", {})
    external_id = str(result.get("externalExecutionId", ""))
    is_open = _is_approval(attempt) and attempt["status"] == "InProgress"
    # In PARALLEL mode the state shows no token; the external id is the token (CodePipeline API, PutApprovalResult).
    token = str(shown.get("token", "")) or external_id
    return ActionReport(
        stage=attempt["stageName"],
        action=attempt["actionName"],
        status=attempt["status"],
        summary=_summary(result, shown),
        external_id=external_id,
        token=token if is_open else "",
    )


def _summary(result: Mapping[str, Any], shown: Mapping[str, Any]) -> str:
    error = result.get("errorDetails") or shown.get("errorDetails") or {}
    told = [result.get("externalExecutionSummary") or shown.get("summary") or ""]
    if error.get("message") and error["message"] not in told[0]:
        told.append(f"{error.get('code', 'error')}: {error['message']}")
    return " ".join(part for part in told if part)


def _is_approval(attempt: Mapping[str, Any]) -> bool:
    return bool(attempt.get("input", {}).get("actionTypeId", {}).get("category") == "Approval")


def _shown(state: Iterable[Mapping[str, Any]], attempt: Mapping[str, Any], execution_id: str) -> Mapping[str, Any]:
    """What GetPipelineState says about the attempt; nothing when the stage belongs to another execution by now."""
    stage = next((each for each in state if each["stageName"] == attempt["stageName"]), {})
    if stage.get("latestExecution", {}).get("pipelineExecutionId") != execution_id:
        return {}
    shown: Mapping[str, Any] = _action_state([stage], attempt["stageName"], attempt["actionName"])
    latest: Mapping[str, Any] = shown.get("latestExecution", {})
    return latest


def _action_state(state: Iterable[Mapping[str, Any]], stage: str, action: str) -> Mapping[str, Any]:
    actions = [shown for each in state if each["stageName"] == stage for shown in each["actionStates"]]
    return next((shown for shown in actions if shown["actionName"] == action), {})


def _waiting_at(stage: Mapping[str, Any]) -> list[str]:
    inbound = [each["pipelineExecutionId"] for each in stage.get("inboundExecutions", [])]
    has_token = any(action.get("latestExecution", {}).get("token") for action in stage["actionStates"])
    present = stage.get("latestExecution", {}).get("pipelineExecutionId")
    return [present, *inbound] if has_token and present else inbound


def _waiting_for(state: Iterable[Mapping[str, Any]], execution_id: str) -> str:
    for stage in state:
        inbound = [stage.get("inboundExecution", {}), *stage.get("inboundExecutions", [])]
        if execution_id not in {each.get("pipelineExecutionId") for each in inbound}:
            continue
        transition = stage.get("inboundTransitionState", {})
        if transition.get("enabled", True):
            holder = stage.get("latestExecution", {}).get("pipelineExecutionId", "another execution")
            return f"{stage['stageName']}, which {holder} occupies"
        return f"{stage['stageName']}, whose transition is disabled: {transition.get('disabledReason', 'no reason')}"
    return ""
