"""`deliverkit gate plan`: what harm a comparison can see with the traffic at hand, before the rollout."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from deliverkit.cli import gate_options
from deliverkit.cli.options import Console, Options
from deliverkit.errors import ExitCode

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    command = verbs.add_parser("plan", parents=[shared], help="what harm a comparison can see with the traffic at hand")
    gate_options.add_margin(command)
    command.set_defaults(run=run)


def run(_arguments: Namespace, _options: Options, _console: Console) -> int:
    """Tell."""
    return ExitCode.DONE
