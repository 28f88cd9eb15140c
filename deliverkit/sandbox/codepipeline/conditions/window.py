"""Rule DeploymentWindow: wait until deployments are allowed (CodePipeline user guide, rule reference)."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.conditions import cron, rule, zones
from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.providers.provider import Job
from deliverkit.sandbox.codepipeline.state import Outcome

PATIENCE = timedelta(days=7)
"""Undocumented; as long as a manual approval waits."""
DEFAULT_ZONE = "UTC"


class DeploymentWindow:
    """Succeeds as soon as the window is open; fails when it never opens, or not in time."""

    kind = rule.kind_of("DeploymentWindow", {"Cron"}, {"TimeZone"})

    def check(self, action: Action, region: str) -> None:
        """Refuse an expression that cannot be read and a time zone that does not exist."""
        try:
            if not rule.is_reference(action, "Cron"):
                cron.parse(action.configuration["Cron"])
            if not rule.is_reference(action, "TimeZone"):
                zones.zone_of(action.configuration.get("TimeZone", DEFAULT_ZONE))
        except ValueError as error:
            raise errors.bad_stage(f"Rule '{action.name}' has an invalid deployment window: {error}") from error

    def entity_url(self, action: Action, region: str) -> str:
        """A window has no page."""
        return ""

    def patience(self, job: Job) -> timedelta:
        """Days, as windows open by weekdays."""
        return PATIENCE

    def start(self, job: Job) -> None:
        """Look when it opens."""
        try:
            window = cron.parse(job.configuration["Cron"])
            zone = zones.zone_of(job.configuration.get("TimeZone", DEFAULT_ZONE))
        except ValueError as error:
            return job.fail("ConfigurationError", f"The deployment window cannot be read: {error}")
        now = job.world.clock.now()
        opened = Outcome(summary="The deployment window is open")
        if window.is_open(now.astimezone(zone)):
            return job.succeed(opened)
        opening = window.opens_after(now, zone)
        if opening is None:
            return job.fail("JobFailed", "The deployment window never opens again")
        job.run.outcome = Outcome(
            summary=f"Waiting for the deployment window, which opens at {opening:%Y-%m-%dT%H:%MZ}"
        )
        # Not looked at again: a window may be open for one second only.
        return job.after(opening - now, partial(job.succeed, opened))
