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

_USUAL_COLUMNS = 80


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
        config: The configuration that was named on the command line; empty for none.
        way_back: What is left and how to go on with it when a signal ends the command; empty where that is said of the
            command as such.
        has_stdout: Whether this process was started with one.
        lost: Why data could not be written, such as a full disk; None as long as it could, and where nobody reads.
    """

    __slots__ = ("config", "environ", "err", "has_stdout", "lost", "out", "way_back")

    def __init__(
        self, out: TextIO | None = None, err: TextIO | None = None, environ: Mapping[str, str] | None = None
    ) -> None:
        """Take the streams; by default the process's own."""
        self.out = sys.stdout if out is None else out
        self.err = sys.stderr if err is None else err
        self.environ = os.environ if environ is None else environ
        self.config = ""
        self.way_back = ""
        self.has_stdout = True
        self.lost: OSError | None = None

    def say(self, line: str = "") -> None:
        """Write a line of data."""
        self._write_out(f"{harmless(line)}\n")

    def tell(self, line: str = "") -> None:
        """Write a line of talk."""
        _write(self.err, f"{harmless(line)}\n")

    def redraw(self, line: str) -> None:
        """Write a line of talk over the last one, which has not ended; for people who watch.

        Args:
            line: What is cut off at the terminal's edge is up to the caller; nothing only erases.
        """
        _write(self.err, f"\r\033[K{harmless(line)}")

    def confirms(self, question: str) -> bool | None:
        """Whether a person says yes; None when there is nobody to ask: stdin is no terminal."""
        if sys.stdin is None or not sys.stdin.isatty():
            return None
        _write(self.err, f"{harmless(question)} [y/N] ")
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def end(self) -> None:
        """Write what others have left in the streams' buffers, such as argparse its help."""
        self._write_out("")
        _write(self.err, "")

    def _write_out(self, text: str) -> None:
        # A command that is under way must come to its end whatever became of its words; then it is told.
        self.lost = _write(self.out, text) or self.lost

    @property
    def is_live(self) -> bool:
        """True when a person watches: stderr is a terminal that can be redrawn."""
        return self.err.isatty() and self.environ.get("TERM", "dumb") != "dumb"


def columns() -> int:
    """Columns of the terminal, by the rules of `shutil.get_terminal_size`."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    try:
        return os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or _USUAL_COLUMNS
    except (OSError, ValueError):
        return _USUAL_COLUMNS


def open_standard_streams() -> bool:
    """Give this process the streams that it was started without (`>&-`): whatever goes there is gone.

    What is opened later must not get their descriptors, or words would be written into it.

    Returns:
        Whether there was a stdout.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor, which is this one
    had_stdout = sys.stdout is not None
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 - the process's own
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    return had_stdout


def _write(stream: TextIO, text: str) -> OSError | None:
    """Write; gives why it failed, unless it is because nobody reads. Nothing that is written later fails again."""
    try:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(_spelled(text, stream.encoding))
        stream.flush()
    except OSError as error:
        # The reader went away (`| head`, `| grep -q`), or the disk is full. Only words are lost: the command goes on to
        # its own end, and its exit code is what it found. Python would try once more when it ends what the buffer still
        # holds.
        nowhere = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        try:
            os.dup2(nowhere, stream.fileno())
        finally:
            os.close(nowhere)
        return None if isinstance(error, BrokenPipeError) else error
    return None


def _spelled(text: str, encoding: str) -> str:
    r"""A text with `\u00fc` instead of what an encoding does not have, as JSON spells it."""
    return "".join(each if _is_in(each, encoding) else _escaped(each) for each in text)


def _is_in(character: str, encoding: str) -> bool:
    try:
        character.encode(encoding)
    except UnicodeEncodeError:
        return False
    return True


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be").hex()
    return "".join(f"\\u{units[start : start + 4]}" for start in range(0, len(units), 4))
