"""Change detection: sources that poll, and those that are told of pushes (user guide, change detection)."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial

from deliverkit.sandbox.codepipeline import changes, pushes, starts
from deliverkit.sandbox.codepipeline.definition import Action, Definition
from deliverkit.sandbox.codepipeline.state import Pipeline
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

INTERVAL = timedelta(milliseconds=250)
"""Virtual time between two looks; AWS takes about a minute, which no rehearsal has."""
IDLE = timedelta(days=30)
"""Without an execution for longer, a pipeline polls no more (CodePipeline API reference, PipelineMetadata)."""


def polling_sources(definition: Definition) -> list[Action]:
    """The sources that poll."""
    return [action for action in definition.sources if changes.polls(action)]


def watch(world: World, pipeline: Pipeline) -> None:
    """Look for changes from now on, until the pipeline is deleted or none of its sources wants it any more."""
    pipeline.polling_disabled_at = None
    for action in _listening_sources(pipeline):
        pushes.note(world, pipeline, action)
    if pipeline.is_watched:
        return
    pipeline.is_watched = True
    world.timers.soon(partial(_look_again, world, pipeline))


def _look_again(world: World, pipeline: Pipeline) -> None:
    polling, listening = polling_sources(pipeline.current), _listening_sources(pipeline)
    if polling and pipeline.polling_disabled_at is None and _is_idle(world, pipeline):
        pipeline.polling_disabled_at = world.clock.now()
    if pipeline.polling_disabled_at is not None:
        polling = []
    pipeline.is_watched = bool(polling or listening) and not pipeline.is_deleted
    if pipeline.is_watched:
        world.timers.after(INTERVAL, partial(_look_again, world, pipeline))
        for action in polling:
            _look(world, pipeline, action)
        for action in listening:
            pushes.look(world, pipeline, action)


def _listening_sources(pipeline: Pipeline) -> list[Action]:
    """The sources of the newest version that are told of pushes."""
    return [action for action in pipeline.current.sources if pushes.listens(pipeline.current, action)]


def _is_idle(world: World, pipeline: Pipeline) -> bool:
    newest = next(pipeline.newest_first(), None)
    # An update enables polling again, so it counts as a sign of life; undocumented.
    last = max(newest.started_at, pipeline.updated_at) if newest else pipeline.updated_at
    return world.clock.now() - last > IDLE


def _look(world: World, pipeline: Pipeline, action: Action) -> None:
    version = changes.newest(world, pipeline, action)
    if version is None or pipeline.seen.get(action.name) == version:
        return
    # At the limit of executions the revision stays unseen: the next look tries again.
    with suppress(ApiError):
        starts.begin(world, pipeline, changes.trigger(action))
        pipeline.seen[action.name] = version
