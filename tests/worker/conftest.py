"""What the worker's tests share: a sandbox whose pipelines have work for workers, and a way there to stand in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))  # pipelines are made there as here

from codepipeline_fixtures import Rig, running_rig
from worker_bench import Bench, Way, way_to, zipped


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        rig.put(zipped(hello="world"))
        yield rig


@pytest.fixture
def way(rig: Rig) -> Iterator[Way]:
    """A way to the sandbox on which requests can be held up."""
    with way_to(rig.sandbox.endpoint) as way:
        yield way


@pytest.fixture
def bench(rig: Rig, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(rig, tmp_path)
    yield bench
    bench.end()
