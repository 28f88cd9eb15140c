"""What people see of an upload, and what a log keeps."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest

from deliverkit.cli.options import Console
from deliverkit.cli.uploading import telling
from deliverkit.testing.clock import FakeClock

MIB = 1024 * 1024


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_sign_of_life_each_minute() -> None:
    console, clock = Console(out=io.StringIO(), err=io.StringIO(), environ={}), FakeClock()
    with telling(console, clock.now) as progress:
        for second in range(0, 150, 10):
            progress(second * MIB, 300 * MIB - 1)
            clock.advance(timedelta(seconds=10))
    lines = console.err.getvalue().splitlines()
    assert [line.split("  ", 1)[1] for line in lines] == [
        "still uploading: 60 MiB of at most 300 MiB",
        "still uploading: 120 MiB of at most 300 MiB",
    ]


def test_a_short_upload_says_nothing_in_a_log() -> None:
    console = Console(out=io.StringIO(), err=io.StringIO(), environ={})
    with telling(console, FakeClock().now) as progress:
        progress(1, 1)
    assert console.err.getvalue() == ""


def test_people_see_one_line_that_vanishes_even_when_it_fails() -> None:
    console = Console(out=io.StringIO(), err=Terminal(), environ={"TERM": "xterm"})

    def fail() -> None:
        with telling(console, FakeClock().now) as progress:
            progress(2 * MIB, 9 * MIB)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert console.err.getvalue() == "\r\033[Kuploading: 2 MiB of at most 9 MiB\r\033[K"
