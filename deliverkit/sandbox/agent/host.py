"""What an agent knows about the machine it runs on."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from deliverkit.sandbox.agent.layout import Layout
from deliverkit.sandbox.agent.processes import INSTANCE_ADDRESS, INSTANCE_ID, INSTANCE_ROOT, Processes

SEARCH_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
MAX_REVISIONS = 5


Fetcher = Callable[[str, str, str | None, Path], str]
"""Fetches (bucket, key, version) into a file and gives the ETag; what it raises fails DownloadBundle with that text."""


@dataclass(frozen=True, slots=True)
class Host:
    """One instance, as its agent sees it.

    Attributes:
        identifier: Host identifier of the command service, the instance's ARN.
        instance_id: `i-...`.
        address: The loopback address that plays its network card.
        layout: Its file system.
        processes: Everything its hooks started.
        now: Gives the moment, aware; for log lines and the age of tracking files.
        max_revisions: How many revisions of a group are kept on disk.
    """

    identifier: str
    instance_id: str
    address: str
    layout: Layout
    processes: Processes
    now: Callable[[], datetime]
    max_revisions: int = MAX_REVISIONS

    def environment(self) -> dict[str, str]:
        """What every hook inherits: enough to find programs and the instance, and nothing of the sandbox's variables.

        The directory of this Python comes last, so that a hook finds a `python3` wherever the sandbox runs.
        """
        return {
            "PATH": os.pathsep.join([*SEARCH_PATH, str(Path(sys.executable).parent)]),
            "HOME": str(self.layout.root),
            "LANG": "C.UTF-8",
            INSTANCE_ID: self.instance_id,
            INSTANCE_ROOT: str(self.layout.root),
            INSTANCE_ADDRESS: self.address,
        }


def make_host(
    identifier: str, root: Path, address: str, now: Callable[[], datetime], *, max_revisions: int = MAX_REVISIONS
) -> Host:
    """A host whose file system is the directory `root`, which is made when missing."""
    root.mkdir(parents=True, exist_ok=True)
    root = root.resolve()
    instance_id = identifier.rsplit("/", 1)[-1]
    processes = Processes({INSTANCE_ID: instance_id, INSTANCE_ROOT: str(root)})
    return Host(identifier, instance_id, address, Layout(root), processes, now, max_revisions)
