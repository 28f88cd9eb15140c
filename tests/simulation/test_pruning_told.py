"""What `release prune --yes` tells of what it did, when it cannot go on."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any

import pytest
from worlds import direct, environment

from deliverkit.cli.options import Console, Options
from deliverkit.cli.release_prune import prune
from deliverkit.domain.release_rules import KeepRules
from deliverkit.errors import UnreachableError


class Silent:
    """A port that does not answer when it is asked for strays, which comes after the releases."""

    def __init__(self, port: Any) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        if name == "found":
            raise UnreachableError("no answer")
        return getattr(self._port, name)


def options(*, is_json: bool) -> Options:
    return Options(
        config=None,
        profile=None,
        region=None,
        endpoint_url=None,
        is_sandboxed=False,
        is_json=is_json,
        is_verbose=False,
        is_confirmed=True,
    )


@pytest.mark.parametrize("is_json", [True, False])
def test_what_is_removed_already_is_told_when_the_rest_cannot_be(is_json: bool) -> None:
    world = direct(environment("dev"))
    world.keep = KeepRules(last=1, younger_than=timedelta(seconds=1))
    for version in ("1", "2", "3"):
        world.release(version)
        world.clock.advance(timedelta(days=1))
    world.wrap = lambda port: Silent(port) if hasattr(port, "found") else port
    console = Console(io.StringIO(), io.StringIO(), {})
    with pytest.raises(UnreachableError):
        prune(world.delivery().catalogue.pruner, options(is_json=is_json), console)
    assert len(world.releases.list()) == 1
    said = console.out.getvalue()
    if is_json:
        assert {(each["version"], each["fate"]) for each in json.loads(said)} == {("1", "removed"), ("2", "removed")}
    else:
        assert {tuple(line.split()[:2]) for line in said.splitlines()} == {("removed", "1"), ("removed", "2")}
    assert console.err.getvalue().endswith("2 removed, 0 left\n")


def test_nothing_is_told_as_data_when_nothing_was_done() -> None:
    world = direct(environment("dev"))
    world.keep = KeepRules(last=1, younger_than=timedelta(seconds=1))
    world.release("1")
    world.wrap = lambda port: Silent(port) if hasattr(port, "found") else port
    console = Console(io.StringIO(), io.StringIO(), {})
    with pytest.raises(UnreachableError):
        prune(world.delivery().catalogue.pruner, options(is_json=True), console)
    assert console.out.getvalue() == ""
