"""The streams a command talks to; cheap to import, for `--help` needs them too."""

from __future__ import annotations

import os
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO


_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal obeys instead of showing it: control characters, what turns the direction of writing (UAX #9), what
ends a line, and halves of characters, which cannot be written at all."""


def harmless(text: str) -> str:
    r"""A text as it can be shown, whoever wrote it: newlines and tabs stay, other control characters become `\u001b`.

    That is how JSON spells them, too: a document stays the same document.
    """
    return _OBEYED.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class Console:
    """Where a command reads its surroundings and writes its words.

    Attributes:
        out: Data.
        err: Diagnostics and progress.
        environ: Environment variables.
    """

    __slots__ = ("environ", "err", "out")

    def __init__(
        self, out: TextIO | None = None, err: TextIO | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        """Take the streams; by default the process's own."""
        self.out = sys.stdout if out is None else out
        self.err = sys.stderr if err is None else err
        self.environ = os.environ if environ is None else environ

    def say(self, line: str = "") -> None:
        """Write a line of data."""
        _write(self.out, f"{harmless(line)}\n")

    def tell(self, line: str = "") -> None:
        """Write a line of talk."""
        _write(self.err, f"{harmless(line)}\n")

    def redraw(self, line: str) -> None:
        """Write a line of talk over the last one, which has not ended; for people who watch.

        Args:
            line: What is cut off at the terminal's edge is up to the caller; nothing only erases.
        """
        _write(self.err, f"\r\033[K{harmless(line)}")

    def end(self) -> None:
        """Write what others have left in the streams' buffers, such as argparse its help."""
        _write(self.out, "")
        _write(self.err, "")

    @property
    def is_live(self) -> bool:
        """True when a person watches: stderr is a terminal that can be redrawn."""
        return self.err.isatty() and self.environ.get("TERM", "dumb") != "dumb"


def _write(stream: TextIO, text: str) -> None:
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        # The reader went away (`| head`, `| grep -q`). Only words are lost: the command goes on to its own end, and its
        # exit code is what it found. Python would try once more when it ends what the buffer still holds.
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
