"""The events CodePipeline tells EventBridge (CodePipeline user guide, detecting state changes)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.sandbox.codepipeline.state import ActionRun, Artifact, Execution, Pipeline
from deliverkit.sandbox.kernel.world import Notice, World


def pipeline_changed(world: World, pipeline: Pipeline, execution: Execution, state: str) -> None:
    """Tell that a pipeline execution is `STARTED`, `SUCCEEDED`, `FAILED`, ..."""
    detail = {
        **_common(execution, state),
        "pipeline-execution-attempt": float(execution.attempt),
        "start-time": execution.started_at.isoformat(),
    }
    if state == "STARTED":
        trigger = execution.trigger
        detail["execution-trigger"] = {"trigger-type": trigger.type, "trigger-detail": trigger.detail}
    if execution.stop_reason:
        detail["stop-execution-comments"] = execution.stop_reason
    _publish(world, pipeline, "Pipeline", detail)


def stage_changed(world: World, pipeline: Pipeline, execution: Execution, stage: str, state: str) -> None:
    """Tell that a stage is `STARTED`, `SUCCEEDED`, `FAILED`, ..."""
    # Stage events count from 0, and like all others from the execution's counter once something was retried.
    attempt = float(execution.attempt) if execution.attempt > 1 else 0.0
    detail = {**_common(execution, state), "stage": stage, "pipeline-execution-attempt": attempt}
    _publish(world, pipeline, "Stage", detail)


def action_changed(world: World, pipeline: Pipeline, execution: Execution, run: ActionRun, state: str) -> None:
    """Tell that an action is `STARTED`, `SUCCEEDED`, `FAILED`, `ABANDONED`."""
    detail: dict[str, Any] = {
        **_common(execution, state),
        "stage": run.action.stage,
        "action": run.action.name,
        "action-execution-id": run.id,
        "region": run.region,
        "type": run.action.type.as_json(),
        "pipeline-execution-attempt": float(execution.attempt),
        "input-artifacts": [_artifact(each) for each in run.inputs],
        "output-artifacts": [_artifact(each) for each in run.outcome.artifacts],
    }
    result = {
        "external-execution-id": run.external_id,
        "external-execution-url": run.external_url,
        "external-execution-summary": run.outcome.summary,
        "error-code": run.outcome.failure.code if run.outcome.failure else "",
    }
    if state != "STARTED":
        detail["execution-result"] = {name: value for name, value in result.items() if value}
    _publish(world, pipeline, "Action", detail)


def _common(execution: Execution, state: str) -> dict[str, Any]:
    definition = execution.definition
    return {
        "pipeline": definition.name,
        "execution-id": execution.id,
        "state": state,
        "version": float(definition.version),
    }


def _artifact(artifact: Artifact) -> dict[str, Any]:
    return {"name": artifact.name, "s3location": {"bucket": artifact.bucket, "key": artifact.key}}


def _publish(world: World, pipeline: Pipeline, what: str, detail: Mapping[str, Any]) -> None:
    detail_type = f"CodePipeline {what} Execution State Change"
    notice = Notice("aws.codepipeline", detail_type, pipeline.account, pipeline.region, (pipeline.arn,), detail)
    world.publish(notice)
