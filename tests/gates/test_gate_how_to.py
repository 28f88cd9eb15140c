"""The how-to shows what its commands write."""

from __future__ import annotations

import judge_how_to as how_to


def test_the_page_shows_what_the_commands_write() -> None:
    assert how_to.page() == how_to.PAGE.read_text("utf-8"), "python tests/gates/judge_how_to.py"
    assert how_to.PAGE.read_text("utf-8").count("$ deliverkit gate ") >= 5
