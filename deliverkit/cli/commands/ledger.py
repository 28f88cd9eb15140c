"""`deliverkit ledger`: read and verify the record of what happened."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode, NotFoundError

_PREFIXES = ("promotions/", "gates/")


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    log = verbs.add_parser(
        "log", parents=[shared], help="the events of a promotion, a run of gates, or the application"
    )
    log.add_argument(
        "promotion",
        nargs="?",
        metavar="ID",
        help="of a promotion or a run of gates (default: the application's journal)",
    )
    log.set_defaults(run=_log)
    export = verbs.add_parser("export", parents=[shared], help="every event of every stream, one JSON document a line")
    export.set_defaults(run=_export)
    verbs.add_parser("verify", parents=[shared], help="check every chain (exit 9 if one is broken)").set_defaults(
        run=_verify
    )


def _log(arguments: Namespace, options: Options, console: Console) -> int:
    ledger = open_delivery(options, console).ledger
    found = {stream: events for stream in _streams(arguments.promotion) if (events := ledger.read(stream))}
    if not found and arguments.promotion:
        message = f"there is neither a promotion {arguments.promotion} nor such a run of gates"
        raise NotFoundError(message, hint="deliverkit status, or deliverkit gate list --all")
    if len(found) > 1:
        first, second = found
        console.tell(f"note: this is {first}; the other of that id: deliverkit ledger log {second}")
    render.data(next(iter(found.values()), ()), options, console, text=render.events)
    return ExitCode.DONE


def _streams(name: str | None) -> tuple[str, ...]:
    """Where the events of a promotion or a run of gates may be, by its id or the name of its stream."""
    if not name:
        return ("application",)
    return (name,) if name.startswith(_PREFIXES) else tuple(prefix + name for prefix in _PREFIXES)


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
