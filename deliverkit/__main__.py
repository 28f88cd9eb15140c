"""Entry point: `--version` answers before anything is imported, everything else goes to the command line."""

from __future__ import annotations

import sys

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Starting makes many thousands of objects and no garbage to speak of; by default Python searches them every 700."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and give its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        return _answer_version() if arguments == ["--version"] else _run(arguments, is_all=argv is None)
    except KeyboardInterrupt:
        # Before the command line can say more: nothing was begun.
        if sys.stderr is not None:
            sys.stderr.write("interrupted\n")
        return 130


def _answer_version() -> int:
    from deliverkit._version import __version__  # noqa: PLC0415  (nothing else is needed to answer)

    try:
        sys.stdout.write(f"deliverkit {__version__}\n")
        sys.stdout.flush()
    except (AttributeError, OSError):  # no stdout, nobody who reads it, no room: the command line knows what to do then
        return _run(["--version"], is_all=True)
    return 0


def _run(arguments: list[str], *, is_all: bool) -> int:
    """Start the command line.

    Args:
        arguments: What was typed.
        is_all: Whether the process ends with it.
    """
    import gc  # noqa: PLC0415

    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    from deliverkit.cli.main import run  # noqa: PLC0415

    try:
        return run(arguments)
    finally:
        if is_all:
            # The process is about to end: nobody needs its objects searched for garbage once more, which takes longer
            # than many a command.
            gc.freeze()


if __name__ == "__main__":
    raise SystemExit(main())
