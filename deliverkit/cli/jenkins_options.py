"""What the verbs of `deliverkit jenkins` that ask a controller share."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING, Any

from deliverkit.errors import UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from deliverkit.build_ports import BuildServer
    from deliverkit.cli.options import Console, Options
    from deliverkit.domain.build import Build, BuildStage, Question


def add_url_argument(parser: ArgumentParser) -> None:
    """Which controller."""
    parser.add_argument(
        "--url",
        metavar="URL",
        help="the controller (default: jenkins.url of deliverkit.yml, or else the variable JENKINS_URL)",
    )


def add_parameters_argument(parser: ArgumentParser, summary: str) -> None:
    """Parameters by name."""
    parser.add_argument(
        "-p", "--parameter", dest="parameters", metavar="NAME=VALUE", action="append", default=[], type=_pair,
        help=summary,
    )  # fmt: skip


def parameters_of(arguments: Namespace) -> dict[str, str]:
    """The parameters that were typed.

    Raises:
        UsageError: If one is typed twice.
    """
    names = [name for name, _ in arguments.parameters]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        once = " ".join(f"-p {name}=VALUE" for name in twice)
        raise UsageError(f"-p {', '.join(twice)} is given more than once", hint=f"{once}, once")
    return dict(arguments.parameters)


def build_parameters_of(arguments: Namespace, *, hint: str) -> dict[str, str]:
    """The parameters that were typed for a build.

    Args:
        arguments: As they were typed.
        hint: How the name of the request is given.

    Raises:
        UsageError: If one is typed twice, or is the name of the request.
    """
    from deliverkit.domain.build import REQUEST  # noqa: PLC0415

    parameters = parameters_of(arguments)
    if REQUEST in parameters:
        raise UsageError(f"{REQUEST} is the name of the request, and no parameter to give", hint=hint)
    return parameters


def typed(arguments: Namespace, options: Options, *words: str) -> str:
    """A command for the same controller, as it can be typed."""
    import shlex  # noqa: PLC0415

    url = ["--url", arguments.url] if arguments.url else []
    config = ["--config", str(options.config)] if options.config else []
    return shlex.join(["deliverkit", "jenkins", *words, *url, *config])


def open_server(arguments: Namespace, options: Options, console: Console) -> BuildServer:
    """The controller that is meant; it is not asked yet.

    Raises:
        UsageError: If address, user or token are missing.
    """
    from deliverkit.jenkins_assembly import open_jenkins  # noqa: PLC0415  (`--help` needs no controller)

    return open_jenkins(arguments.url, options.config, console.environ)


def build_document(build: Build | None) -> dict[str, Any]:
    """A build as JSON."""
    if build is None:
        return {"number": None, "url": None, "result": None, "parameters": {}, "description": ""}
    return {
        "number": build.number,
        "url": build.url,
        "result": build.result.value if build.result else None,
        "parameters": dict(build.parameters),
        "description": build.description,
    }


def question_document(question: Question) -> dict[str, Any]:
    """A question as JSON."""
    return {
        "id": question.id,
        "message": question.message,
        "proceed_text": question.proceed_text,
        "parameters": dict(question.parameters),
    }


def question_lines(question: Question, arguments: Namespace, options: Options) -> list[str]:
    """A question, and how to answer it."""
    wanted = [word for name, value in question.parameters.items() for word in ("-p", f"{name}={value or 'VALUE'}")]
    where = (question.job, str(question.build), "--id", question.id)
    return [
        f"{question.id}: {question.message}",
        f"  next: {typed(arguments, options, 'input', 'approve', *where, *wanted)}",
        f"  next: {typed(arguments, options, 'input', 'reject', *where)}",
    ]


def stage_row(stage: BuildStage) -> tuple[str, str, str]:
    """A stage as a row of a table."""
    return stage.name, stage.status, f"{stage.seconds:.0f} s"


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        # Not the text itself: it may be a secret that lost its name.
        raise ArgumentTypeError("expected NAME=VALUE")
    return name, value
