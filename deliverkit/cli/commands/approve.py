"""`deliverkit approve`: let a promotion go on."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli.deciding import add_decision_arguments, decide
from deliverkit.cli.options import Console, Options


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    add_decision_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Record a yes."""
    return decide(arguments, options, console, is_approved=True)
