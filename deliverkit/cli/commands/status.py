"""`deliverkit status`: what serves where, what waits for what, and what to type next."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "subject", nargs="?", metavar="ID|ENV", help="a promotion or an environment (default: everything)"
    )
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Show the status; reads only, and always exits 0 when it could read."""
    delivery = open_delivery(options, console)
    subject = arguments.subject
    if subject and subject not in delivery.blueprint.environments:
        render.data(delivery.show(subject), options, console, text=render.rollout, as_json=render.rollout_document)
        return ExitCode.DONE
    names = [subject] if subject else list(delivery.blueprint.environments)
    estate, unfinished = delivery.estate(), delivery.unfinished()
    overview = render.Overview(delivery.blueprint.application, tuple(names), estate, unfinished)
    render.data(overview, options, console, text=render.overview, as_json=render.overview_document)
    return ExitCode.DONE
