"""`deliverkit release diff`: what leads from one release to another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from deliverkit.delivery import Delivery
    from deliverkit.domain.release import Release


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser("diff", parents=[shared], help="files, commits and tickets between two releases")
    command.add_argument("versions", nargs="*", metavar="VERSION", help="OLD NEW; without NEW the newest release")
    command.add_argument("--from", dest="environment", metavar="ENV", help="OLD is what this environment serves")
    command.add_argument("--all", action="store_true", help="show every file and commit")
    command.add_argument("--markdown", action="store_true", help="write release notes")
    command.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Compare two releases."""
    from deliverkit.cli import release_text  # noqa: PLC0415

    delivery = open_delivery(options, console)
    comparison = delivery.catalogue.compare(*_chosen(delivery, arguments))
    text = (
        release_text.comparison_markdown
        if arguments.markdown
        else lambda value: release_text.comparison(value, is_whole=arguments.all)
    )
    render.data(comparison, options, console, text=text, as_json=release_text.comparison_document)
    return ExitCode.DONE


def _chosen(delivery: Delivery, arguments: Namespace) -> tuple[Release, Release]:
    """OLD and NEW; by default what the last environment serves, and the newest release."""
    versions, environment = list(arguments.versions), arguments.environment
    if len(versions) > (1 if environment else 2):
        raise UsageError("two releases are compared", hint="deliverkit release diff OLD NEW, or --from ENV NEW")
    if environment or not versions:
        name = environment or list(delivery.blueprint.environments)[-1]
        delivery.blueprint.environment(name)
        old = delivery.catalogue.serving(name)
    else:
        old = delivery.release(versions.pop(0))
    return old, delivery.release(versions[0] if versions else None)
