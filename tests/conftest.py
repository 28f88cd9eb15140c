"""What all tests share."""

from __future__ import annotations

from typing import Any

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
