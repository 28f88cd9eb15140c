"""The example application, deployed onto a host by the agent: all seven events with the real server."""

from __future__ import annotations

import random
import shutil
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from agent_bench import (
    EVENTS,
    Bench,
    ScriptedService,
    agent_of,
    make_bench,
    specification,
    wait_for,
    zipped_directory,
)

from deliverkit.sandbox.agent.protocol import CommandStatus

EXAMPLE = Path(__file__).parents[2] / "examples/storefront"
SUCCEEDED = CommandStatus.SUCCEEDED


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    # An address of its own: the port is fixed, and other tests run at the same time.
    made = make_bench(tmp_path / "host", address=f"127.{random.randint(64, 127)}.{random.randint(0, 255)}.9")
    yield made
    made.host.processes.kill()


def build(directory: Path, version: str) -> bytes:
    if not directory.exists():
        shutil.copytree(EXAMPLE, directory, ignore=shutil.ignore_patterns("build*.*", "build"))
        shutil.copy2(EXAMPLE / "build.sh", directory)
    subprocess.run([directory / "build.sh", version], check=True, capture_output=True)
    return zipped_directory(directory / "build")


def deploy(bench: Bench, service: ScriptedService) -> None:
    agent = agent_of(bench, service)
    agent.start()
    service.wait_until(lambda: len(service.statuses()) >= len(EVENTS))


def served_version(address: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{address}:8080/version", timeout=10) as answer:
        return answer.read().decode().strip()


def is_open(address: str) -> bool:
    with socket.socket() as client:
        return client.connect_ex((address, 8080)) == 0


def test_two_releases_one_after_the_other_and_the_end_of_the_host(tmp_path: Path, bench: Bench) -> None:
    for version in ("1.0.0", "2.0.0"):
        bench.shelf.put(version, build(tmp_path / "shop", version))
        service = ScriptedService(specification(f"d-{version}", key=version), EVENTS)
        deploy(bench, service)
        assert service.statuses() == [(event, SUCCEEDED) for event in EVENTS], service.completions
        assert service.acknowledged[0] == ("ApplicationStop", version == "1.0.0")
        assert version in served_version(bench.host.address)

    log = bench.script_log("d-2.0.0")
    assert [line.split(" - ")[1] for line in log.splitlines() if "LifecycleEvent - " in line] == [
        event for event in EVENTS if event not in {"DownloadBundle", "Install"}
    ]
    assert bench.host.processes.living()
    bench.host.processes.kill()
    wait_for(lambda: not is_open(bench.host.address), "the server's end")
    assert bench.host.processes.living() == []
