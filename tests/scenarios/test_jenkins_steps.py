"""The shell steps of jenkins/Jenkinsfile in their order, and the way out when somebody aborts the build."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    opened = Shop.open(tmp_path)
    opened.start(instances=("1",))
    yield opened
    opened.stop()


def test_a_build_from_package_to_production_and_one_that_is_aborted(shop: Shop) -> None:
    shop.release("1.0.1")
    promotion = shop.must("promote", "--to", "production", "--detach").out.strip()
    for stage in ("Deploy-Dev", "Deploy-Staging"):
        report = shop.directory / "deliverkit-gates.xml"
        report.unlink(missing_ok=True)
        shop.must("wait", promotion, "--stage", stage, "--junit", str(report))
        assert ET.parse(report).getroot().findall(".//testcase")
    # Production is waited for until only a human can move it on: exit code 5, and the executor is free again.
    assert shop.run("wait", promotion, "--stage", "Deploy-Production", "--timeout", "30m").code == 5
    reason = "--reason=notes read (manager, jenkins-shop-1)"
    shop.must("approve", promotion, "--gate", "production", reason, "--profile", "approver")
    shop.must("wait", promotion, "--stage", "Deploy-Production")
    assert shop.serving("production") == {"1.0.1"}

    # A build that somebody aborts while production bakes: SIGTERM, then the post step while the old process ends.
    shop.release("1.0.2")
    promotion = shop.must("promote", "--to", "production", "--detach").out.strip()
    assert shop.run("wait", promotion).code == 5
    shop.must("approve", promotion, "--gate", "production", reason, "--profile", "approver")
    process = shop.begin("wait", promotion, "--stage", "Deploy-Production")
    assert process.stderr is not None
    while "bakes until" not in process.stderr.readline():
        assert process.poll() is None
    began = time.monotonic()
    os.kill(process.pid, signal.SIGTERM)
    aborted = shop.run("abort", promotion, "--rollback")
    process.communicate(timeout=20)
    assert process.returncode == 143
    assert time.monotonic() - began < 60
    assert aborted.code == 0, aborted
    assert shop.serving("production") == {"1.0.1"}
    # Jenkins may run the post step again; there is nothing left to do.
    assert shop.run("abort", promotion, "--rollback").code == 0
    assert shop.run("wait", promotion).code == 3
    assert shop.must("lock", "show", "production").out.strip() == "production is free"
