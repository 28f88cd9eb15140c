"""What the outcome of a condition leads to (CodePipeline user guide, how stage conditions work)."""

from __future__ import annotations

from deliverkit.sandbox.codepipeline.conditions.check import Check
from deliverkit.sandbox.codepipeline.definition import BEFORE_ENTRY, ON_FAILURE
from deliverkit.sandbox.codepipeline.state import Execution, Pipeline, StageRun, Status
from deliverkit.sandbox.kernel.world import World

_BROKEN = frozenset({"ConfigurationError", "PermissionError", "SystemUnavailable"})
"""Codes of rules that could not be evaluated. Undocumented is when a condition is Errored instead of Failed; here it is
when a rule failed with one of these. Both are not met."""


def conclude(world: World, check: Check) -> None:
    """Write down how a condition ended whose rules have all ended: it is met when every rule succeeded."""
    failures = {run.action.name: run.outcome.failure for run in check.runs if run.outcome.failure is not None}
    if all(run.status is Status.SUCCEEDED for run in check.runs):
        return check.end(Status.SUCCEEDED, world.clock.now())
    is_broken = any(failure.code in _BROKEN for failure in failures.values())
    summary = f"Rules failed: {', '.join(failures)}"
    return check.end(Status.ERRORED if is_broken else Status.FAILED, world.clock.now(), summary)


def apply(world: World, pipeline: Pipeline, execution: Execution, stage: StageRun, check: Check) -> None:
    """Let the execution pass when the condition is met, and apply its result when it is not."""
    from deliverkit.sandbox.codepipeline import progress  # noqa: PLC0415  (the progress asks for the judgement)

    if progress.is_outdated(pipeline, execution):
        return progress.cancel(world, pipeline, execution, stage)
    if check.kind == ON_FAILURE:
        result = "" if check.is_met else check.condition.result or stage.stage.failure_result
        return progress.give_up(world, pipeline, execution, stage, result)
    if check.is_met and check.kind == BEFORE_ENTRY:
        return progress.begin_actions(world, pipeline, execution, stage)
    if check.is_met:
        return progress.leave(world, pipeline, execution, stage)
    if check.condition.result == "SKIP":
        return progress.leave(world, pipeline, execution, stage, Status.SKIPPED)
    return progress.give_up(world, pipeline, execution, stage, check.condition.result)
