"""`deliverkit jenkins install`: make folders and jobs as files define them; shows the differences, then asks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from deliverkit.cli import render
from deliverkit.cli.jenkins_options import add_url_argument, typed
from deliverkit.cli.options import Console, Options
from deliverkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

    from deliverkit.engine.installing import Installer, Step

_PLACE = Path("jenkins/jobs")


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser(
        "install", parents=[shared], help="make folders and jobs as files define them; removes nothing"
    )
    command.add_argument(
        "path",
        nargs="?",
        type=Path,
        default=_PLACE,
        help=f"directory: A.xml in it defines A, A/B.xml defines B in the folder A (default: {_PLACE})",
    )
    command.add_argument("--plan", action="store_true", help="only show what would change")
    add_url_argument(command)
    command.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Compare, show, ask, install."""
    from deliverkit.engine.installing import Installer  # noqa: PLC0415  (`--help` compares nothing)
    from deliverkit.jenkins_assembly import open_jenkins, read_job_files  # noqa: PLC0415

    if arguments.plan and options.is_confirmed:
        raise UsageError("--plan changes nothing, and --yes wants it done", hint="leave one of them out")
    definitions = read_job_files(arguments.path)
    installer = Installer(open_jenkins(arguments.url, options.config, console.environ))
    steps = installer.plan(definitions)
    if arguments.plan or not any(step.fate.is_ahead for step in steps):
        _show(steps, options, console, is_plan=arguments.plan)
        console.tell(_summary(steps))
        if any(step.fate.is_ahead for step in steps):
            console.tell(f"next: {_typed(arguments, options, '--yes')}")
        return _exit_code(steps)
    for line in (line for step in steps for line in step.difference):
        console.tell(line)
    if not options.is_confirmed:
        _ask(steps, arguments, options, console)
    return _install(installer, steps, options, console)


def _typed(arguments: Namespace, options: Options, option: str) -> str:
    """The same command with another option, as it can be typed."""
    path = [] if arguments.path == _PLACE else [str(arguments.path)]
    return typed(arguments, options, "install", *path, option)


def _install(installer: Installer, steps: Sequence[Step], options: Options, console: Console) -> int:
    done: list[Step] = []
    try:
        for step in installer.carry_out(steps):
            done.append(step)
            if not options.is_json:
                console.say(_line(step))
    finally:
        # What is made is made: whoever reads the document has to learn it, whatever came then.
        if options.is_json:
            _show(done, options, console, is_plan=False)
    console.tell(_summary(done))
    return _exit_code(done)


def _ask(steps: Sequence[Step], arguments: Namespace, options: Options, console: Console) -> None:
    """Go on only when a person says so.

    Raises:
        UsageError: If there is nobody to ask, or the answer is no.
    """
    answer = console.confirms(f"{_summary(steps)}. Install?")
    if answer is None:
        raise UsageError(
            f"{_summary(steps)}, and there is nobody to ask; nothing was changed",
            hint=_typed(arguments, options, "--yes"),
        )
    if not answer:
        raise UsageError("nothing was changed", hint=_typed(arguments, options, "--plan"))


def _show(steps: Sequence[Step], options: Options, console: Console, *, is_plan: bool) -> None:
    render.data(steps, options, console, text=lambda it: _text(it, is_plan=is_plan), as_json=_document)


def _text(steps: Sequence[Step], *, is_plan: bool) -> str:
    diffs = [line for step in steps for line in step.difference] if is_plan else []
    return "\n".join([*map(render.one_line, diffs), *([""] if diffs else []), *map(_line, steps)])


def _line(step: Step) -> str:
    told = step.reason or step.definition.kind
    return render.one_line(f"{step.fate.value:9}  {step.name}  {told}")


def _document(steps: Sequence[Step]) -> Any:
    return {
        "jobs": [
            {
                "name": step.name,
                "kind": step.definition.kind,
                "file": step.definition.file,
                "fate": step.fate.value,
                "diff": list(step.difference),
                "reason": step.reason,
            }
            for step in steps
        ],
        "exit_code": int(_exit_code(steps)),
    }


def _summary(steps: Sequence[Step]) -> str:
    fates = [step.fate.value for step in steps]
    if set(fates) == {"unchanged"}:
        return f"nothing to do: {len(fates)} as defined"
    return ", ".join(f"{fates.count(fate)} {_WORDS.get(fate, fate)}" for fate in dict.fromkeys(fates))


_WORDS = {"create": "to create", "change": "to change"}


def _exit_code(steps: Sequence[Step]) -> ExitCode:
    from deliverkit.errors import UnreachableError  # noqa: PLC0415

    errors = [step.error for step in steps if step.error is not None]
    if any(isinstance(error, UnreachableError) for error in errors):
        return ExitCode.UNREACHABLE
    return ExitCode.FAILED if errors else ExitCode.DONE
