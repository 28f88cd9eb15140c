"""`deliverkit plan`: what promote would do."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("release", nargs="?", help="version (default: the newest release)")
    parser.add_argument("--to", metavar="ENV", help="environment (default: the last one of the configuration)")
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Show the plan."""
    plan = open_delivery(options, console).plan(arguments.release, to=arguments.to)
    render.data(plan, options, console, text=render.plan)
    return ExitCode.DONE
