"""The how-to pages show what their commands write."""

from __future__ import annotations

from pathlib import Path

import judge_how_to as how_to
import pytest


@pytest.mark.parametrize("page", how_to.PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_its_commands_write(page: Path) -> None:
    assert how_to.page(page) == page.read_text("utf-8"), "python tests/gates/judge_how_to.py"
    assert page.read_text("utf-8").count("$ deliverkit gate ") >= 3
