"""Entry point: `--version` answers before anything is imported, everything else goes to the command line."""

from __future__ import annotations

import sys

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Starting makes many thousands of objects and no garbage to speak of; by default Python searches them every 700."""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and give its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    if arguments == ["--version"]:
        from deliverkit._version import __version__  # noqa: PLC0415  (nothing else is needed to answer)

        sys.stdout.write(f"deliverkit {__version__}\n")
        return 0
    import gc  # noqa: PLC0415

    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    from deliverkit.cli.main import run  # noqa: PLC0415

    try:
        return run(arguments)
    finally:
        if argv is None:
            # The process is about to end: nobody needs its objects searched for garbage once more, which takes longer
            # than many a command.
            gc.freeze()


if __name__ == "__main__":
    raise SystemExit(main())
