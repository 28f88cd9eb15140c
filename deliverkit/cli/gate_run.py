"""`deliverkit gate run`, `resume`, `stop` and `list`: gates by themselves, outside of a promotion."""

from __future__ import annotations

from contextlib import nullcontext
from re import fullmatch
from typing import TYPE_CHECKING, Any

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery
from deliverkit.cli.watching import add_junit_argument, duration, opening
from deliverkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path

    from deliverkit.cli.junit_file import JunitFile
    from deliverkit.delivery import Delivery
    from deliverkit.domain.gate import Verdict
    from deliverkit.domain.gate_run import GateRun
    from deliverkit.domain.ledger import Event

_NAMED = 5
"""Gates that are named in a line of progress."""
CODES = "0 passed; 1 failed; 5 inconclusive, stopped or still running; 8 could not be measured"


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments of all four."""
    begin = verbs.add_parser(
        "run",
        parents=[shared],
        help="measure gates now, outside of a promotion, and judge them",
        epilog=f"Exit codes: {CODES}.",
    )
    begin.add_argument("gates", nargs="*", metavar="GATE", help="default: all gates of the environment")
    begin.add_argument("--to", metavar="ENV", help="environment (default: the only one there is)")
    begin.add_argument("--release", metavar="VERSION", help="should be healthy (default: what serves there)")
    begin.add_argument(
        "--for",
        dest="bake_time",
        type=duration,
        metavar="TIME",
        help="watch so long before the gates have to be passed (default: the environment's bake_time)",
    )
    begin.add_argument(
        "--id",
        type=_name,
        metavar="NAME",
        help="the run's id: typed again, it goes on with that run, so take a new one for each occasion: nightly-$BUILD",
    )
    begin.add_argument("--detach", action="store_true", help="only open the run; `gate resume` drives it")
    _add_watching(begin)
    begin.set_defaults(run=run)
    resume = verbs.add_parser(
        "resume", parents=[shared], help="take a run of gates over, or follow it", epilog=f"Exit codes: {CODES}."
    )
    resume.add_argument("id", help="as `gate run` told it")
    _add_watching(resume)
    resume.set_defaults(run=take_over)
    stop = verbs.add_parser(
        "stop",
        parents=[shared],
        help="give a run of gates up; --reason is required; twice, or after its end, is harmless",
    )
    stop.add_argument("id", help="as `gate run` told it")
    stop.add_argument("--reason", required=True, help="why, for those who come later")
    stop.set_defaults(run=give_up)
    listed = verbs.add_parser("list", parents=[shared], help="runs of gates that have not come to an end")
    listed.add_argument("--all", action="store_true", help="those that have ended, too")
    listed.set_defaults(run=list_runs)


def _name(text: str) -> str:
    """An id that a person, or a build, gives a run.

    Raises:
        ArgumentTypeError: If it could not be the name of a stream.
    """
    from argparse import ArgumentTypeError  # noqa: PLC0415

    if not fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", text):
        raise ArgumentTypeError(f"{text!r} is no id: letters, digits, '.', '_' and '-', 63 at most")
    return text


def _add_watching(command: ArgumentParser) -> None:
    command.add_argument("--timeout", type=duration, metavar="TIME", help="stop watching; the run can be resumed")
    add_junit_argument(command)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Open a run, say its id at once, drive it."""
    delivery = open_delivery(options, console)
    named = arguments.id or " ".join(arguments.gates)
    with opening(named, arguments, console, is_promotion=False):
        run_id = delivery.run_gates(
            arguments.gates,
            to=arguments.to or _only_environment(delivery),
            version=arguments.release,
            bake_time=arguments.bake_time,
            run_id=arguments.id or "",
        )
    if arguments.detach:
        console.tell(f"next: deliverkit gate resume {run_id}")
        render.data({"run": run_id}, options, console, text=lambda _: run_id, as_json=lambda opened: opened)
        return ExitCode.DONE
    (console.tell if options.is_json else console.say)(run_id)
    return _watch(delivery, run_id, arguments, options, console)


def take_over(arguments: Namespace, options: Options, console: Console) -> int:
    """Go on where the other process ended; doing it twice does no harm."""
    return _watch(open_delivery(options, console), arguments.id, arguments, options, console)


def give_up(arguments: Namespace, options: Options, console: Console) -> int:
    """Record that nobody needs the verdict any more; of a run that has ended, tell how."""
    run = open_delivery(options, console).gate_runs.stop(arguments.id, arguments.reason)
    render.data(run, options, console, text=_told, as_json=_document)
    return ExitCode.DONE


