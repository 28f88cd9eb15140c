"""Compute/AWS/Commands: shell commands on the input artifacts (CodePipeline user guide, Commands action reference)."""

from __future__ import annotations

from deliverkit.sandbox.codepipeline.builds import commands, workshop
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind


class Commands:
    """Runs the commands in a shell of this machine; the first artifact's files are where it begins."""

    kind = Kind(
        type=ActionType("Compute", "AWS", "Commands", "1"),
        required=frozenset(),
        optional=frozenset(),
        inputs=(1, 10),
        outputs=(0, 1),
    )

    def check(self, action: Action, region: str) -> None:
        """Everything about it holds for every compute action."""

    def entity_url(self, action: Action, region: str) -> str:
        """Commands have no page."""
        return ""

    def start(self, job: Job) -> None:
        """Run them."""
        workshop.run(job, commands.build_of, commands.TIMEOUT)
