"""`deliverkit release`: list, show, compare, verify, copy, remove, quarantine and lift releases."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.cli import release_diff, release_prune, release_replicate, release_verify, render
from deliverkit.cli.options import Console, Options, open_delivery, whole_number
from deliverkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", parents=[shared], help="releases and where they stand, the newest first")
    listing.add_argument("--environment", metavar="ENV", help="only releases that this environment has served")
    listing.add_argument("--limit", metavar="N", type=whole_number, help="so many at most")
    listing.set_defaults(run=_list)
    show = verbs.add_parser("show", parents=[shared], help="everything about one release")
    show.add_argument("version", nargs="?", help="default: the newest")
    show.add_argument("--record", action="store_true", help="only what was recorded of it when it was packaged")
    show.set_defaults(run=_show)
    release_diff.configure(verbs, shared)
    release_replicate.configure(verbs, shared)
    release_prune.configure(verbs, shared)
    for verb, summary in (("quarantine", "forbid a release everywhere"), ("lift", "allow a quarantined release again")):
        command = verbs.add_parser(verb, parents=[shared], help=summary)
        command.add_argument("version")
        command.add_argument("--reason", required=True)
        command.set_defaults(run=_quarantine if verb == "quarantine" else _lift)
    release_verify.configure(verbs, shared)


def _list(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.cli import release_text  # noqa: PLC0415

    delivery = open_delivery(options, console)
    environment = arguments.environment
    known = delivery.blueprint.environments
    if environment is not None and environment not in known:
        raise UsageError(
            f"there is no environment {environment}; the configuration has {', '.join(known) or 'none'}",
            hint=f"deliverkit release list --environment {'|'.join(known) or 'NAME'}",
        )
    found = delivery.catalogue.list(environment=environment, limit=arguments.limit)
    render.data(
        found,
        options,
        console,
        text=lambda it: release_text.listing(it, environment),
        as_json=release_text.listing_document,
    )
    return ExitCode.DONE


def _show(arguments: Namespace, options: Options, console: Console) -> int:
    delivery = open_delivery(options, console)
    release = delivery.release(arguments.version)
    if arguments.record:
        render.data(release, options, console, text=render.release)
        return ExitCode.DONE
    from deliverkit.cli import release_text  # noqa: PLC0415  (with --record it is a command of one call)

    portrait = delivery.catalogue.portrait(release)
    render.data(portrait, options, console, text=release_text.portrait, as_json=release_text.portrait_document)
    return ExitCode.DONE


def _quarantine(arguments: Namespace, options: Options, console: Console) -> int:
    release = open_delivery(options, console).quarantine(arguments.version, arguments.reason)
    console.tell(f"{release.version} can neither be promoted nor be gone back to")
    return ExitCode.DONE


def _lift(arguments: Namespace, options: Options, console: Console) -> int:
    release = open_delivery(options, console).lift(arguments.version, arguments.reason)
    console.tell(f"{release.version} may be promoted again")
    return ExitCode.DONE
