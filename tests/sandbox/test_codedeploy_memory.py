"""What CodeDeploy remembers can be written down at any moment: stores, open commands and timers."""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_bench import wait_for
from codedeploy_fleet import Fleet
from codepipeline_fixtures import whole_rig

from deliverkit.sandbox.codedeploy.command_service import _Kept
from deliverkit.sandbox.codedeploy.state import Store
from deliverkit.sandbox.kernel.world import World


class ByName(pickle.Pickler):
    """Writes the world down by name, as it is not part of its own state."""

    def persistent_id(self, thing: Any) -> Any:
        return "world" if isinstance(thing, World) else None


class FromName(pickle.Unpickler):
    def persistent_load(self, name: Any) -> Any:
        return name


def written_down(thing: Any) -> Any:
    out = io.BytesIO()
    ByName(out).dump(thing)
    return FromName(io.BytesIO(out.getvalue())).load()


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield Fleet(rig)


def test_a_deployment_under_way_can_be_written_down_with_its_commands_and_timers(fleet: Fleet, tmp_path: Path) -> None:
    fleet.alarm("calm")
    alarms = {"enabled": True, "alarms": [{"name": "calm"}]}
    group = fleet.group(2, alarmConfiguration=alarms)
    deployment = fleet.deploy(group, f"touch {tmp_path}/on; while [ ! -e {tmp_path}/go ]; do sleep 0.02; done")
    wait_for((tmp_path / "on").exists, "the first script")
    world = fleet.rig.sandbox.world
    with world.lock:
        queue = [timer for timer in world.timers._queue if not timer.is_cancelled]
        (store,) = [store for _, _, store in world.stores(Store)]
        (kept,) = [kept for _, _, kept in world.stores(_Kept)]
        kept_store, kept_commands, kept_queue = written_down((store, kept, queue))
    (running,) = kept_commands.commands._open.values()
    # One graph: the command's completion moves the very deployment that the store holds.
    assert running.completed.func.__self__.deployment is kept_store.deployments[deployment]
    assert len(kept_queue) == len(queue)
    (tmp_path / "go").touch()
    assert fleet.end(deployment)["status"] == "Succeeded"
