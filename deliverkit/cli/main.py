"""The parser and the table of commands; each command lives in a module of its own that is imported when it is typed."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from typing import Any, NoReturn

from deliverkit._version import __version__
from deliverkit.cli.boundary import guarded
from deliverkit.cli.options import Console, Options
from deliverkit.errors import ExitCode, UsageError

COMMANDS = {
    "init": "scaffold deliverkit.yml, appspec.yml and a Jenkinsfile",
    "package": "bundle a build and store it as a release",
    "plan": "show what promote would do; changes nothing",
    "promote": "bring a release into an environment: deploy, bake, judge, roll back if bad",
    "status": "what serves where, what waits for what, and what to type next",
    "wait": "attach to a promotion from anywhere",
    "resume": "take a promotion over after a crash",
    "approve": "let a promotion go on",
    "reject": "do not let a promotion go on",
    "rollback": "bring an environment back to its last good release",
    "abort": "give a promotion up",
    "release": "list, show, verify, quarantine and lift releases",
    "lock": "show and release the leases of environments",
    "ledger": "read and verify the record of what happened",
    "sandbox": "an AWS on this machine to rehearse with",
    "rehearse": "the project's own promotion under faults, on a sandbox of its own",
}
_TYPED = "typed"
"""Where parsed arguments keep the command with its verb, as it was typed."""
_STATE_IS_SAVED = "the state is saved; `deliverkit status` names what is under way and how to go on"
_AFTER_INTERRUPTION = {
    "sandbox": "`deliverkit sandbox status` tells whether a sandbox runs; `deliverkit sandbox up` starts it or goes on",
    "rehearse": "the rehearsal's own sandbox is gone, and nothing outside it was touched",
}


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors go through the one boundary."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        """Take what argparse takes; parsed arguments tell whose they are."""
        super().__init__(*arguments, **settings)
        self.set_defaults(**{_TYPED: self.prog})

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Raises:
            UsageError: Always.
        """
        raise UsageError(message, hint=f"{self.prog} --help")


def run(argv: Sequence[str], console: Console | None = None) -> int:
    """Parse, call the command, give the exit code."""
    console = console or Console()
    is_verbose = any(argument in {"-v", "--verbose"} for argument in argv)
    after = _AFTER_INTERRUPTION.get(_command(argv) or "", _STATE_IS_SAVED)
    code = guarded(lambda: _dispatch(argv, console), console, is_verbose=is_verbose, after_interruption=after)
    if code != ExitCode.DONE and _is_for_eval(argv):
        console.say("false")
    return code


def _is_for_eval(argv: Sequence[str]) -> bool:
    """Whether a shell is about to evaluate what the command writes: `eval "$(deliverkit sandbox up)" && aws ...`.

    The shell does not see how the command ended, and evaluating nothing is a success: after it the next command would
    go to the real account. Evaluating `false` is a failure.
    """
    verbs = [word for word in argv if word in {"up", "status"}]
    return _command(argv) == "sandbox" and bool(verbs) and not any("json" in word for word in argv)


def _command(argv: Sequence[str]) -> str | None:
    return next((argument for argument in argv if argument in COMMANDS), None)


def _dispatch(argv: Sequence[str], console: Console) -> int:
    parser = build_parser(only=_command(argv))
    if not argv:
        parser.print_help(console.out)
        return ExitCode.DONE
    try:
        arguments, unknown = parser.parse_known_args(list(argv))
    except SystemExit as end:
        # argparse ends the process itself after --help; the boundary alone decides how a process ends.
        return int(end.code or 0)
    if unknown:
        message = f"unrecognized arguments: {' '.join(unknown)}"
        raise UsageError(message, hint=f"{getattr(arguments, _TYPED)} --help")
    if arguments.command is None:
        raise UsageError("no command was given", hint="deliverkit --help")
    return int(arguments.run(arguments, Options.of(arguments), console))


def build_parser(*, only: str | None = None) -> Parser:
    """The parser of the whole command line.

    Args:
        only: Import and describe the arguments of this command alone, which keeps the start quick; None for all.
    """
    parser = Parser(
        prog="deliverkit", description="Carry a build to production on AWS, and bring it back when it is bad."
    )
    parser.add_argument("--version", action="version", version=f"deliverkit {__version__}", help="show the version")
    shared = _shared_options(is_top=False)
    for action in _shared_options(is_top=True)._actions:  # noqa: SLF001  (argparse offers no public way to share options)
        parser._add_action(action)  # noqa: SLF001
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(
            name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.", parents=[shared]
        )
        if only in {None, name}:
            importlib.import_module(f"deliverkit.cli.commands.{name}").configure(command, shared)
    return parser


def _shared_options(*, is_top: bool) -> Parser:
    # Accepted before and after the command; behind it a missing option must not overwrite what stood in front of it.
    def default(value: object) -> object:
        return value if is_top else argparse.SUPPRESS

    options = Parser(add_help=False)
    group = options.add_argument_group("global options")
    group.add_argument(
        "--config", metavar="FILE", default=default(None), help="configuration (default: deliverkit.yml)"
    )
    group.add_argument("--profile", default=default(None), help="AWS profile")
    group.add_argument("--region", default=default(None), help="AWS region")
    group.add_argument("--endpoint-url", metavar="URL", default=default(None), help="endpoint instead of AWS's own")
    group.add_argument(
        "--sandbox",
        action="store_true",
        default=default(False),
        help="use the sandbox that runs here, or else the one that AWS_ENDPOINT_URL names",
    )
    group.add_argument("--output", choices=("text", "json"), default=default("text"), help="form of the data on stdout")
    group.add_argument("-v", "--verbose", action="store_true", default=default(False), help="show causes")
    group.add_argument("--yes", action="store_true", default=default(False), help="ask nothing")
    return options
