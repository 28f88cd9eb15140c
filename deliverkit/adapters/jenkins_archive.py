"""What Jenkins' builds have archived (`archiveArtifacts`), as zip archives that Jenkins makes."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from deliverkit.adapters.jenkins_answers import RefusedError
from deliverkit.adapters.jenkins_connection import Connection

LIMIT = 1 << 30
"""Bytes of an archive. It is in memory while it is fetched."""


class JenkinsArchive:
    """Implements `worker_ports.BuildArchive` with the addresses that Jenkins' pages offer as "all files in zip"."""

    def __init__(self, connection: Connection) -> None:
        """Take the way to the controller, with time enough for large answers; nothing is contacted yet."""
        self._connection = connection

    def fetch(self, job: str, number: int, folder: str, destination: Path) -> bool:
        """Write a zip archive of what a build archived into a file; False when it archived nothing there."""
        place = "".join(f"job/{quote(each, safe='')}/" for each in job.split("/"))
        inside = f"{quote(folder, safe='')}/*zip*/{quote(folder, safe='')}.zip" if folder else "*zip*/archive.zip"
        try:
            reply = self._connection.get(f"{place}{number}/artifact/{inside}", limit=LIMIT)
        except RefusedError as refusal:
            if refusal.status == 404:
                return False
            raise
        destination.write_bytes(reply.content)
        return True
