"""A host with a scripted CodeDeploy in front of it, for the tests of the host agent."""

from __future__ import annotations

import hashlib
import io
import os
import stat
import tarfile
import threading
import time
import uuid
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from deliverkit.sandbox.agent.agent import Agent
from deliverkit.sandbox.agent.executor import Executor
from deliverkit.sandbox.agent.host import Host, make_host
from deliverkit.sandbox.agent.layout import ARCHIVE, SCRIPT_LOG, deployment_directory
from deliverkit.sandbox.agent.protocol import CommandStatus, Diagnostics, HostCommand
from deliverkit.sandbox.agent.specification import DeploymentSpecification, parse_specification
from deliverkit.sandbox.kernel.errors import ApiError

GROUP = "11111111-2222-3333-4444-555555555555"
PATIENCE_SECONDS = 30.0
NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
EVENTS = [
    "ApplicationStop",
    "DownloadBundle",
    "BeforeInstall",
    "Install",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
]
"""The events of a deployment without traffic control, in their order."""
BLOCKING = ["BeforeBlockTraffic", "BlockTraffic", "AfterBlockTraffic"]
ALLOWING = ["BeforeAllowTraffic", "AllowTraffic", "AfterAllowTraffic"]

Tree = Mapping[str, str | tuple[str, int]]
"""Path -> text, or (text, mode)."""


def appspec(body: str = "") -> str:
    return f"version: 0.0\nos: linux\n{body}"


def hook(event: str, *lines: str) -> str:
    return appspec(f"hooks:\n  {event}:\n" + "".join(f"    - {line}\n" for line in lines))


def shell(*lines: str) -> tuple[str, int]:
    return "#!/bin/sh\n" + "\n".join(lines) + "\n", 0o755


def zipped(tree: Tree) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in tree.items():
            text, mode = content if isinstance(content, tuple) else (content, 0o644)
            member = zipfile.ZipInfo(name)
            kind = stat.S_IFDIR if name.endswith("/") else stat.S_IFREG
            member.external_attr = (kind | mode) << 16
            archive.writestr(member, text)
    return out.getvalue()


def zipped_directory(directory: Path) -> bytes:
    return zipped(
        {
            str(path.relative_to(directory)): (path.read_text(), stat.S_IMODE(path.stat().st_mode))
            for path in sorted(directory.rglob("*"))
            if path.is_file()
        }
    )


