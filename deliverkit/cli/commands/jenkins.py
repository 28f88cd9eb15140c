"""`deliverkit jenkins`: what Jenkins and the delivery ask of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.cli import jenkins_input, jenkins_install, jenkins_status, jenkins_trigger, jenkins_worker

if TYPE_CHECKING:
    from argparse import ArgumentParser


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    jenkins_install.configure(verbs, shared)
    jenkins_trigger.configure(verbs, shared)
    jenkins_status.configure(verbs, shared)
    jenkins_input.configure(verbs, shared)
    jenkins_worker.configure(verbs, shared)
