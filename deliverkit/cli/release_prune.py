"""`deliverkit release prune`: remove releases that nobody needs; shows the plan, and does it only with --yes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from deliverkit.engine.pruning import Pruned, Pruner


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser(
        "prune", parents=[shared], help="remove releases that nobody needs; shows the plan, --yes does it"
    )
    command.set_defaults(run=run)


def run(_arguments: Namespace, options: Options, console: Console) -> int:
    """Show what would go and why everything else stays, or do it."""
    from deliverkit.cli import release_text  # noqa: PLC0415

    pruner = open_delivery(options, console).catalogue.pruner
    if options.is_confirmed:
        return prune(pruner, options, console)
    plan = pruner.plan(console.tell)
    begun = [release.version for release in pruner.begun()]
    render.data(plan, options, console, text=release_text.retention)
    if begun:
        console.tell(f"begun earlier and not ended: {', '.join(begun)}")
    if plan.removals or plan.strays_to_go or begun:
        console.tell("next: deliverkit release prune --yes")
    return ExitCode.DONE


def prune(pruner: Pruner, options: Options, console: Console) -> int:
    """Remove what may go, and tell each release's fate, also when something stops it half-way.

    Raises:
        DeliverkitError: Whatever stops it; what was done until then has been told.
    """
    from deliverkit.engine.pruning import Fate  # noqa: PLC0415

    fates: list[Pruned] = []
    try:
        for each in pruner.prune(console.tell):
            fates.append(each)
            if not options.is_json:
                kind = "" if each.kind == "release" else f"{each.kind} "
                console.say(f"{each.fate.value:8}  {kind}{each.version}  {each.detail}")
    except BaseException:
        # What is gone is gone: whoever reads the document has to learn it, whatever came then.
        if fates:
            _told(fates, options, console)
        raise
    _told(fates, options, console)
    refused = any(each.fate is Fate.REFUSED for each in fates)
    if refused:
        console.tell("next: see what forbids it (Object Lock, permissions), then deliverkit release prune --yes")
    return ExitCode.UNREACHABLE if refused else ExitCode.DONE


def _told(fates: list[Pruned], options: Options, console: Console) -> None:
    if options.is_json:
        render.data(fates, options, console, text=str)
    removed = sum(each.fate.value == "removed" for each in fates)
    console.tell(f"{removed} removed, {len(fates) - removed} left")
