"""`deliverkit jenkins input`: what builds ask people, and the answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliverkit.cli import jenkins_offer, render
from deliverkit.cli.jenkins_options import (
    add_parameters_argument,
    add_url_argument,
    open_server,
    parameters_of,
    question_document,
    question_lines,
)
from deliverkit.cli.options import whole_number
from deliverkit.errors import DeliverkitError, ExitCode

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from deliverkit.build_ports import BuildServer
    from deliverkit.cli.options import Console, Options
    from deliverkit.domain.build import Question


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    noun = verbs.add_parser("input", parents=[shared], help="what builds ask people, and the answers")
    actions = noun.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", parents=[shared], help="what a build asks now")
    _add_build(listing)
    listing.set_defaults(run=_list)
    for action, summary in (("approve", "let a build go on"), ("reject", "do not let a build go on; it ends")):
        command = actions.add_parser(action, parents=[shared], help=summary)
        _add_build(command)
        command.add_argument("--id", default="", help="which question (default: the only one)")
        if action == "approve":
            add_parameters_argument(command, "what the question wants to know; the rest has its default value")
        command.add_argument("--reason", default="", metavar="TEXT", help="noted in the build's description")
        command.set_defaults(run=_approve if action == "approve" else _reject)
    jenkins_offer.configure(actions, shared)


def _add_build(command: ArgumentParser) -> None:
    command.add_argument("job", help="full name, with folders: FOLDER/JOB")
    command.add_argument("number", type=whole_number, help="the build")
    add_url_argument(command)


def _list(arguments: Namespace, options: Options, console: Console) -> int:
    server = open_server(arguments, options, console)
    questions = server.questions(arguments.job, arguments.number)
    if not questions:
        console.tell(f"{arguments.job} #{arguments.number} asks nothing now")
    if questions or options.is_json:
        lines = [line for each in questions for line in question_lines(each, arguments, options)]
        render.data(questions, options, console, text=lambda _: "\n".join(lines), as_json=_document)
    return ExitCode.DONE


def _document(questions: Sequence[Question]) -> list[dict[str, Any]]:
    return [question_document(each) for each in questions]


def _approve(arguments: Namespace, options: Options, console: Console) -> int:
    return _answer(arguments, options, console, parameters=parameters_of(arguments), is_approved=True)


def _reject(arguments: Namespace, options: Options, console: Console) -> int:
    return _answer(arguments, options, console, parameters={}, is_approved=False)


def _answer(
    arguments: Namespace, options: Options, console: Console, *, parameters: dict[str, str], is_approved: bool
) -> int:
    from deliverkit.engine.answering import the_question  # noqa: PLC0415

    server = open_server(arguments, options, console)
    question = the_question(server, arguments.job, arguments.number, arguments.id)
    server.answer(question, is_approved=is_approved, parameters=parameters)
    who, word = console.environ.get("JENKINS_USER_ID", "").strip(), "approved" if is_approved else "rejected"
    line = f"{question.id} of {question.job} #{question.build} {word} by {who}"
    reason = " ".join(arguments.reason.split())
    if reason:
        _note(server, question, f"{line}: {reason}", console)
    document = {"job": question.job, "number": question.build, "id": question.id, "answer": word, "by": who}
    render.data(line, options, console, text=render.one_line, as_json=lambda _: {**document, "reason": reason})
    return ExitCode.DONE


def _note(server: BuildServer, question: Question, line: str, console: Console) -> None:
    from deliverkit.engine.answering import note  # noqa: PLC0415

    try:
        note(server, question, line)
    except DeliverkitError as error:
        # The answer was given, and cannot be taken back.
        console.tell(f"warning: the reason is not in the build's description: {error.message}")
