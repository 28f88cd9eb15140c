"""Sandboxes for the tests, which must have seen what the page of operations says that they show."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from answers_seen import PAGE, Watch, told, write
from codedeploy_fleet import Fleet
from codedeploy_traffic import Balanced
from codepipeline_fixtures import Rig, running_rig, whole_rig

from deliverkit.sandbox import launcher
from deliverkit.sandbox.server import Sandbox

_NUMBERS = itertools.count()
_watch = Watch()
_told = told()


def pytest_configure() -> None:
    _watch.begin()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    _watch.seen = set()
    yield
    module, test = item.path.stem, item.name
    write(module, test, _watch.seen)
    unseen = _told.get((module, test), set()) - _watch.seen
    assert not unseen, f"{PAGE.name} says that this test shows {sorted(unseen)}; make the page anew"


# --- sandboxes of a module ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path_factory.mktemp("sandbox"))
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A sandbox whose CodeDeploy a test decides, with something to release."""
    with running_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        rig.put()
        yield rig


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield Fleet(rig)


@pytest.fixture(scope="module")
def balanced(fleet: Fleet) -> Balanced:
    return Balanced(fleet)


@pytest.fixture
def api(fleet: Fleet) -> Any:
    """CodeDeploy's client."""
    return fleet.api


@pytest.fixture
def app(api: Any) -> str:
    """A new application of CodeDeploy."""
    name = f"app-{next(_NUMBERS)}"
    api.create_application(applicationName=name)
    return name


# --- sandboxes of one test, in a process of their own ---------------------------------------------


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """Where such a sandbox keeps its state; it is stopped behind the test."""
    yield tmp_path / "state"
    launcher.stop(tmp_path / "state")
