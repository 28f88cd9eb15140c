"""Rule CodeBuild: a project's build decides (CodePipeline user guide, rule reference)."""

from __future__ import annotations

from datetime import timedelta

from deliverkit.sandbox.codepipeline.builds import project, workshop
from deliverkit.sandbox.codepipeline.conditions import rule
from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.providers.provider import Job


class CodeBuild:
    """Succeeds when the build does."""

    kind = rule.kind_of("CodeBuild", {"ProjectName"}, set(project.CONFIGURATION - {"ProjectName"}), (0, 5))

    def check(self, action: Action, region: str) -> None:
        """Whether the project exists shows when the rule runs."""

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the project."""
        return project.console_url(action.configuration["ProjectName"], region)

    def patience(self, job: Job) -> timedelta:
        """As long as a build may take."""
        return project.TIMEOUT

    def start(self, job: Job) -> None:
        """Run the project."""
        workshop.run(job, project.build_of)
