"""The next piece of a build's log (Jenkins, `logText/progressiveText`)."""

from __future__ import annotations

import codecs
import re

from deliverkit.adapters.http_exchange import Reply
from deliverkit.adapters.jenkins_connection import Connection
from deliverkit.domain.build import LogPiece

PIECE_LIMIT = 4 * 1024 * 1024
"""Bytes of a log that are read at once; of a longer piece its end is read."""


def read(connection: Connection, build: str, start: int, *, limit: int = PIECE_LIMIT) -> LogPiece:
    """The log from an offset on.

    `X-Text-Size` counts what the file on the controller holds, which is more than what is sent: marks for web pages
    are left out on the way. So that header tells where to go on, never the size of what came.

    Args:
        connection: The way to the controller.
        build: The build's address.
        start: Bytes that are known already.
        limit: Bytes to read at most; what lies before them is left out, and the piece says so.

    Raises:
        RefusedError: If there is no such build, among others.
        UnreachableError: If no whole answer comes.
    """
    reply, skipped = _asked(connection, build, start, limit), 0
    if not reply.is_whole:
        # What was written meanwhile must fit as well.
        skipped = max(0, _end(reply, start) - start - limit // 2)
        reply = _asked(connection, build, start + skipped, limit)
    has_more = reply.headers.get("x-more-data") == "true"
    # A piece may end in the middle of a character, whose rest comes with the next one.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(reply.content, final=not has_more)
    pending = len(decoder.getstate()[0])
    sent = start + skipped + len(reply.content)
    end = _end(reply, sent) if reply.is_whole else sent
    left_out = f"[{skipped} bytes are left out here; the whole log is at {build}consoleText]\n" if skipped else ""
    return LogPiece(left_out + text, end - pending, has_more or not reply.is_whole)


def _asked(connection: Connection, build: str, start: int, limit: int) -> Reply:
    return connection.send("GET", f"{build}logText/progressiveText?start={start}", limit=limit, is_cut=True)


def _end(reply: Reply, otherwise: int) -> int:
    """Where the log ends; what else is known where something on the way has taken the header out or bent it."""
    told = reply.headers.get("x-text-size", "")
    return int(told) if re.fullmatch(r"[0-9]{1,18}", told) else otherwise
