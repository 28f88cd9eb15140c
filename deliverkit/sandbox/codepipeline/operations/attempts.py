"""What the lists of action executions and rule executions have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from deliverkit.sandbox.codepipeline.state import ActionRun, Artifact, Pipeline

HISTORY = timedelta(days=365)
"""How long executions are kept, by the moment of their start (CodePipeline user guide, quotas: 12 months)."""


def matching(
    pipeline: Pipeline, runs: Sequence[ActionRun], wanted: Mapping[str, Any], now: datetime
) -> list[ActionRun]:
    """The attempts that a filter leaves, the last started first.

    Args:
        pipeline: Whose executions the filter names.
        runs: All attempts, oldest first.
        wanted: `pipelineExecutionId` and `latestInPipelineExecution`; given both, an attempt must match both.
        now: The present moment; attempts from longer ago than the history lasts are gone.

    Raises:
        ApiError: `PipelineExecutionNotFoundException` for an id in either part.
    """
    found = [run for run in runs if is_remembered(run.started_at, now)]
    if "pipelineExecutionId" in wanted:
        found = _of(pipeline, found, wanted["pipelineExecutionId"])
    latest = wanted.get("latestInPipelineExecution")
    if latest is not None:
        candidates = _of(pipeline, runs, latest["pipelineExecutionId"])
        if latest["startTimeRange"] == "Latest":
            candidates = list({(run.action.stage, run.action.name): run for run in candidates}.values())
        kept = {run.id for run in candidates}
        found = [run for run in found if run.id in kept]
    return found[::-1]


def is_remembered(started_at: datetime, now: datetime) -> bool:
    """True while lists show what started then."""
    return now - started_at <= HISTORY


def artifact_json(artifact: Artifact) -> dict[str, Any]:
    """An artifact as the API shows it."""
    return {"name": artifact.name, "s3location": {"bucket": artifact.bucket, "key": artifact.key}}


def result_json(run: ActionRun) -> dict[str, Any]:
    """How an attempt went (CodePipeline API reference, ActionExecutionResult and RuleExecutionResult)."""
    result: dict[str, Any] = {
        "externalExecutionId": run.external_id or None,
        "externalExecutionSummary": run.outcome.summary or None,
        "externalExecutionUrl": run.external_url or None,
    }
    if run.outcome.failure is not None:
        result["errorDetails"] = {"code": run.outcome.failure.code, "message": run.outcome.failure.message}
    return result


def _of(pipeline: Pipeline, runs: Sequence[ActionRun], execution_id: str) -> list[ActionRun]:
    pipeline.execution(execution_id)
    return [run for run in runs if run.execution_id == execution_id]
