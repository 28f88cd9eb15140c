"""`promote` is killed with SIGKILL at twenty moments; the `resume` that `status` names ends as if it were not."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from shop import DIRECT, Shop

MOMENTS = 20


@dataclass
class Served:
    """A shop that serves 1.0.0, and how long its promotion took when nobody disturbed it."""

    shop: Shop
    takes: float


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    shop = Shop.open(tmp_path_factory.mktemp("shop"), configuration=DIRECT)
    shop.start(instances=("2",))
    try:
        shop.release("1.0.0")
        yield Served(shop, undisturbed(shop))
        shop.must("ledger", "verify")
        assert shop.run("lock", "show", "dev").out.strip() == "dev is free"
    finally:
        shop.stop()


def undisturbed(shop: Shop) -> float:
    began = time.monotonic()
    assert shop.run("promote", "1.0.0", "--to", "dev").code == 0
    return time.monotonic() - began


def kill_after(shop: Shop, seconds: float, version: str) -> None:
    process = shop.begin("promote", version, "--to", "dev")
    with contextlib.suppress(Exception):
        process.wait(timeout=seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def finish(shop: Shop, version: str) -> int:
    """Type what `status` says, and give the exit code that the promotion ends with."""
    status = shop.run("status")
    named = re.findall(r"deliverkit resume (\S+)", status.out + status.err)
    if named:
        return shop.run("resume", named[-1]).code
    listed = shop.run("status", "--output", "json").document
    ended = [each for each in listed["ended"] if each["version"] == version]
    if ended:
        return shop.run("wait", ended[-1]["promotion"]).code
    # Killed before anything was recorded: the promotion was never opened, and typing it again opens it.
    return shop.run("promote", version, "--to", "dev").code


@pytest.mark.parametrize("moment", range(MOMENTS))
def test_twenty_kills(served: Served, moment: int) -> None:
    shop = served.shop
    is_bad = moment % 4 > 1  # of good and bad ones alike, some early and some late
    version = f"1.{moment}.0-rc.1" if is_bad else f"1.{moment + 1}.0"
    shop.release(version, *(("--faulty-after", "1") if is_bad else ()))
    before = shop.serving("dev")
    kill_after(shop, served.takes * (moment + 1) / MOMENTS, version)
    assert finish(shop, version) == (3 if is_bad else 0)
    assert shop.serving("dev") == (before if is_bad else {version})
