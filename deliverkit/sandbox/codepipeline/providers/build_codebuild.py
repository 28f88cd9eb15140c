"""Build and Test/AWS/CodeBuild: builds a project (CodePipeline user guide, CodeBuild action reference)."""

from __future__ import annotations

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.builds import project, workshop
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind


class CodeBuild:
    """Runs the project's build specification in a shell of this machine.

    Args:
        category: `Build` or `Test`, which differ in nothing else.
    """

    def __init__(self, category: str) -> None:
        self.kind = Kind(
            type=ActionType(category, "AWS", "CodeBuild", "1"),
            required=frozenset({"ProjectName"}),
            optional=project.CONFIGURATION - {"ProjectName"},
            inputs=(1, 5),
            outputs=(0, 5),
        )

    def check(self, action: Action, region: str) -> None:
        """With several input artifacts one must be named as the primary one."""
        primary = action.configuration.get("PrimarySource")
        if len(action.inputs) > 1 and primary is None:
            raise errors.bad_action(f"Action '{action.name}' has several input artifacts and no PrimarySource")
        if primary is not None and primary not in action.inputs:
            raise errors.bad_action(f"PrimarySource '{primary}' of action '{action.name}' is no input artifact")

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the project."""
        return project.console_url(action.configuration["ProjectName"], region)

    def start(self, job: Job) -> None:
        """Build it."""
        workshop.run(job, project.build_of, project.TIMEOUT)
