"""A shop whose build is good, for tests that type `deliverkit package` in it."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_shop import Shop
from lint_cases import GOOD


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.configure()
    made.build(GOOD)
    return made
