"""How executions begin: by a call, at creation, by a changed source."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deliverkit.sandbox.codepipeline import errors, notices, progress
from deliverkit.sandbox.codepipeline.providers import source_s3
from deliverkit.sandbox.codepipeline.providers.provider import new_id
from deliverkit.sandbox.codepipeline.state import Execution, Pipeline, SourceOverride, Status, Trigger
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

MAX_ACTIVE = 50
"""Active executions of a QUEUED or PARALLEL pipeline; above it AWS refuses to start or retry."""
_REVISION_TYPES: Mapping[str, tuple[str, ...]] = {
    "S3": (source_s3.KEY, source_s3.VERSION),
    "CodeCommit": ("COMMIT_ID",),
    "CodeStarSourceConnection": ("COMMIT_ID",),
    "GitHub": ("COMMIT_ID",),
    "ECR": ("IMAGE_DIGEST",),
}
"""By source provider (CodePipeline user guide, start a pipeline with a source revision override)."""


def begin(
    world: World,
    pipeline: Pipeline,
    trigger: Trigger,
    *,
    overrides: tuple[SourceOverride, ...] = (),
    variables: Mapping[str, str] | None = None,
) -> Execution:
    """Start an execution of the newest version.

    Args:
        world: The sandbox.
        pipeline: What to run.
        trigger: Why.
        overrides: Revisions for its sources.
        variables: Values for pipeline variables; names that are not declared are ignored.

    Raises:
        ApiError: `ConcurrentPipelineExecutionsLimitExceededException`.
    """
    require_room(pipeline)
    now = world.clock.now()
    execution = Execution(new_id(), pipeline.current, trigger, now, now, overrides)
    pipeline.executions[execution.id] = execution
    given = variables or {}
    bound = {name: given.get(name, default) for name, default in pipeline.current.variables.items()}
    missing = sorted(name for name, value in bound.items() if value is None)
    if missing:
        notices.pipeline_changed(world, pipeline, execution, "STARTED")
        execution.status_summary = f"Values for required variables haven't been provided: {', '.join(missing)}"
        progress.end_execution(world, pipeline, execution, Status.FAILED)
        return execution
    execution.variables = {name: value for name, value in bound.items() if value is not None}
    progress.launch(world, pipeline, execution)
    return execution


def require_room(pipeline: Pipeline) -> None:
    """Refuse when a QUEUED or PARALLEL pipeline has all the executions it may have.

    Raises:
        ApiError: `ConcurrentPipelineExecutionsLimitExceededException`.
    """
    if pipeline.current.mode != "SUPERSEDED" and len(pipeline.active()) >= MAX_ACTIVE:
        text = f"The pipeline '{pipeline.name}' has reached the limit of {MAX_ACTIVE} concurrent executions"
        raise ApiError("ConcurrentPipelineExecutionsLimitExceededException", text)


def overrides_from(pipeline: Pipeline, revisions: Iterable[Mapping[str, Any]]) -> tuple[SourceOverride, ...]:
    """The source revisions of a StartPipelineExecution, checked against the pipeline's sources.

    Raises:
        ApiError: `ValidationException` for an unknown action, a type that is not the provider's, a key where the source
            does not allow one, or one type named twice.
    """
    overrides = tuple(
        SourceOverride(each["actionName"], each["revisionType"], each["revisionValue"]) for each in revisions
    )
    if len({(each.action, each.type) for each in overrides}) != len(overrides):
        raise errors.invalid("sourceRevisions name the same revision type of an action more than once")
    for override in overrides:
        _check_override(pipeline, override)
    return overrides


def _check_override(pipeline: Pipeline, override: SourceOverride) -> None:
    action = next((each for each in pipeline.current.sources if each.name == override.action), None)
    if action is None:
        raise errors.invalid(f"Source action '{override.action}' does not exist in pipeline '{pipeline.name}'")
    if override.type not in _REVISION_TYPES.get(action.type.provider, ()):
        raise errors.invalid(
            f"Revision type {override.type} is not supported by source action '{action.name}' "
            f"with provider {action.type.provider}"
        )
    if override.type == source_s3.KEY and not source_s3.allows_key_override(action):
        raise errors.invalid(
            f"Source action '{action.name}' does not allow an override of its S3 object key: "
            f"AllowOverrideForS3ObjectKey is not true"
        )
