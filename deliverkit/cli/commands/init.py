"""`deliverkit init`: scaffold a delivery."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deliverkit.cli.options import Console, Options
from deliverkit.errors import ExitCode


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("directory", nargs="?", type=Path, default=Path(), help="where (default: here)")
    parser.set_defaults(run=run)


def run(arguments: Namespace, _options: Options, console: Console) -> int:
    """Write the files that are missing; never overwrite one."""
    from deliverkit.app import scaffold  # noqa: PLC0415

    for path, was_written in scaffold(arguments.directory):
        console.tell(f"{'wrote' if was_written else 'kept '} {path}")
    console.tell("next: edit deliverkit.yml, then `deliverkit package --check` and `deliverkit plan`")
    return ExitCode.DONE
