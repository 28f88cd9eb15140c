"""`deliverkit gate explain`: why the gates of a promotion were judged as they were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options
from deliverkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from deliverkit.cli.gate_subjects import Recorded


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser(
        "explain",
        parents=[shared],
        help="why each gate was judged so: rule, samples, a chart, and what would have changed the verdict",
    )
    add_arguments(command)
    command.set_defaults(run=run)


def add_arguments(command: ArgumentParser) -> None:
    """The arguments that say whose gates are meant."""
    command.add_argument(
        "subject",
        metavar="ID|FILE",
        help="a promotion or a run of gates, or a version, of which the newest promotion is taken; or a file with its "
        "recorded events (ledger export, ledger log ID --output json) or its gate results (gate explain ID --output "
        "json, report ID --as gates), which needs no AWS",
    )
    command.add_argument("--gate", metavar="G", help="only this gate")


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Tell; reads only, and exits 0 whatever the verdicts were."""
    from deliverkit.cli.gate_subjects import recorded  # noqa: PLC0415

    found = recorded(arguments.subject, arguments.gate, options, console)
    if len(found) > 1:
        ids = ", ".join(each.subject.id for each in found)
        hint = "deliverkit gate replay takes them all; explain one: deliverkit gate explain ID"
        raise UsageError(f"{arguments.subject} has several promotions or runs: {ids}", hint=hint)
    render.data(found[0], options, console, text=lambda it: _text(it, console), as_json=_document)
    return ExitCode.DONE


def _text(found: Recorded, console: Console) -> str:
    from deliverkit.cli.streams import columns  # noqa: PLC0415
    from deliverkit.reporting.gate_text import explained  # noqa: PLC0415
    from deliverkit.reporting.terminal_charts import glyphs_for  # noqa: PLC0415

    width = min(columns(), 100)
    return explained(found.subject, found.trials, width=width, glyphs=glyphs_for(console.out.encoding))


def _document(found: Recorded) -> Any:
    from deliverkit.reporting.gates_document import document  # noqa: PLC0415

    return render.plain(document(found.subject, found.trials))
