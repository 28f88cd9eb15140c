"""What Jenkins' builds have archived (`archiveArtifacts`), as zip archives that Jenkins makes."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from urllib.parse import quote

from deliverkit.adapters.jenkins_answers import RefusedError
from deliverkit.adapters.jenkins_connection import Connection

RESERVE = 64 << 20
"""Bytes of the disk that an archive leaves free: a worker has to write down what becomes of its jobs."""


class JenkinsArchive:
    """Implements `worker_ports.BuildArchive` with the addresses that Jenkins' pages offer as "all files in zip"."""

    def __init__(self, connection: Connection) -> None:
        """Take the way to the controller, with time enough for large answers; nothing is contacted yet."""
        self._connection = connection

    def fetch(self, job: str, number: int, folder: str, destination: Path) -> bool:
        """Write a zip archive of what a build archived into a file; False when it archived nothing there.

        Raises:
            UnreachableError: If Jenkins does not answer.
            OSError: If the disk cannot take the archive.
        """
        place = "".join(f"job/{quote(each, safe='')}/" for each in job.split("/"))
        inside = f"{quote(folder, safe='')}/*zip*/{quote(folder, safe='')}.zip" if folder else "*zip*/archive.zip"
        limit = max(0, shutil.disk_usage(destination.parent).free - RESERVE)
        try:
            is_whole = self._is_fetched(f"{place}{number}/artifact/{inside}", destination, limit=limit)
        except RefusedError as refusal:
            if refusal.status == 404:
                return False
            raise
        if not is_whole:
            destination.unlink()
            told = f"{os.strerror(errno.ENOSPC)} for an archive of more than {limit >> 20} MiB"
            raise OSError(errno.ENOSPC, told, str(destination))
        return True

    def _is_fetched(self, path: str, destination: Path, *, limit: int) -> bool:
        try:
            with destination.open("wb") as file:
                return self._connection.fetch(path, file, limit=limit)
        except BaseException:
            destination.unlink(missing_ok=True)  # half of it may fill the disk
            raise