def tarred(tree: Tree, mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in tree.items():
            text, permissions = content if isinstance(content, tuple) else (content, 0o644)
            member = tarfile.TarInfo(name)
            member.size, member.mode, member.mtime = len(text.encode()), permissions, 1_700_000_000
            archive.addfile(member, io.BytesIO(text.encode()))
    return out.getvalue()


@dataclass
class Shelf:
    """Bundles by key; each version of an object is a key of its own."""

    bodies: dict[tuple[str, str | None], bytes] = field(default_factory=dict)

    def fetch(self, bucket: str, key: str, version: str | None, into: Path) -> str:
        if (key, version) not in self.bodies:
            raise ApiError("NoSuchKey", f"s3://{bucket}/{key} has no version {version or '(newest)'}", status=404)
        body = self.bodies[key, version]
        into.write_bytes(body)
        return hashlib.md5(body).hexdigest()

    def put(self, key: str, body: bytes, version: str | None = None) -> None:
        self.bodies[key, version] = body


def specification(deployment_id: str = "d-1", **changes: Any) -> dict[str, Any]:
    revision = {
        "Bucket": "releases",
        "Key": changes.pop("key", "bundle"),
        "BundleType": changes.pop("bundle_type", "zip"),
        **changes.pop("revision", {}),
    }
    return {
        "DeploymentId": deployment_id,
        "DeploymentGroupId": GROUP,
        "DeploymentGroupName": "storefront-dev",
        "ApplicationName": "storefront",
        "Revision": {"RevisionType": "S3", "S3Revision": revision},
        **changes,
    }


@dataclass
class Bench:
    """One host and the executor on it, driven by hand."""

    host: Host
    shelf: Shelf = field(default_factory=Shelf)

    @property
    def executor(self) -> Executor:
        return Executor(self.host, self.shelf.fetch)

    @property
    def root(self) -> Path:
        return self.host.layout.root

    def spec(self, deployment_id: str = "d-1", **changes: Any) -> DeploymentSpecification:
        return parse_specification(specification(deployment_id, **changes))

    def directory(self, deployment_id: str = "d-1") -> Path:
        return self.host.layout.machine(deployment_directory(GROUP, deployment_id))

    def archive(self, deployment_id: str = "d-1") -> Path:
        return self.directory(deployment_id) / ARCHIVE

    def script_log(self, deployment_id: str = "d-1") -> str:
        return (self.directory(deployment_id) / SCRIPT_LOG).read_text()

    def download(self, tree: Tree, deployment_id: str = "d-1", **changes: Any) -> DeploymentSpecification:
        """Run DownloadBundle with a zip of the tree."""
        self.shelf.put(deployment_id, zipped(tree))
        spec = self.spec(deployment_id, key=deployment_id, **changes)
        self.executor.execute("DownloadBundle", spec)
        return spec

    def install(self, tree: Tree, deployment_id: str = "d-1", **changes: Any) -> DeploymentSpecification:
        """Run DownloadBundle and Install."""
        spec = self.download(tree, deployment_id, **changes)
        self.executor.execute("Install", spec)
        return spec


def make_bench(directory: Path, *, address: str = "127.0.0.1", instance_id: str | None = None) -> Bench:
    instance_id = instance_id or f"i-{uuid.uuid4().hex[:17]}"
    identifier = f"arn:aws:ec2:us-east-1:123456789012:instance/{instance_id}"
    return Bench(make_host(identifier, directory / "root", address, lambda: NOW))


@dataclass
class ScriptedService:
    """Hands out commands in order, each until it is acknowledged, and writes down what it is told.

    Attributes:
        answers: Status answered to the acknowledgement of an event; InProgress otherwise.
        refuses: Raised by `poll` as long as it is set.
    """

    spec: Mapping[str, Any]
    events: list[str]
    answers: dict[str, CommandStatus] = field(default_factory=dict)
    acknowledged: list[tuple[str, bool]] = field(default_factory=list)
    completions: list[tuple[str, CommandStatus, Diagnostics]] = field(default_factory=list)
    refuses: Exception | None = None
    polls: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    def poll(self, host: str) -> HostCommand | None:
        with self._changed:
            self.polls += 1
            self._changed.notify_all()
            if self.refuses is not None:
                raise self.refuses
            done = {name for name, _, _ in self.completions} | {name for name, _ in self.acknowledged}
            waiting = [event for event in self.events if event not in done]
            if not waiting:
                return None
            return HostCommand(f"command-{waiting[0]}", host, "execution", waiting[0], self.events.index(waiting[0]))

    def specification(self, execution_id: str, host: str) -> Mapping[str, Any]:
        return self.spec

    def acknowledge(self, identifier: str, *, is_noop: bool) -> CommandStatus:
        event = identifier.removeprefix("command-")
        with self._changed:
            self.acknowledged.append((event, is_noop))
            self._changed.notify_all()
        return self.answers.get(event, CommandStatus.IN_PROGRESS)

    def complete(self, identifier: str, status: CommandStatus, diagnostics: Diagnostics) -> None:
        with self._changed:
            self.completions.append((identifier.removeprefix("command-"), status, diagnostics))
            self._changed.notify_all()

    def wait_until(self, condition: Callable[[], bool]) -> None:
        with self._changed:
            assert self._changed.wait_for(condition, PATIENCE_SECONDS), self.completions

    def statuses(self) -> list[tuple[str, CommandStatus]]:
        return [(name, status) for name, status, _ in self.completions]


def agent_of(bench: Bench, service: ScriptedService, poll_seconds: float = 600.0) -> Agent:
    return Agent(bench.host, service, bench.shelf.fetch, poll_seconds=poll_seconds)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Polls real processes and files."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, f"waited {PATIENCE_SECONDS} s for {what}"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """True while a process runs; a zombie that nobody collects has ended."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
