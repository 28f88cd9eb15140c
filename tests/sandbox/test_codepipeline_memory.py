"""What CodePipeline remembers can be written down at any moment: pipelines, runs under way and timers."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_conditions import condition, status_of, window
from codepipeline_fixtures import Rig, approval, deploy, running_rig, source, stage

from deliverkit.sandbox.codepipeline.providers.provider import Job
from deliverkit.sandbox.codepipeline.state import Store
from deliverkit.sandbox.kernel.clock import Timers
from deliverkit.sandbox.kernel.world import World


class ByName(pickle.Pickler):
    """Writes the world down by name, as it is not part of its own state."""

    def persistent_id(self, thing: Any) -> Any:
        return "world" if isinstance(thing, World) else None


class FromName(pickle.Unpickler):
    def persistent_load(self, name: Any) -> Any:
        return name


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as made:
        made.put()
        yield made


def written_down(world: World) -> tuple[Store, list[Any]]:
    with world.lock:
        out = io.BytesIO()
        stores = [store for _, _, store in world.stores(Store)]
        ByName(out).dump((stores[0], pending(world.timers)))
    kept: tuple[Store, list[Any]] = FromName(io.BytesIO(out.getvalue())).load()
    return kept


def pending(timers: Timers) -> list[Any]:
    return [timer for timer in timers._queue if timer.is_kept and not timer.is_cancelled]


def test_everything_under_way_can_be_written_down_as_one_graph(rig: Rig) -> None:
    name = rig.create(
        stage("Source", source(polls=True)), stage("Approve", approval()), stage("Deploy", deploy("held-memory"))
    )
    first = rig.until(lambda: rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])
    execution_id = first[0]["pipelineExecutionId"]
    rig.answer(name, rig.token(name))
    deployment = rig.deployment("held-memory")
    rig.put(b"PK newer")
    rig.token(name)
    rig.start(name)
    store, timers = written_down(rig.sandbox.world)
    kept = store.pipelines[name]
    watched = [
        step.args[0].run
        for timer in timers
        for step in getattr(timer.action, "args", ())
        if getattr(step, "args", None) and hasattr(step.args[0], "run")
    ]
    # The timer moves the very attempt that the store holds.
    assert kept.executions[execution_id].stages["Deploy"].current["Deploy"] in watched
    assert any(run is kept.executions[execution_id].stages["Deploy"].current["Deploy"] for run in watched)
    rig.codedeploy.finish(deployment)
    assert rig.ends(name, execution_id) == "Succeeded"


def test_a_stop_under_way_can_be_written_down(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()))
    execution_id = rig.first_execution(name)
    rig.token(name)
    rig.sandbox.world.clock.set_speed(0)
    try:
        rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True)
        store, timers = written_down(rig.sandbox.world)
        (kept,) = [each for each in store.pipelines[name].executions.values() if each.id == execution_id]
        assert kept.status == "Stopping"
        assert any(kept is argument for timer in timers for argument in getattr(timer.action, "args", ()))
    finally:
        rig.sandbox.world.clock.set_speed(1)
    assert rig.ends(name, execution_id) == "Stopped"


def test_a_condition_under_evaluation_can_be_written_down(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy(), beforeEntry=condition("FAIL", window("0 0 0 29 2 ?"))))
    execution_id = rig.first_execution(name)
    rig.until(lambda: status_of(rig, name, "Deploy") == "InProgress")
    store, timers = written_down(rig.sandbox.world)
    check = store.pipelines[name].executions[execution_id].stages["Deploy"].check
    assert check is not None
    jobs = [getattr(getattr(timer.action, "func", None), "__self__", None) for timer in timers]
    assert any(isinstance(job, Job) and job.run is check.runs[0] for job in jobs)
    rig.cp.override_stage_condition(
        pipelineName=name, stageName="Deploy", pipelineExecutionId=execution_id, conditionType="BEFORE_ENTRY"
    )
    assert rig.ends(name, execution_id) == "Succeeded"
