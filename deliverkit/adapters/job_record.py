"""What a job worker remembers, in a directory of its own: a file for each job, whole or not there, and on the disk."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec

from deliverkit.domain.worker_job import JobRecord
from deliverkit.errors import IntegrityError, LockedError, UsageError

OUTPUT = "output.log"
"""Name of the file in a job's room that is kept when the job is forgotten."""
LOCK = "lock"
"""Name of the file in a job's room that is locked as long as something works there."""
KEPT_LOGS = 50
_RECORD = "record.json"


class DirectoryRecords:
    """Implements `worker_ports.JobRecords` in a directory that one worker has for itself as long as it lives."""

    def __init__(self, directory: Path, *, tell: Callable[[str], None]) -> None:
        """Take the directory, which is made when it is missing.

        Args:
            directory: Where the records are kept.
            tell: Takes a line for people.

        Raises:
            LockedError: If another worker has it.
            UsageError: If it cannot be used.
        """
        self._directory, self._tell = directory.absolute(), tell
        try:
            (self._directory / "jobs").mkdir(parents=True, exist_ok=True, mode=0o700)
            self._held = _lock(self._directory / "lock")
        except OSError as error:
            told = f"{directory} cannot keep a worker's records: {error.strerror}"
            raise UsageError(told, hint="--state-dir DIRECTORY, on a disk of this machine") from error

    def all(self) -> Iterable[JobRecord]:
        """The jobs in hand, the oldest first; what was being forgotten is forgotten.

        Raises:
            IntegrityError: If a record cannot be read.
        """
        found = []
        for room in (self._directory / "jobs").iterdir():
            if (room / _RECORD).exists():
                found.append((room.stat().st_mtime, _read(room / _RECORD)))
            else:
                self._clear(room)
        return [record for _, record in sorted(found, key=lambda each: each[0])]

    def save(self, record: JobRecord) -> None:
        """Remember a job."""
        room = self.room(record.offer.job_id)
        if not room.exists():
            room.mkdir(mode=0o700)
            sync_directory(room.parent)
        write_durably(room / _RECORD, msgspec.json.encode(record))

    def drop(self, job_id: str) -> None:
        """Forget a job; what its command wrote is kept for a while.

        Raises:
            OSError: If its record cannot be removed; once it is, nothing stands in the way of other jobs.
        """
        room = self.room(job_id)
        with suppress(FileNotFoundError):
            (room / _RECORD).unlink()
        with suppress(OSError):
            sync_directory(room)
        with suppress(OSError):
            self._keep_log(room / OUTPUT, job_id)
        self._clear(room)

    def room(self, job_id: str) -> Path:
        """The job's own directory."""
        if not job_id or "/" in job_id or job_id.startswith("."):
            raise UsageError(f"{job_id!r} is no id of a job")
        return self._directory / "jobs" / job_id

    def _clear(self, room: Path) -> None:
        """Remove what was made for a job, or put aside what cannot be removed: files that a container made as root."""
        if _is_used(room):
            self._tell(f"{room} is kept: a command that could not be stopped goes on there")
            return
        if _is_removed(room):
            return
        aside = self._directory / "leftovers" / room.name
        with suppress(OSError):
            aside.parent.mkdir(exist_ok=True, mode=0o700)
            room.replace(aside)
        place = room if room.exists() else aside
        self._tell(f"{place} holds files that this user may not remove: let their owner, or root, remove it")

    def _keep_log(self, log: Path, job_id: str) -> None:
        if not log.exists():
            return
        logs = self._directory / "logs"
        logs.mkdir(exist_ok=True, mode=0o700)
        log.replace(logs / f"{job_id}.log")
        for old in sorted(logs.iterdir(), key=lambda each: each.stat().st_mtime)[:-KEPT_LOGS]:
            old.unlink()


def write_durably(path: Path, content: bytes) -> None:
    """Let a file have this content or the one before, whatever happens; when this returns it is on the disk.

    It is for its owner's eyes only.
    """
    new = path.with_name(f"{path.name}.new")
    with new.open("wb") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Let the names in a directory survive a power cut, as far as the file system offers that."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def try_lock(path: Path) -> IO[bytes] | None:
    """The file, locked until it is closed or its process ends; None when another process has it locked."""
    file = path.open("ab")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return None
    return file


def _lock(path: Path) -> IO[bytes]:
    file = try_lock(path)
    if file is None:
        told = f"another worker keeps its records in {path.parent}"
        raise LockedError(told, hint="--state-dir OTHER for a second worker on this machine")
    return file


def _is_used(room: Path) -> bool:
    try:
        held = try_lock(room / LOCK)
    except OSError:
        return False  # nobody works there
    if held is not None:
        held.close()
    return held is None


def _read(path: Path) -> JobRecord:
    try:
        return msgspec.json.decode(path.read_bytes(), type=JobRecord)
    except msgspec.DecodeError as error:
        told = f"{path} is no record of a job: {error}"
        raise IntegrityError(told, hint="its action goes on waiting: retry the stage, and remove the file") from error


def _is_removed(room: Path) -> bool:
    """Remove a tree, also where a build made directories read-only; False when something of it stays."""
    for folder, folders, _ in os.walk(room):
        for each in folders:
            path = Path(folder, each)
            if not path.is_symlink():
                with suppress(OSError):  # somebody else's
                    path.chmod(0o700)
    shutil.rmtree(room, ignore_errors=True)
    return not room.exists()
