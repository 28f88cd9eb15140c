"""The streams a command talks to; cheap to import, for `--help` needs them too."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO


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
        self.out.write(line + "\n")
        self.out.flush()

    def tell(self, line: str = "") -> None:
        """Write a line of talk."""
        self.err.write(line + "\n")
        self.err.flush()

    @property
    def is_live(self) -> bool:
        """True when a person watches: stderr is a terminal that can be redrawn."""
        return self.err.isatty() and self.environ.get("TERM", "dumb") != "dumb"
