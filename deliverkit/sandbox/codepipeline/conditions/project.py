"""Rule CodeBuild: a project's build decides (CodePipeline user guide, rule reference)."""

from __future__ import annotations

from datetime import timedelta

from deliverkit.sandbox.codepipeline.builds import project, workshop
from deliverkit.sandbox.codepipeline.conditions import rule
from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.providers.provider import Job
from deliverkit.sandbox.kernel.errors import ApiError

TIMEOUT = timedelta(hours=8)
"""CodePipeline user guide, quotas of CodeBuild actions; the rule's own limit is undocumented."""


class CodeBuild:
    """Succeeds when the build does."""

    kind = rule.kind_of("CodeBuild", {"ProjectName"}, set(project.CONFIGURATION - {"ProjectName"}), (0, 5))

    def check(self, action: Action, region: str) -> None:
        """Whether the project exists shows when the rule runs."""

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the project."""
        name = action.configuration["ProjectName"]
        return f"https://console.aws.amazon.com/codebuild/home?region={region}#/projects/{name}/view"

    def patience(self, job: Job) -> timedelta:
        """As long as a build may take."""
        return TIMEOUT

    def start(self, job: Job) -> None:
        """Run the project."""
        try:
            build = project.build_of(job)
        except ApiError as error:
            return job.fail("ConfigurationError", error.message)
        return workshop.begin(job.world, build)
