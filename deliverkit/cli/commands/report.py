"""`deliverkit report`: a promotion for those who were not there, as a page or in a line."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from deliverkit.delivery import Delivery
    from deliverkit.reporting.report import Report

FORMS = ("html", "description", "description-html", "gates")


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "subject",
        nargs="?",
        metavar="PROMOTION|RELEASE",
        help="an id, or a version, of which the newest promotion is taken (default: the one that is under way)",
    )
    parser.add_argument(
        "--as",
        dest="form",
        choices=FORMS,
        default=FORMS[0],
        help="a page for publishHTML; one line for the build's description, plain or for Jenkins' Safe HTML; or the "
        "gates' results as JSON",
    )
    parser.add_argument("--to-file", metavar="FILE", type=Path, help="write it there, whole, and say so")
    parser.add_argument(
        "--commit-status",
        action="store_true",
        help="also tell the release's commit how it stands (release.commit_status); what fails there is only said",
    )
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Tell of the promotion; reads only, and exits 0 however the promotion ended."""
    from deliverkit.cli.reports import find_promotion, report_of  # noqa: PLC0415

    delivery = open_delivery(options, console)
    report = report_of(delivery, find_promotion(delivery, arguments.subject), options, console)
    if arguments.commit_status:
        _tell_commit(delivery, report, console)
    text = _form(arguments.form)(report)
    if arguments.to_file is not None:
        from deliverkit.cli.whole_file import write_whole  # noqa: PLC0415

        write_whole(arguments.to_file, text if text.endswith("\n") else f"{text}\n")
        console.tell(f"written to {arguments.to_file}")
    told = _document(report, text, arguments.to_file)
    if options.is_json:
        render.data(told, options, console, text=str)
    elif arguments.to_file is None:
        console.say(text.removesuffix("\n"))
    return ExitCode.DONE


def _tell_commit(delivery: Delivery, report: Report, console: Console) -> None:
    from deliverkit.cli.commit_news import CommitNews  # noqa: PLC0415

    if delivery.commit_statuses is None:
        raise UsageError(
            "deliverkit.yml does not say where commits are told how they stand",
            hint="release.commit_status: github://OWNER/NAME",
        )
    CommitNews(delivery.commit_statuses, console).tell(report.history.rollout)


def _form(name: str) -> Callable[[Report], str]:
    from deliverkit.reporting.description import description, description_html  # noqa: PLC0415
    from deliverkit.reporting.page import page  # noqa: PLC0415

    return {"html": page, "description": description, "description-html": description_html, "gates": _gates}[name]


def _gates(report: Report) -> str:
    import json  # noqa: PLC0415

    from deliverkit.reporting.gates_document import document, subject_of  # noqa: PLC0415

    rollout, trials = report.history.rollout, report.history.trials
    told = render.plain(document(subject_of(rollout.id, rollout.plan), trials))
    return json.dumps(told, ensure_ascii=False, indent=2, sort_keys=True)


def _document(report: Report, text: str, file: Path | None) -> dict[str, object]:
    rollout = report.history.rollout
    return {
        "promotion": rollout.id,
        "version": rollout.plan.release.version,
        "environment": rollout.plan.environment,
        "outcome": rollout.outcome.value if rollout.outcome else None,
        "file": str(file) if file else None,
        "report": None if file else text,
    }
