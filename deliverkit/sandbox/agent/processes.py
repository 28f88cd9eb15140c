"""Every process that an instance's hooks started, so that none outlives the instance.

A hook may leave servers behind on purpose, in sessions of their own. They are found by the variables that every hook
inherits; where the system does not show other processes' environments, by the process groups of the hooks.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from pathlib import Path

INSTANCE_ID = "DELIVERKIT_INSTANCE_ID"
INSTANCE_ROOT = "DELIVERKIT_INSTANCE_ROOT"
INSTANCE_ADDRESS = "DELIVERKIT_INSTANCE_ADDRESS"
KILL_ROUNDS = 50  # a process that forks while it is being looked for is found in the next round


class Processes:
    """The processes of one instance.

    Args:
        environment: What marks them, `DELIVERKIT_INSTANCE_ID` and `DELIVERKIT_INSTANCE_ROOT`; the root tells two
            sandboxes apart whose instances happen to have one id.
    """

    def __init__(self, environment: dict[str, str]) -> None:
        self._marks = {os.fsencode(f"{name}={value}") for name, value in environment.items()}
        self._groups: set[int] = set()
        self._lock = threading.Lock()
        self._is_ended = False

    def track(self, group: int) -> None:
        """A hook was started as the leader of a new session and group."""
        with self._lock:
            self._groups.add(group)
        if self._is_ended:  # it was started while the others were being killed
            self.kill()

    @property
    def is_ended(self) -> bool:
        """True once the processes were killed: no more may be started."""
        return self._is_ended

    def forget_empty_groups(self) -> None:
        """Drop groups without members: their numbers may be given to strangers."""
        with self._lock:
            self._groups = {group for group in self._groups if _signal_group(group, 0)}

    def living(self) -> list[int]:
        """Ids of the marked processes; empty on systems that do not show them."""
        return [pid for pid in _all_processes() if self._is_own(pid)]

    def has(self, pid: int) -> bool:
        """True while a marked process has the id."""
        return self._is_own(pid)

    def kill_one(self, pid: int) -> None:
        """Kill just this one, if it is marked."""
        _kill(pid, self._is_own)

    def kill(self) -> None:
        """Kill them all at once, as a machine that loses power does, and let no more start."""
        self._is_ended = True
        with self._lock:
            for group in self._groups:
                _signal_group(group, signal.SIGKILL)
        _kill_all(self._is_own)
        self.forget_empty_groups()

    def _is_own(self, pid: int) -> bool:
        return _environment(pid) >= self._marks


def kill_strangers(homes: Path, own: Collection[Path]) -> None:
    """Kill what instances of an earlier sandbox in the same place left behind, because it was killed itself.

    Args:
        homes: The directory that holds the instances' homes.
        own: Homes of instances that still run; their processes live on.
    """
    mark = f"{INSTANCE_ROOT}={homes}{os.sep}"
    spared = tuple(os.fsencode(f"{INSTANCE_ROOT}={home}{os.sep}") for home in own)

    def is_strange(pid: int) -> bool:
        roots = [each for each in _environment(pid) if each.startswith(os.fsencode(mark))]
        return any(not root.startswith(spared) for root in roots)

    _kill_all(is_strange)


def command_line(pid: int) -> list[str]:
    """The words that a process was started with; empty where the system does not show them."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text(errors="surrogateescape").split("\0")[:-1]
    except OSError:
        return []


def _all_processes() -> list[int]:
    if sys.platform != "linux":
        return []
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _environment(pid: int) -> set[bytes]:
    try:
        return set(Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"))
    except OSError:  # it ended, or belongs to somebody else
        return set()


def _kill_all(is_meant: Callable[[int], bool]) -> None:
    for _ in range(KILL_ROUNDS):
        killed = [_kill(pid, is_meant) for pid in _all_processes() if is_meant(pid)]
        if not any(killed):
            return


def _kill(pid: int, is_meant: Callable[[int], bool]) -> bool:
    # The descriptor pins the process: between the look at its environment and the signal the number cannot pass to
    # somebody else.
    if sys.platform != "linux":
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        if not is_meant(pid):
            return False
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(descriptor, signal.SIGKILL)
        return True
    finally:
        os.close(descriptor)


def _signal_group(group: int, number: int) -> bool:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
