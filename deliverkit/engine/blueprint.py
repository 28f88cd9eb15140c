"""A configured delivery: its environments and gates, and the way from one environment to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from deliverkit.domain.environment import Environment
from deliverkit.domain.gate import Gate
from deliverkit.errors import UsageError


@dataclass(frozen=True, slots=True)
class Blueprint:
    """The configured delivery, as the planner reads it.

    Attributes:
        application: Name of the application.
        environments: By name, in the order of the configuration.
        gates: By name.
        pipeline: Name of the pipeline; empty to drive CodeDeploy directly.
        pipeline_region: The pipeline's region.
    """

    application: str
    environments: Mapping[str, Environment]
    gates: Mapping[str, Gate]
    pipeline: str = ""
    pipeline_region: str = ""

    def environment(self, name: str) -> Environment:
        """The environment of that name.

        Raises:
            UsageError: If there is none; the message lists those there are.
        """
        if name not in self.environments:
            import difflib  # noqa: PLC0415

            known = ", ".join(self.environments) or "none"
            nearest = difflib.get_close_matches(name, self.environments, n=1) or [*self.environments][:1] or ["NAME"]
            hint = f"deliverkit plan --to {nearest[0]}"
            raise UsageError(f"there is no environment {name}; the configuration has {known}", hint=hint)
        return self.environments[name]

    def path_to(self, name: str) -> tuple[Environment, ...]:
        """The environments a release passes on its way, the first one first."""
        path = [self.environment(name)]
        while path[0].predecessor:
            path.insert(0, self.environment(path[0].predecessor))
        return tuple(path)
