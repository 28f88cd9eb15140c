"""`deliverkit ledger`: read and verify the record of what happened."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode, NotFoundError


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    log = verbs.add_parser("log", parents=[shared], help="the events of a promotion, or of the application")
    log.add_argument("promotion", nargs="?", help="id (default: the application's journal)")
    log.set_defaults(run=_log)
    export = verbs.add_parser("export", parents=[shared], help="every event of every stream, one JSON document a line")
    export.set_defaults(run=_export)
    verbs.add_parser("verify", parents=[shared], help="check every chain (exit 9 if one is broken)").set_defaults(
        run=_verify
    )


def _log(arguments: Namespace, options: Options, console: Console) -> int:
    stream = f"promotions/{arguments.promotion.removeprefix('promotions/')}" if arguments.promotion else "application"
    events = open_delivery(options, console).ledger.read(stream)
    if not events and arguments.promotion:
        raise NotFoundError(f"there is no promotion {arguments.promotion}", hint="deliverkit status")
    render.data(events, options, console, text=render.events)
    return ExitCode.DONE


def _verify(_arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.domain.ledger import verify  # noqa: PLC0415

    ledger = open_delivery(options, console).ledger
    counted = {stream: verify(stream, ledger.read(stream)) for stream in ledger.streams("")}
    console.tell(f"{sum(counted.values())} events in {len(counted)} streams: every chain verifies")
    render.data(counted, options, console, text=lambda found: "\n".join(f"{n:6}  {name}" for name, n in found.items()))
    return ExitCode.DONE


def _export(_arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.domain.ledger import encode  # noqa: PLC0415

    ledger = open_delivery(options, console).ledger
    for stream in ledger.streams(""):
        for event in ledger.read(stream):
            console.say(encode(event).decode())
    return ExitCode.DONE
