"""`deliverkit package`: bundle a build and store it as a release."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("path", nargs="?", type=Path, help="build directory (default: release.bundle.path)")
    parser.add_argument("--to-file", metavar="FILE", type=Path, help="only write the bundle; no AWS")
    parser.add_argument("--check", action="store_true", help="only check the tree and its appspec; no AWS")
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Package, or only bundle, or only check."""
    if arguments.check or arguments.to_file:
        return _offline(arguments, options, console)
    packaged = open_delivery(options, console).package(arguments.path)
    for warning in packaged.warnings:
        console.tell(f"warning: {warning}")
    console.tell("uploaded" if packaged.was_sent else "the same bytes are in the store already: nothing uploaded")
    render.data(packaged.release, options, console, text=render.release)
    return ExitCode.DONE


def _offline(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import check_build, write_bundle  # noqa: PLC0415  (the packaging room is not needed to parse)

    if arguments.check:
        for finding in check_build(arguments.path, config=options.config):
            console.tell(f"warning: {finding}")
        console.tell("the build can be packaged")
        return ExitCode.DONE
    bundle = write_bundle(arguments.path, destination=arguments.to_file, config=options.config)
    render.data(bundle, options, console, text=lambda made: f"{made.digest}  {made.path}")
    return ExitCode.DONE