def list_runs(arguments: Namespace, options: Options, console: Console) -> int:
    """Name the runs, the oldest first, with what to type next."""
    runs = open_delivery(options, console).gate_runs.listed()
    shown = [run for run in runs if arguments.all or not run.is_over]
    nothing = f"no run of gates is {'on record' if arguments.all else 'under way'}"
    render.data(
        shown,
        options,
        console,
        text=lambda found: _listed(found) or nothing,
        as_json=lambda found: [_document(run) for run in found],
    )
    return ExitCode.DONE


def _listed(runs: list[GateRun]) -> str:
    return "\n".join(
        _told(run).partition("\n")[0] + f", opened {run.opened_at:%Y-%m-%d %H:%M:%S} UTC; {_next(run)}" for run in runs
    )


def _next(run: GateRun) -> str:
    return f"next: deliverkit gate {'explain' if run.is_over else 'resume'} {run.id}"


def _only_environment(delivery: Delivery) -> str:
    known = list(delivery.blueprint.environments)
    if len(known) == 1:
        return known[0]
    raise UsageError(
        f"which environment? the configuration has {', '.join(known)}", hint=f"deliverkit gate run --to {known[0]}"
    )


def _watch(delivery: Delivery, run_id: str, arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.cli.progress import Progress, Story  # noqa: PLC0415

    _tell_of_an_end(delivery.gate_runs.show(run_id), console)
    story: Story[GateRun] = Story(_line, _doing, lambda run: run.opened_at)
    progress = Progress(console, story)
    junit = _junit(arguments.junit, delivery, run_id, console)

    def hear(event: Event, run: GateRun) -> None:
        if junit:
            junit.hear(event, run)
        progress.event(event, run)

    console.way_back = f"what was measured is on record; next: deliverkit gate resume {run_id}"
    with junit.written() if junit else nullcontext():
        run = delivery.gate_runs.watch(run_id, timeout=arguments.timeout, listener=hear, on_tick=progress.tick)
    progress.close()
    render.data(run, options, console, text=_told, as_json=_document)
    code = _exit_code(run)
    return ExitCode.FAILED if code == ExitCode.DONE and junit and junit.is_lost else code


def _junit(path: Path | None, delivery: Delivery, run_id: str, console: Console) -> JunitFile | None:
    if path is None:
        return None
    from deliverkit.cli.junit_file import RUN_OF_GATES, JunitFile  # noqa: PLC0415  (only who wants the file pays)

    return JunitFile(path, delivery, run_id, console, RUN_OF_GATES)


def _tell_of_an_end(run: GateRun, console: Console) -> None:
    """Whoever gives a run the name of an older one must not take its verdict for today's."""
    if run.is_over:
        console.tell(f"note: {run.id} ended at {run.last.at:%Y-%m-%d %H:%M:%S} UTC; nothing is measured now")


def _line(event: Event, _run: GateRun) -> str:
    if event.kind == "gate.judged":
        return f"gate {event.payload['gate']} {event.payload['verdict']}: {event.payload['reason']}"
    return ""


def _doing(run: GateRun) -> str:
    names = [gate.name for gate in run.open_gates()]
    more = f" and {len(names) - _NAMED:,} more gates" if len(names) > _NAMED else ""
    return f"measuring {', '.join(names[:_NAMED])}{more}"


def _told(run: GateRun) -> str:
    from deliverkit.domain.gate_run import verdict_on  # noqa: PLC0415

    found = verdict_on(run)
    why = f": {found.reason}" if found and run.stopped else ""
    lines = [f"{run.id}: {found.verdict.value if found else 'still running'}{why}"]
    for gate in run.plan.gates:
        judged = run.judged.get(gate.name)
        lines.append(f"  {gate.name}: {f'{judged.verdict.value}: {judged.reason}' if judged else 'not judged'}")
    lines.append(_next(run))
    return "\n".join(lines)


def _document(run: GateRun) -> Any:
    from deliverkit.domain.gate_run import verdict_on  # noqa: PLC0415

    found = verdict_on(run)
    return render.plain(
        {
            "run": run.id,
            "environment": run.plan.environment,
            "verdict": found.verdict if found else None,
            "reason": found.reason if found else "",
            "opened_at": run.opened_at,
            "gates": run.judged,
            "measurements": {key: analysis.taken for key, analysis in run.analyses.items()},
        }
    )


def _exit_code(run: GateRun) -> int:
    from deliverkit.domain.gate_run import verdict_on  # noqa: PLC0415

    found = verdict_on(run)
    return code_of(found.verdict) if found else ExitCode.WAITING


def code_of(verdict: Verdict) -> ExitCode:
    """The exit code of a verdict outside of a promotion, where there is nothing to roll back."""
    from deliverkit.domain.gate import Verdict  # noqa: PLC0415

    return {
        Verdict.PASSED: ExitCode.DONE,
        Verdict.FAILED: ExitCode.FAILED,
        Verdict.INCONCLUSIVE: ExitCode.WAITING,
        Verdict.ERROR: ExitCode.UNREACHABLE,
    }[verdict]
