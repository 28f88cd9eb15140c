"""Notes of commands under way, so that an agent that comes back after a crash can fail what it left behind."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from pathlib import Path

OLDEST = timedelta(hours=24)


def note_command(directory: Path, deployment_id: str, identifier: str, now: datetime) -> None:
    """Remember that a command of a deployment is being executed."""
    directory.mkdir(parents=True, exist_ok=True)
    note = directory / deployment_id
    note.write_text(identifier)
    os.utime(note, (now.timestamp(), now.timestamp()))  # the sandbox's time, which may be ahead of the disk's


def forget_command(directory: Path, deployment_id: str) -> None:
    """The command has been completed."""
    (directory / deployment_id).unlink(missing_ok=True)


def take_interrupted(directory: Path, now: datetime) -> str | None:
    """Identifier of the newest command that was being executed within the last 24 hours; all notes are removed."""
    if not directory.is_dir():
        return None
    notes = sorted(directory.iterdir(), key=lambda note: note.stat().st_mtime)
    fresh = [note.read_text() for note in notes if now.timestamp() - note.stat().st_mtime < OLDEST.total_seconds()]
    for note in notes:
        note.unlink()
    return fresh[-1] if fresh else None
