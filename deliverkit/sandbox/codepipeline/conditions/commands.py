"""Rule Commands: shell commands decide by their exit status (CodePipeline user guide, rule reference)."""

from __future__ import annotations

from datetime import timedelta

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.builds import commands, workshop
from deliverkit.sandbox.codepipeline.conditions import rule
from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.providers.provider import Job


class Commands:
    """Succeeds when every command does; the commands see the first input artifact's files."""

    kind = rule.kind_of("Commands", set(), set(), (0, 5))

    def check(self, action: Action, region: str) -> None:
        """There must be something to run."""
        if not action.commands:
            raise errors.bad_stage(f"Rule '{action.name}' has no commands")

    def entity_url(self, action: Action, region: str) -> str:
        """Commands have no page."""
        return ""

    def patience(self, job: Job) -> timedelta:
        """As long as the commands of an action may take."""
        return commands.TIMEOUT

    def start(self, job: Job) -> None:
        """Run the commands."""
        workshop.run(job, commands.build_of)
