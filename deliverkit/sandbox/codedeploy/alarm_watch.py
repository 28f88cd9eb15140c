"""Stops a deployment while one of its alarms is in ALARM (user guide, monitoring-create-alarms)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from deliverkit.sandbox.codedeploy.service_role import may
from deliverkit.sandbox.codedeploy.state import Deployment, Ending
from deliverkit.sandbox.kernel.world import World

INTERVAL = timedelta(seconds=1)
"""How often CodeDeploy looks is not documented."""
ACTIVE = (
    "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and the affected "
    "deployments have been stopped. Activated alarms: "
)
"""As observed."""


@dataclass(frozen=True, slots=True)
class AlarmWatch:
    """Looks at the deployment's alarms at its start and once a second from then on."""

    world: World
    deployment: Deployment
    end: Callable[[Ending], None]

    def begin(self) -> None:
        """Look now and go on looking until the deployment ends; without alarms, never."""
        self.look()
        if self._is_needed:
            self.world.timers.after(INTERVAL, self.begin)

    def look(self) -> None:
        """Look now alone, as before a step that would come too late to be undone."""
        reason = self._reason(self._configuration) if self._is_needed else None
        if reason is not None:
            self.end(Ending("Stopped", "ALARM_ACTIVE", reason, cuts_instances=True))

    @property
    def _configuration(self) -> Mapping[str, Any]:
        return self.deployment.options.get("alarmConfiguration") or {}

    @property
    def _is_needed(self) -> bool:
        is_watched = self._configuration.get("enabled") and self._configuration.get("alarms")
        return bool(is_watched) and self.deployment.is_live and self.deployment.ending is None

    def _reason(self, configuration: Mapping[str, Any]) -> str | None:
        """Why the deployment must stop; an alarm that cannot be read stops it too, unless told otherwise."""
        group = self.deployment.group
        is_allowed = may(self.world, self.deployment, "cloudwatch:DescribeAlarms")
        states = self.world.moto.alarm_states(group.account, group.region) if is_allowed else {}
        names = [alarm["name"] for alarm in configuration["alarms"]]
        active = [name for name in names if states.get(name) == "ALARM"]
        if active:
            return ACTIVE + " ".join(f"<{name}>" for name in active)
        unread = [name for name in names if name not in states]
        if unread and not configuration.get("ignorePollAlarmFailure"):
            return f"The state of one or more alarms could not be read: {unread}"
        return None
