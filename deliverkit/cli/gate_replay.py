"""`deliverkit gate replay`: recorded gates computed anew, offline, under the same rules or under others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from deliverkit.cli import gate_explain, render
from deliverkit.cli.options import Console, Options
from deliverkit.errors import ExitCode, NotFoundError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping, Sequence

    from deliverkit.cli.gate_subjects import Recorded
    from deliverkit.domain.gate import Gate
    from deliverkit.reporting.replay_text import Replayed


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser(
        "replay",
        parents=[shared],
        help="compute recorded gates anew from what was seen then; under other rules with --with",
        description="Compute every outcome and verdict of recorded gates anew from what was seen then, offline. "
        "Everything must come out as it is on record.",
        epilog="Exit codes: 0 all comes out as recorded; 1 only words or last digits differ, as by another version, "
        "or a verdict rests on outcomes of which nothing that was seen is on record; 9 an outcome or a verdict does "
        "not follow from what was seen, or an event was changed since it was recorded.",
    )
    gate_explain.add_arguments(command)
    command.add_argument(
        "--with",
        dest="rules",
        metavar="RULES",
        type=Path,
        help="also judge under the gates of this file: a deliverkit.yml, or YAML with `gates` alone",
    )
    command.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Replay, and tell."""
    from deliverkit.cli.gate_subjects import recorded  # noqa: PLC0415
    from deliverkit.reporting import replay_text  # noqa: PLC0415

    found = recorded(arguments.subject, arguments.gate, options, console)
    rules = _rules(arguments.rules, found) if arguments.rules else {}
    replayed = [_replayed(each, rules, arguments.rules) for each in found]
    render.data(
        replayed, options, console, text=replay_text.told, as_json=lambda it: render.plain(replay_text.document(it))
    )
    return _code(replayed, console)


def _rules(path: Path, found: Sequence[Recorded]) -> Mapping[str, Gate]:
    from deliverkit.app import read_gates  # noqa: PLC0415

    rules = read_gates(path)
    names = dict.fromkeys(trial.gate.name for each in found for trial in each.trials)
    if not any(name in rules for name in names):
        told = f"{path} has none of the recorded gates: {', '.join(names) or 'none'}"
        raise NotFoundError(told, hint=f"gates of the same name are compared; it has {', '.join(rules) or 'none'}")
    return rules


def _replayed(found: Recorded, rules: Mapping[str, Gate], path: Path | None) -> Replayed:
    from deliverkit.domain.replaying import rejudge, replay  # noqa: PLC0415
    from deliverkit.reporting.replay_text import Replayed  # noqa: PLC0415

    others = tuple(rejudge(trial, rules[trial.gate.name]) for trial in found.trials if trial.gate.name in rules)
    return Replayed(found.subject, tuple(map(replay, found.trials)), others, str(path) if path else "")


def _code(replayed: Sequence[Replayed], console: Console) -> ExitCode:
    differences = [each for one in replayed for each in one.differences]
    if any(each.is_grave for each in differences):
        console.tell("error: what is on record does not follow from what was seen")
        console.tell(
            "  next: another version of deliverkit may have judged it, or it was made up: deliverkit ledger verify"
        )
        return ExitCode.INTEGRITY
    if differences:
        console.tell(
            "note: every outcome and verdict is as recorded, told in other words or digits: another version wrote them"
        )
        return ExitCode.FAILED
    if any(one.rests_on_trust for one in replayed):
        console.tell(
            "note: a verdict rests on outcomes that cannot be computed anew: what was seen is not on record, or nobody "
            "here can assess its kind"
        )
        return ExitCode.FAILED
    return ExitCode.DONE
