"""How a step ends on a real controller: signals to children first, nothing ever killed, `post` while it still runs.

Measured on Jenkins 2.462: an abort sends SIGTERM to every process of a step, children before parents, the main process
some 5 s later; no SIGKILL follows; after 20 s `post` runs whether or not the process has ended; when the agent is away,
it gets no signal at all. Two builds of a job have workspaces of their own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from shop import DIRECT, Shop, wait_until

# A gate whose command is a child that runs for as long as there is no file `go`.
HELD = (
    'slow:\n    command: {{run: "echo >>{place}/probes; test -f {place}/go || exec sleep 60"}}\n    every: 200ms\n  up:'
)


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    place = tmp_path_factory.mktemp("steps")
    held = DIRECT.replace("up:", HELD.format(place=place), 1).replace("after: [up]", "during: [slow], after: [up]")
    opened = Shop.open(place, configuration=held.replace("bake_time: 1500ms", "bake_time: 1m"))
    (place / "go").touch()
    opened.start(instances=("1",))
    yield opened
    opened.stop()


@pytest.fixture(scope="module")
def other(shop: Shop) -> Shop:
    """Another workspace of the same job: the next build's, or that of a `post` block."""
    workspace = shop.directory.with_name("storefront@2")
    shutil.copytree(shop.directory, workspace)
    return replace(shop, directory=workspace)


@pytest.fixture(scope="module", autouse=True)
def delivered(shop: Shop) -> str:
    """A good release, to go back to."""
    promotion, step = baking(shop, "1.0.0")
    shop.must("sandbox", "clock", "advance", "1m")
    assert ended(step) == 0, promotion
    assert shop.serving("dev") == {"1.0.0"}
    return promotion


def baking(shop: Shop, version: str) -> tuple[str, subprocess.Popen[bytes]]:
    """A build whose step `sh 'deliverkit wait ...'` has got as far as the bake time."""
    shop.release(version)
    promotion = shop.must("promote", "--to", "dev", "--detach").out.strip()
    log = shop.directory / f"{promotion}.log"
    with log.open("wb") as sink:
        command = f"{sys.executable} -m deliverkit wait {promotion} --stage dev"
        step = subprocess.Popen(
            ["sh", "-xec", f"{command}; exit 0"], cwd=shop.directory, env=shop.environ, stdout=sink, stderr=sink,
            start_new_session=True,
        )  # fmt: skip
    wait_until(lambda: "bakes until" in log.read_text() or step.poll() is not None)
    assert step.poll() is None, log.read_text()
    return promotion, step


def descendants(pid: int) -> list[int]:
    """Processes below one, parents before children."""
    children: list[int] = []
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            children += [int(word) for word in thread.read_text().split()]
    return children + [below for child in children for below in descendants(child)]


def commands(pid: int) -> list[str]:
    """Names of the programs below a process."""
    found = []
    for below in descendants(pid):
        with contextlib.suppress(OSError):
            found.append(Path(f"/proc/{below}/comm").read_text().strip())
    return found


def ended(step: subprocess.Popen[bytes], *, within: float = 30) -> int:
    return step.wait(timeout=within)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_child_that_is_told_first_is_no_failure_and_another_workspace_goes_on(shop: Shop, other: Shop) -> None:
    go, probes = shop.directory.parents[1] / "go", shop.directory.parents[1] / "probes"
    promotion, step = baking(shop, "1.1.0")
    go.unlink()
    wait_until(lambda: "sleep" in commands(step.pid))
    [main, *children] = descendants(step.pid)
    began = time.monotonic()
    for pid in reversed(children):
        os.kill(pid, signal.SIGTERM)
    # The main process is told seconds later; here, once it has seen that its child is gone, and has asked again.
    size = probes.stat().st_size
    wait_until(lambda: probes.stat().st_size > size)
    assert step.poll() is None
    newer = descendants(main)
    os.kill(main, signal.SIGTERM)
    assert ended(step) == 143
    assert time.monotonic() - began < 15, "after 20 s Jenkins runs `post`"
    wait_until(lambda: not any(is_alive(pid) for pid in (*children, *newer)))
    status = other.must("status", promotion, "--output", "json").document
    assert (status["outcome"], status["phase"]) == (None, "baking"), "its state is saved, and nothing was rolled back"
    assert shop.serving("dev") == {"1.1.0"}

    go.touch()
    shop.must("sandbox", "clock", "advance", "1m")
    assert other.run("wait", promotion, "--stage", "dev").code == 0
    assert shop.serving("dev") == {"1.1.0"}


def test_a_step_that_got_no_signal_ends_by_itself_when_post_takes_the_release_back(shop: Shop, other: Shop) -> None:
    good = shop.serving("dev")
    promotion, step = baking(shop, "1.2.0")
    assert other.run("abort", promotion, "--rollback").code == 0
    assert shop.serving("dev") == good
    assert ended(step) == 3
    # `post` may run twice; there is nothing left to do.
    assert other.run("abort", promotion, "--rollback").code == 0
    assert shop.serving("dev") == good


def test_a_process_that_does_not_stop_can_do_nothing_any_more_once_post_has_run(shop: Shop, other: Shop) -> None:
    good = shop.serving("dev")
    promotion, step = baking(shop, "1.3.0")
    [main, *_] = descendants(step.pid)
    os.kill(main, signal.SIGSTOP)  # it lives, holds the lease, and hears no SIGTERM
    try:
        post = other.begin("abort", promotion, "--rollback")
        shop.must("sandbox", "clock", "advance", "1m")  # the lease of a driver that is not heard of ends after 30 s
        out, err = post.communicate(timeout=60)
        assert post.returncode == 0, out + err
        assert shop.serving("dev") == good
    finally:
        os.kill(main, signal.SIGCONT)
    assert ended(step) == 3
    assert shop.serving("dev") == good
    shop.must("ledger", "verify")
    assert shop.must("lock", "show", "dev").out.strip() == "dev is free"
