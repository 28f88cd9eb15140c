"""Who may enter a stage, by execution mode (CodePipeline user guide, how pipeline executions work)."""

from __future__ import annotations

from dataclasses import dataclass

from deliverkit.sandbox.codepipeline.state import Execution, Pipeline, Status

PARALLEL = "PARALLEL"
SUPERSEDED = "SUPERSEDED"


@dataclass(frozen=True, slots=True)
class Admission:
    """What happens in front of a stage.

    Attributes:
        enters: The execution that enters now; None when nobody may.
        superseded: Executions that a newer one replaces.
    """

    enters: Execution | None
    superseded: tuple[Execution, ...] = ()


def decide(pipeline: Pipeline, stage: str) -> Admission:
    """Look at those who wait: the newest replaces the others in mode SUPERSEDED, the first goes first in the others."""
    waiting = waiting_for(pipeline, stage)
    superseded: tuple[Execution, ...] = ()
    if pipeline.current.mode == SUPERSEDED and len(waiting) > 1:
        *older, newest = waiting
        superseded, waiting = tuple(older), [newest]
    may_enter = bool(waiting) and is_open(pipeline, stage) and not is_locked(pipeline, stage)
    return Admission(waiting[0] if may_enter else None, superseded)


def waiting_for(pipeline: Pipeline, stage: str) -> list[Execution]:
    """The running executions in front of a stage, in the order of their start."""
    return [each for each in pipeline.active() if each.waiting_for == stage and each.status is Status.IN_PROGRESS]


def is_open(pipeline: Pipeline, stage: str) -> bool:
    """True unless the inbound transition, or the outbound one of the stage before, is disabled."""
    before = pipeline.current.before(stage)
    is_released = before is None or pipeline.transition(before.name, "Outbound").is_enabled
    return is_released and pipeline.transition(stage, "Inbound").is_enabled


def is_locked(pipeline: Pipeline, stage: str) -> bool:
    """True while an execution is inside the stage; a PARALLEL pipeline has no locks."""
    return pipeline.current.mode != PARALLEL and occupant(pipeline, stage) is not None


def occupant(pipeline: Pipeline, stage: str) -> Execution | None:
    """The execution that is inside the stage."""
    inside = (each for each in pipeline.active() if stage in each.stages and each.stages[stage].is_locked)
    return next(inside, None)
