"""`deliverkit gate`: measure gates, tell why they were judged so, judge incidents and series anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.cli import gate_explain, gate_judge, gate_plan, gate_replay, gate_run

if TYPE_CHECKING:
    from argparse import ArgumentParser


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments; each verb has a module of its own."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in (gate_run, gate_explain, gate_replay, gate_judge, gate_plan):
        verb.configure(verbs, shared)
