"""The storefront: what is built, what the hooks do on a host, and that a faulty build really turns bad."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

STOREFRONT = Path(__file__).parents[2] / "examples/storefront"
PORT = 8080
PATIENCE_SECONDS = 30  # for real processes on a busy machine; no test waits that long when all is well


@dataclass(frozen=True)
class Workshop:
    """A copy of the example in a directory with an awkward name."""

    path: Path

    def build(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([self.path / "build.sh", *arguments], capture_output=True, text=True, check=False)

    def built(self, *arguments: str) -> Path:
        done = self.build(*arguments)
        assert done.returncode == 0, done.stderr
        return self.path / "build"


@dataclass(frozen=True)
class Host:
    """A directory that plays a host's root, and a loopback address that plays its network card."""

    root: Path
    address: str

    def install(self, bundle: Path) -> None:
        shutil.copytree(bundle / "storefront", self.root / "opt/storefront", dirs_exist_ok=True)

    def hook(self, bundle: Path, event: str, group: str = "storefront-dev") -> subprocess.CompletedProcess[str]:
        """Runs the hook as the agent does: from the agent's own directory, waiting until its output is closed."""
        environment = {
            **os.environ,
            "LIFECYCLE_EVENT": event,
            "DEPLOYMENT_GROUP_NAME": group,
            "DELIVERKIT_INSTANCE_ROOT": str(self.root),
            "DELIVERKIT_INSTANCE_ADDRESS": self.address,
        }
        [script] = hooks_of(bundle)[event]
        return subprocess.run(
            [bundle / script["location"]],
            cwd="/",
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=PATIENCE_SECONDS,
            check=False,
        )

    def start(self, bundle: Path, group: str = "storefront-dev") -> None:
        self.must(bundle, "BeforeInstall", group)
        self.install(bundle)
        self.must(bundle, "AfterInstall", group)
        self.must(bundle, "ApplicationStart", group)

    def deploy(self, bundle: Path) -> None:
        self.start(bundle)
        self.must(bundle, "ValidateService")

    def must(self, bundle: Path, event: str, group: str = "storefront-dev") -> str:
        done = self.hook(bundle, event, group)
        assert done.returncode == 0, f"{event}: {done.stdout}{done.stderr}"
        return done.stdout

    def get(self, path: str) -> tuple[int, str]:
        """Status and body; status 0 when nobody listens."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"http://{self.address}:{PORT}{path}", timeout=5) as reply:
                return reply.status, reply.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    @property
    def pid_file(self) -> Path:
        return self.root / "run/storefront/storefront.pid"

    def servers(self) -> list[int]:
        """Ids of the live processes that run this host's server."""
        program = os.fsencode(self.root / "opt/storefront/storefront.py")
        return [int(path.name) for path in Path("/proc").glob("[0-9]*") if program in command_line(path)]


def command_line(process: Path) -> list[bytes]:
    try:
        return (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []  # it ended meanwhile


def hooks_of(bundle: Path) -> dict[str, list[dict[str, Any]]]:
    hooks: dict[str, list[dict[str, Any]]] = YAML(typ="safe").load((bundle / "appspec.yml").read_text())["hooks"]
    return hooks


def eventually(is_so: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.05)
    return is_so()


def tree(directory: Path) -> dict[str, tuple[int, bytes]]:
    """Mode and content of everything below a directory."""
    return {
        path.relative_to(directory).as_posix(): (path.lstat().st_mode, b"" if path.is_dir() else path.read_bytes())
        for path in directory.rglob("*")
    }


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    copy = tmp_path / "Größe 1 'neu' $HOME"
    shutil.copytree(
        STOREFRONT, copy, ignore=shutil.ignore_patterns("build", "build.new.*", ".deliverkit", "__pycache__")
    )
    return Workshop(copy)


def free_address() -> str:
    """A loopback address on which the port is free; tests that run side by side get different ones."""
    while True:
        address = f"127.{random.randint(100, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"
        with socket.socket() as probe:
            try:
                probe.bind((address, PORT))
            except OSError:
                continue
            return address


@pytest.fixture
def hosts(tmp_path: Path) -> Iterator[tuple[Host, Host]]:
    pair = tuple(Host(tmp_path / f"host {number} é Zürich", free_address()) for number in (1, 2))
    for host in pair:
        host.root.mkdir()
    yield pair[0], pair[1]
    for host in pair:
        for server in host.servers():
            os.kill(server, signal.SIGKILL)


@pytest.fixture
def host(hosts: tuple[Host, Host]) -> Host:
    return hosts[0]


# The build


def test_the_same_arguments_give_the_same_tree_whatever_the_umask(workshop: Workshop) -> None:
    first = tree(workshop.built("1.0.0", "--faulty-after", "4"))
    shutil.rmtree(workshop.path / "build")
    before = os.umask(0o077)
    try:
        assert tree(workshop.built("1.0.0", "--faulty-after", "4")) == first
    finally:
        os.umask(before)
    assert first["storefront/VERSION"][1] == b"1.0.0\n"
    assert first["appspec.yml"][1] == (STOREFRONT / "deploy/appspec.yml").read_bytes()


def test_a_good_and_a_faulty_build_differ_in_their_settings_only(workshop: Workshop) -> None:
    good = tree(workshop.built("2.0.0"))
    faulty = tree(workshop.built("2.0.0", "--faulty-after", "007", "--faulty-in", "storefront-production"))
    assert [name for name in good if good[name] != faulty[name]] == ["storefront/settings.json"]
    assert good.keys() == faulty.keys()


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("",),
        ("1 0",),
        ("1.0\n2",),
        ("-x",),
        ("../1",),
        ("1.0", "--faulty-after"),
        ("1.0", "--faulty-after", "soon"),
        ("1.0", "--faulty-after", ""),
        ("1.0", "--faulty-in", 'x"'),
        ("1.0", "--fualty", "1"),
    ],
)
def test_wrong_arguments_are_refused_and_leave_the_earlier_build_alone(
    workshop: Workshop, arguments: tuple[str, ...]
) -> None:
    earlier = tree(workshop.built("1.0.0"))
    refused = workshop.build(*arguments)
    assert refused.returncode == 2
    assert "usage: build.sh VERSION" in refused.stderr
    assert tree(workshop.path / "build") == earlier
    assert [path.name for path in workshop.path.iterdir() if path.name.startswith("build.new")] == []


