"""`deliverkit release`: list, show, quarantine and lift releases."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli import release_verify, render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    verbs.add_parser("list", parents=[shared], help="all releases, the newest first").set_defaults(run=_list)
    show = verbs.add_parser("show", parents=[shared], help="one release")
    show.add_argument("version", nargs="?")
    show.set_defaults(run=_show)
    for verb, summary in (("quarantine", "forbid a release everywhere"), ("lift", "allow a quarantined release again")):
        command = verbs.add_parser(verb, parents=[shared], help=summary)
        command.add_argument("version")
        command.add_argument("--reason", required=True)
        command.set_defaults(run=_quarantine if verb == "quarantine" else _lift)
    release_verify.configure(verbs, shared)


def _list(_arguments: Namespace, options: Options, console: Console) -> int:
    delivery = open_delivery(options, console)
    listing = render.Listing(delivery.releases.list(), delivery.estate())
    render.data(listing, options, console, text=render.listing, as_json=render.listing_document)
    return ExitCode.DONE


def _show(arguments: Namespace, options: Options, console: Console) -> int:
    release = open_delivery(options, console).release(arguments.version)
    render.data(release, options, console, text=render.release)
    return ExitCode.DONE


def _quarantine(arguments: Namespace, options: Options, console: Console) -> int:
    release = open_delivery(options, console).quarantine(arguments.version, arguments.reason)
    console.tell(f"{release.version} can neither be promoted nor be gone back to")
    return ExitCode.DONE


def _lift(arguments: Namespace, options: Options, console: Console) -> int:
    release = open_delivery(options, console).lift(arguments.version, arguments.reason)
    console.tell(f"{release.version} may be promoted again")
    return ExitCode.DONE
