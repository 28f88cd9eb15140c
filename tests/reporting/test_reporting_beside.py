"""What goes wrong beside a delivery, with its commit's status or its JUnit file, never changes how it ends."""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from xml.etree import ElementTree as ET

import pytest
from stories import RELEASE, Story

from deliverkit.cli.commit_news import CommitNews
from deliverkit.cli.junit_file import JunitFile
from deliverkit.cli.streams import Console
from deliverkit.delivery import Delivery
from deliverkit.domain.commit_status import CommitStatus
from deliverkit.domain.folding import fold
from deliverkit.domain.ledger import Event
from deliverkit.errors import UnreachableError


class Broken:
    """Commit statuses of somebody whose library has a bug."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.asked = 0

    def state(self, status: CommitStatus) -> None:
        self.asked += 1
        raise self.error


class Shelf:
    """A ledger that holds a stream and answers so many times."""

    def __init__(self, events: Iterable[Event], *, answers: int) -> None:
        self.events = tuple(events)
        self.answers = answers

    def read(self, _stream: str, after: int = 0) -> tuple[Event, ...]:
        self.answers -= 1
        if self.answers < 0:
            raise UnreachableError("S3 does not answer")
        return self.events[after:]


def story() -> Story:
    told = Story().then("environment.claimed", {"environment": "production"}).approved()
    return told.leg_done().concluded()


@pytest.fixture
def console() -> Console:
    return Console(io.StringIO(), io.StringIO(), {})


def said(console: Console) -> str:
    return cast(io.StringIO, console.err).getvalue()


@pytest.mark.parametrize("error", [ValueError("Invalid IPv6 URL"), RecursionError(), OSError("torn"), KeyError("x")])
def test_a_commit_that_cannot_be_told_is_told_once(console: Console, error: Exception) -> None:
    statuses = Broken(error)
    news = CommitNews(statuses, console)
    rollout = fold(story().events)
    assert news.tell(rollout) is False
    assert said(console).startswith(
        f"warning: commit {RELEASE.source.commit[:10] if RELEASE.source else ''} is not told"
    )
    news.begin(rollout)
    assert statuses.asked == 1


def heard(path: Path, shelf: Shelf, console: Console, events: Iterable[Event]) -> JunitFile:
    delivery: Any = SimpleNamespace(ledger=shelf)
    file = JunitFile(path, cast(Delivery, delivery), "production-12", console)
    with file.written():
        for event in events:
            file.hear(event, fold(story().events))
    return file


@pytest.mark.parametrize("answers", [0, 1])
def test_a_ledger_that_falls_silent_after_the_end_changes_nothing(
    tmp_path: Path, console: Console, answers: int
) -> None:
    path, events = tmp_path / "gates.xml", story().events
    shelf = Shelf(events[: 3 * answers], answers=answers)
    file = heard(path, shelf, console, events)
    assert not file.is_lost
    root = ET.parse(path).getroot()
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("2", "0", "0")
    assert "holds what was heard while watching: S3 does not answer" in said(console)


def test_what_was_not_heard_is_missed_in_the_file(tmp_path: Path, console: Console) -> None:
    path, events = tmp_path / "gates.xml", story().events
    heard(path, Shelf((), answers=0), console, events[:-2])
    root = ET.parse(path).getroot()
    assert root.get("errors") == "1"
    assert "S3 does not answer" in path.read_text()


def test_events_that_nobody_can_read_do_not_hide_the_end(tmp_path: Path, console: Console) -> None:
    events = story().events
    file = heard(tmp_path / "gates.xml", Shelf(events[1:], answers=2), console, ())
    assert file.is_lost
    assert "the results are not in" in said(console)