def test_a_build_that_fails_leaves_the_earlier_one_alone(workshop: Workshop) -> None:
    earlier = tree(workshop.built("1.0.0"))
    (workshop.path / "deploy/appspec.yml").unlink()
    assert workshop.build("1.0.1").returncode != 0
    assert tree(workshop.path / "build") == earlier
    assert [path.name for path in workshop.path.iterdir() if path.name.startswith("build.new")] == []


def test_git_does_not_see_what_is_built(workshop: Workshop) -> None:
    subprocess.run(["git", "init", "-q", workshop.path], check=True)
    status = ["git", "-C", str(workshop.path), "status", "--porcelain", "--untracked-files=all"]
    before = subprocess.run(status, check=True, capture_output=True, text=True).stdout
    workshop.built("1.0.0")
    assert subprocess.run(status, check=True, capture_output=True, text=True).stdout == before != ""


# The appspec and its scripts


def test_the_appspec_names_known_hooks_files_that_exist_and_scripts_that_run(workshop: Workshop) -> None:
    bundle = workshop.built("1.0.0")
    appspec = YAML(typ="safe").load((bundle / "appspec.yml").read_text())
    assert (appspec["version"], appspec["os"]) == (0.0, "linux")
    assert [(bundle / entry["source"]).is_dir() for entry in appspec["files"]] == [True]
    assert [entry["destination"] for entry in appspec["files"]] == ["/opt/storefront"]
    in_place = ["ApplicationStop", "BeforeInstall", "AfterInstall", "ApplicationStart", "ValidateService"]
    assert list(appspec["hooks"]) == in_place
    for entries in appspec["hooks"].values():
        for entry in entries:
            script = bundle / entry["location"]
            assert os.access(script, os.X_OK), script
            assert 0 < entry["timeout"] <= 3600
            assert not re.search(r"\s", entry["location"]), "the agent does not quote the path"


@pytest.mark.parametrize(
    "script",
    [STOREFRONT / "build.sh", *sorted((STOREFRONT / "deploy/scripts").glob("*.sh"))],
    ids=lambda path: path.name,
)
def test_scripts_are_clean_posix_shell(script: Path) -> None:
    text = script.read_bytes()
    assert text.startswith(b"#!/bin/sh\n")
    assert b"\r" not in text
    assert os.access(script, os.X_OK)
    assert subprocess.run(["sh", "-n", script], capture_output=True, check=False).stderr == b""
    is_sourced = script.name == "common.sh"
    assert is_sourced or b"\nset -eu\n" in text
    code = "\n".join(line for line in text.decode().splitlines() if not line.lstrip().startswith("#"))
    assert re.findall(r"\[\[|\bfunction |\blocal |\bsource |&>|<<<|\bpipefail\b|\$'|\bdeclare ", code) == []


# On hosts


def test_two_hosts_serve_two_versions_side_by_side_and_stop_without_a_trace(
    workshop: Workshop, hosts: tuple[Host, Host], tmp_path: Path
) -> None:
    one, two = hosts
    bundles = {}
    for host, version in ((one, "1.0.0"), (two, "1.1.0-rc.1")):
        bundles[host] = Path(shutil.copytree(workshop.built(version), tmp_path / f"archive {version}"))
        host.deploy(bundles[host])
    assert one.get("/version") == (200, "1.0.0\n")
    assert two.get("/version") == (200, "1.1.0-rc.1\n")
    for host in hosts:
        assert host.get("/healthz") == (200, "ok\n")
        status, page = host.get("/")
        assert status == 200
        assert "<h1>Storefront</h1>" in page
        assert host.get("/nothing")[0] == 404
        assert len(host.servers()) == 1
    for host in hosts:
        host.must(bundles[host], "ApplicationStop")
        assert host.servers() == []
        assert host.get("/healthz") == (0, "")
        assert not host.pid_file.exists()
        assert (host.root / "var/log/storefront/storefront.log").read_text().rstrip().endswith("stopped")
        assert list(host.root.rglob("__pycache__")) == []


