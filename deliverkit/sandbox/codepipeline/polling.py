"""Change detection: sources that look for new versions by themselves (CodePipeline user guide, change detection)."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from functools import partial

from deliverkit.sandbox.codepipeline import changes, starts
from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.state import Pipeline
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

INTERVAL = timedelta(milliseconds=250)
"""Virtual time between two looks; AWS takes about a minute, which no rehearsal has."""
IDLE = timedelta(days=30)
"""Without an execution for longer, a pipeline polls no more (CodePipeline API reference, PipelineMetadata)."""


def polling_sources(pipeline: Pipeline) -> list[Action]:
    """The sources of the newest version that poll."""
    return [action for action in pipeline.current.sources if changes.detects(action)]


def watch(world: World, pipeline: Pipeline) -> None:
    """Look for changes from now on, until the pipeline is deleted or none of its sources polls any more."""
    pipeline.polling_disabled_at = None
    if pipeline.is_watched:
        return
    pipeline.is_watched = True
    world.timers.soon(partial(_look_again, world, pipeline))


def _look_again(world: World, pipeline: Pipeline) -> None:
    sources = polling_sources(pipeline)
    if sources and _is_idle(world, pipeline):
        pipeline.polling_disabled_at = world.clock.now()
    pipeline.is_watched = bool(sources) and not pipeline.is_deleted and pipeline.polling_disabled_at is None
    if pipeline.is_watched:
        world.timers.after(INTERVAL, partial(_look_again, world, pipeline))
        for action in sources:
            _look(world, pipeline, action)


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
