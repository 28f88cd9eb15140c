"""`deliverkit resume`: take a promotion over after a crash or restart."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.cli.watching import add_watch_arguments, watch


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument("promotion", help="id, as `status` names it")
    add_watch_arguments(parser)
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Go on where the other process ended; doing it twice does no harm."""
    delivery = open_delivery(options, console)
    return watch(delivery, arguments.promotion, arguments, options, console)[1]
