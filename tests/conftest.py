"""What all tests share."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from real_jenkins import NO_JENKINS

# How long an example takes says nothing on a machine that others use too; `scripts/bench` measures time.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Say what was not tried, and what it takes."""
    skipped = [each for each in terminalreporter.getreports("skipped") if NO_JENKINS in str(each.longrepr)]
    if skipped:
        terminalreporter.write_line(f"{len(skipped)} scenarios of tests/jenkins: {NO_JENKINS}")


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder without a deliverkit.yml."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def own_signals() -> Iterator[None]:
    """The command line takes signals over; what had them before gets them back."""
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for each, handler in before.items():
        signal.signal(each, handler)
