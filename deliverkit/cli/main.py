"""The parser and the table of commands; each command lives in a module of its own that is imported when it is typed."""

from __future__ import annotations

import argparse

from deliverkit._version import __version__
from deliverkit.cli.boundary import guarded
from deliverkit.cli.streams import Console, columns, open_standard_streams
from deliverkit.errors import ExitCode, UsageError

TYPE_CHECKING = False  # as type checkers read it: `typing` is not needed to run
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, NoReturn

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
    "release": "list, compare, verify, copy, remove, quarantine and lift releases",
    "gate": "measure gates, tell why they were judged so, replay them, and compare two series",
    "lock": "show and release the leases of environments",
    "report": "tell of a promotion: a page for Jenkins, or a line for a build's description",
    "ledger": "read and verify the record of what happened",
    "pipeline": "show how the pipeline differs from its declaration, and create or update it",
    "jenkins": "make Jenkins' jobs, ask for builds, follow them, answer what they ask, and do CodePipeline's jobs",
    "sandbox": "an AWS on this machine to rehearse with",
    "rehearse": "the project's own promotion under faults, on a sandbox of its own",
}
_TYPED = "typed"
"""Where parsed arguments keep the command with its verb, as it was typed."""
_STATE_IS_SAVED = "the state is saved; `deliverkit status` names what is under way and how to go on"
_AFTER_INTERRUPTION = {
    "pipeline": "type the command again: it does what is left to do",
    "package": "nothing was recorded, and nothing half-made is left: package again",
    "jenkins": "what is under way goes on; type the command again to take it up",
    "jenkins trigger": "this command has ended; a build that was asked for goes on",
    "gate": "what was measured is on record; `deliverkit gate list` names the runs that go on",
    "gate judge": "nothing was changed; type the command again",
    "gate plan": "nothing was changed; type the command again",
    "release": "type the command again: it ends what it began",
    "sandbox": "`deliverkit sandbox status` tells whether a sandbox runs; `deliverkit sandbox up` starts it or goes on",
    "rehearse": "the rehearsal's own sandbox is gone, and nothing outside it was touched",
}


class _Formatter(argparse.HelpFormatter):
    """As wide as argparse would be, which imports `shutil` and with it every compressor only to find out."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=columns() - 2)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors go through the one boundary."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        """Take what argparse takes; parsed arguments tell whose they are."""
        super().__init__(*arguments, **{"formatter_class": _Formatter, **settings})
        self.set_defaults(**{_TYPED: self.prog})

    def error(self, message: str) -> NoReturn:
        """Refuse the command line.

        Raises:
            UsageError: Always.
        """
        raise UsageError(message, hint=f"{self.prog} --help")


def run(argv: Sequence[str], console: Console | None = None) -> int:
    """Parse, call the command, give the exit code."""
    if console is None:
        had_stdout = open_standard_streams()
        console = Console()
        console.has_stdout = had_stdout
    is_verbose = any(argument in {"-v", "--verbose"} for argument in argv)
    code = guarded(lambda: _dispatch(argv, console), console, is_verbose=is_verbose, after_interruption=_left(argv))
    if code != ExitCode.DONE and _is_for_eval(argv):
        console.say("false")
    console.end()
    return _ended(code, console)


def _ended(code: int, console: Console) -> int:
    """The exit code of a command whose words may have been lost on their way."""
    if console.lost is None or code != ExitCode.DONE:
        return code
    console.tell(f"error: stdout cannot be written: {console.lost.strerror or console.lost}")
    console.tell(
        "  next: the command has done its work, only its words are lost; ask for them again where there is room"
    )
    return ExitCode.FAILED


def _is_for_eval(argv: Sequence[str]) -> bool:
    """Whether a shell is about to evaluate what the command writes: `eval "$(deliverkit sandbox up)" && aws ...`.

    The shell does not see how the command ended, and evaluating nothing is a success: after it the next command would
    go to the real account. Evaluating `false` is a failure.
    """
    verbs = [word for word in argv if word in {"up", "status"}]
    return _command(argv) == "sandbox" and bool(verbs) and not any("json" in word for word in argv)


def _left(argv: Sequence[str]) -> str:
    """What a command leaves that is interrupted: of its verb, or else of the command."""
    command = _command(argv) or ""
    verb = next((word for word in argv if f"{command} {word}" in _AFTER_INTERRUPTION), "")
    return _AFTER_INTERRUPTION.get(f"{command} {verb}".strip(), _STATE_IS_SAVED)


def _command(argv: Sequence[str]) -> str | None:
    return next((argument for argument in argv if argument in COMMANDS), None)


def _dispatch(argv: Sequence[str], console: Console) -> int:
    parser = build_parser()
    if not argv:
        parser.print_help(console.out)
        return ExitCode.DONE
    _refuse_empty(argv)
    try:
        arguments, unknown = parser.parse_known_args(list(argv))
    except SystemExit as end:
        # argparse ends the process itself after --help; the boundary alone decides how a process ends.
        return int(end.code or 0)
    if unknown:
        message = f"unrecognized arguments: {' '.join(unknown)}"
        raise UsageError(message, hint=f"{getattr(arguments, _TYPED)} --help")
    console.config = arguments.config or ""
    if arguments.command is None:
        raise UsageError("no command was given", hint="deliverkit --help")
    from deliverkit.cli.options import Options  # noqa: PLC0415  (every command needs it, `--help` does not)

    return int(arguments.run(arguments, Options.of(arguments), console))


def _refuse_empty(argv: Sequence[str]) -> None:
    """An empty argument is a variable that a script forgot to set; what was left out and what is empty differ much.

    Raises:
        UsageError: If there is one.
    """
    for place, argument in enumerate(argv):
        if argument and not (argument.startswith("--") and argument.endswith("=")):
            continue
        option = argument.rstrip("=") or next((each for each in argv[place - 1 : place] if each.startswith("-")), "")
        message = f"{option} has an empty value" if option else f"argument {place + 1} is empty"
        raise UsageError(message, hint="see which variable of the shell is not set")


def build_parser(*, is_complete: bool = False) -> Parser:
    """The parser of the whole command line.

    Args:
        is_complete: Describe the arguments of every command now, for a reference of them all. Otherwise a command's
            module is imported when argparse comes to the command, which keeps the start quick.
    """
    parser = Parser(
        prog="deliverkit", description="Carry a build to production on AWS, and bring it back when it is bad."
    )
    parser.add_argument("--version", action="version", version=f"deliverkit {__version__}", help="show the version")
    for action in _shared_options(is_top=True)._actions:  # noqa: SLF001  (argparse offers no public way to share options)
        parser._add_action(action)  # noqa: SLF001
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Command)
    for name, summary in COMMANDS.items():
        command: _Command = commands.add_parser(name, help=summary, description=f"{summary[0].upper()}{summary[1:]}.")
        command.name = name
        if is_complete:
            command.complete()
    return parser


class _Command(Parser):
    """The parser of one command, which learns the command's arguments when it is about to parse them.

    Attributes:
        name: The command's, and its module's; empty once the arguments are known, and for the parsers of verbs.
    """

    name = ""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, knowing the command's arguments."""
        self.complete()
        return super().parse_known_args(args, namespace)

    def complete(self) -> None:
        """Import the command's module, and take its arguments."""
        import importlib  # noqa: PLC0415

        name, self.name = self.name, ""
        if name:
            shared = _shared_options(is_top=False)
            self._add_container_actions(shared)  # what argparse does with `parents` when a parser is made
            importlib.import_module(f"deliverkit.cli.commands.{name}").configure(self, shared)


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
