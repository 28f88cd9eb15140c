"""`deliverkit jenkins`: what Jenkins and the delivery ask of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.cli import jenkins_worker

if TYPE_CHECKING:
    from argparse import ArgumentParser


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    jenkins_worker.configure(verbs, shared)
