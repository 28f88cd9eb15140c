"""`deliverkit rehearse`: the project's own promotion under faults, on a sandbox of its own."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options
from deliverkit.cli.sandbox_environment import enter
from deliverkit.cli.sandbox_instances import add_instances_argument, instances
from deliverkit.cli.watching import duration

if TYPE_CHECKING:
    from deliverkit.rehearsing.rehearsal import Wish

DEFAULT_TIMEOUT = "15m"
LONGEST_BAKE = "30s"


def configure(parser: ArgumentParser, _shared: ArgumentParser) -> None:
    """Describe the arguments."""
    parser.add_argument(
        "--faults", metavar="FILE", required=True, help="a fault file, or the name of one that comes with deliverkit"
    )
    parser.add_argument("--seed", type=int, default=None, help="of the faults' dice, instead of the file's")
    parser.add_argument("--to", metavar="ENV", default="", help="environment (default: the last one)")
    parser.add_argument("--before", metavar="PATH", type=Path, help="an earlier build (default: made from this one)")
    add_instances_argument(parser)
    parser.add_argument(
        "--timeout", type=duration, metavar="TIME", default=DEFAULT_TIMEOUT, help=f"default: {DEFAULT_TIMEOUT}"
    )
    parser.add_argument(
        "--longest-bake",
        type=duration,
        metavar="TIME",
        default=LONGEST_BAKE,
        help=f"bake times are cut to this (default: {LONGEST_BAKE})",
    )
    parser.add_argument("--json", action="store_true", help="the same as --output json")
    parser.set_defaults(run=run)


def run(arguments: Namespace, options: Options, console: Console) -> int:
    """Rehearse, tell what happened, and leave as the promotion would have left."""
    from deliverkit.cli.progress import PROMOTION, Progress  # noqa: PLC0415  (not needed to describe the arguments)
    from deliverkit.cli.rehearsal_text import rehearsal_text  # noqa: PLC0415
    from deliverkit.rehearsing.rehearsal import Audience, rehearse  # noqa: PLC0415

    progress = Progress(console, PROMOTION)
    audience = Audience(say=console.tell, hear=progress.event, enter=enter)
    report = rehearse(_wish(arguments, options, console), audience, console.environ)
    options = replace(options, is_json=options.is_json or arguments.json)
    render.data(report, options, console, text=rehearsal_text, as_json=lambda found: found.document())
    return report.exit_code


def _wish(arguments: Namespace, options: Options, console: Console) -> Wish:
    from deliverkit.rehearsing.fault_file import find_script  # noqa: PLC0415
    from deliverkit.rehearsing.rehearsal import Wish, configuration  # noqa: PLC0415

    script = find_script(arguments.faults)
    return Wish(
        config=configuration(options.config),
        environment=arguments.to,
        faults=arguments.faults,
        script=script if arguments.seed is None else replace(script, seed=arguments.seed),
        instances=instances(arguments.instances),
        before=arguments.before,
        region=options.region or console.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
        timeout=arguments.timeout,
        longest_bake=arguments.longest_bake,
    )
