"""Tests must have seen what the page of operations says that they show."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from answers_seen import PAGE, Watch, told, write

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