def test_the_next_release_takes_the_place_of_the_one_before(workshop: Workshop, host: Host) -> None:
    host.deploy(workshop.built("1.0.0"))
    [first] = host.servers()
    host.must(workshop.path / "build", "ApplicationStop")
    host.deploy(workshop.built("2.0.0"))
    [second] = host.servers()
    assert second != first
    assert host.get("/version") == (200, "2.0.0\n")
    # A hook may run again, as it does when a failed deployment is repeated.
    host.must(workshop.path / "build", "ApplicationStart")
    assert len(host.servers()) == 1


def test_a_faulty_build_is_healthy_at_first_and_then_breaks_by_itself(workshop: Workshop, host: Host) -> None:
    bundle = workshop.built("2.0.0", "--faulty-after", "2")
    host.start(bundle)
    assert (host.get("/healthz")[0], host.get("/")[0]) == (200, 200)
    assert eventually(lambda: host.get("/healthz")[0] == 503)
    assert host.get("/healthz") == (503, "connection pool is dry: all 10 connections are lent out\n")
    assert host.get("/")[0] == 500
    assert host.get("/version") == (200, "2.0.0\n")
    late = host.hook(bundle, "ApplicationStop")
    assert (late.returncode, host.servers()) == (0, [])


def test_a_fault_bound_to_one_group_shows_in_no_other(workshop: Workshop, hosts: tuple[Host, Host]) -> None:
    bundle = workshop.built("2.0.0", "--faulty-after", "1", "--faulty-in", "storefront-production")
    staging, production = hosts
    staging.start(bundle, group="storefront-staging")
    production.start(bundle, group="storefront-production")
    assert eventually(lambda: production.get("/healthz")[0] == 503)
    assert staging.get("/healthz") == (200, "ok\n")


def test_a_request_under_way_is_answered_before_the_server_ends(workshop: Workshop, host: Host) -> None:
    host.start(workshop.built("1.0.0"))
    [server] = host.servers()
    with socket.create_connection((host.address, PORT), timeout=PATIENCE_SECONDS) as slow:
        slow.sendall(b"GET /version HTTP/1.0\r\n")
        assert host.get("/healthz")[0] == 200  # taken after the slow one, so the slow one is under way
        os.kill(server, signal.SIGTERM)
        assert eventually(lambda: host.get("/healthz")[0] == 0)
        slow.sendall(b"\r\n")
        answer = b"".join(iter(lambda: slow.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.0 200 ")
    assert answer.endswith(b"\r\n\r\n1.0.0\n")
    assert eventually(lambda: host.servers() == [])


def test_stopping_tolerates_a_host_without_a_server(workshop: Workshop, host: Host) -> None:
    bundle = workshop.built("1.0.0")
    host.must(bundle, "ApplicationStop")  # nothing was ever started
    host.pid_file.parent.mkdir(parents=True)
    for leftover in (
        "",
        "not a number\n",
        "999999999\n",
        f"{os.getpid()}\n",
    ):  # the last: an id that was given away since
        host.pid_file.write_text(leftover)
        host.must(bundle, "ApplicationStop")
        assert not host.pid_file.exists()


def test_starting_on_a_taken_port_fails_and_shows_the_servers_own_words(workshop: Workshop, host: Host) -> None:
    bundle = workshop.built("1.0.0")
    with socket.create_server((host.address, PORT)):
        host.must(bundle, "BeforeInstall")
        host.install(bundle)
        started = host.hook(bundle, "ApplicationStart")
    assert started.returncode == 1
    assert "Address already in use" in started.stderr
    assert host.servers() == []


def test_an_incomplete_installation_fails_before_anything_is_started(workshop: Workshop, host: Host) -> None:
    bundle = workshop.built("1.0.0")
    host.must(bundle, "BeforeInstall")
    host.install(bundle)
    (host.root / "opt/storefront/settings.json").write_text("{")
    checked = host.hook(bundle, "AfterInstall")
    assert checked.returncode == 1
    assert "settings" in checked.stderr or "JSON" in checked.stderr


def test_validation_fails_when_another_version_than_the_installed_one_answers(workshop: Workshop, host: Host) -> None:
    host.deploy(workshop.built("1.0.0"))
    bundle = workshop.built("2.0.0")
    host.install(bundle)  # copied, but the old server was never replaced
    validated = host.hook(bundle, "ValidateService")
    assert validated.returncode == 1
    assert "wanted '2.0.0', got: 1.0.0" in validated.stderr
