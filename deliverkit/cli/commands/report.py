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
    from deliverkit.domain.ledger import Event
    from deliverkit.reporting.report import Report

FORMS = ("html", "description", "description-html", "gates")


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "subject",
        nargs="?",
        metavar="ID|RELEASE",
        help="an id, or a version, of which the newest promotion is taken (default: the one that is under way)",
    )
    parser.add_argument(
        "--as",
        dest="form",
        choices=FORMS,
        default=FORMS[0],
        help="a page for publishHTML; one line for the build's description, plain or for Jenkins' Safe HTML; or the "
        "gates' results as JSON, also those of a run of gates",
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
    if run_events := _run_of(delivery, arguments.subject):
        return _tell_run(run_events, arguments, options, console)
    report = report_of(delivery, find_promotion(delivery, arguments.subject), options, console)
    if arguments.commit_status:
        _tell_commit(delivery, report, console)
    text = _form(arguments.form)(report)
    _write(text, _document(report, text, arguments.to_file), arguments.to_file, options, console)
    return ExitCode.DONE


def _write(text: str, document: dict[str, object], file: Path | None, options: Options, console: Console) -> None:
    if file is not None:
        from deliverkit.cli.whole_file import write_whole  # noqa: PLC0415

        write_whole(file, text if text.endswith("\n") else f"{text}\n")
        console.tell(f"written to {file}")
    if options.is_json:
        render.data(document, options, console, text=str)
    elif file is None:
        console.say(text.removesuffix("\n"))


def _run_of(delivery: Delivery, subject: str | None) -> tuple[Event, ...]:
    """The events of the run of gates that is meant; none when it is a promotion or a release."""
    from deliverkit.cli.gate_subjects import run_of  # noqa: PLC0415
    from deliverkit.engine.promotion_log import stream_of  # noqa: PLC0415

    return run_of(delivery, subject) if subject and not delivery.ledger.read(stream_of(subject)) else ()


def _tell_run(events: tuple[Event, ...], arguments: Namespace, options: Options, console: Console) -> int:
    """Tell of a run of gates, which has no page and no commit of its own."""
    from deliverkit.cli.gate_subjects import of_events  # noqa: PLC0415
    from deliverkit.reporting.gates_document import document  # noqa: PLC0415

    found, file = of_events(events), arguments.to_file
    if arguments.form != "gates" or arguments.commit_status:
        message = f"{found.subject.id} is a run of gates: of it there are the gates' results only"
        raise UsageError(message, hint=f"deliverkit report {found.subject.id} --as gates")
    text = _as_json(document(found.subject, found.trials))
    head = {"run": found.subject.id, "version": found.subject.version, "environment": found.subject.environment}
    _write(
        text, {**head, "file": str(file) if file else None, "report": None if file else text}, file, options, console
    )
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
    from deliverkit.reporting.gates_document import document, subject_of  # noqa: PLC0415

    rollout, trials = report.history.rollout, report.history.trials
    return _as_json(document(subject_of(rollout.id, rollout.plan), trials))


def _as_json(document: object) -> str:
    import json  # noqa: PLC0415

    return json.dumps(render.plain(document), ensure_ascii=False, indent=2, sort_keys=True)


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
