"""Rule CloudWatchAlarm: is an alarm quiet, or does it stay quiet (CodePipeline user guide, rule reference)."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.conditions import rule
from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.providers.provider import Job
from deliverkit.sandbox.codepipeline.state import Outcome

STATES = frozenset({"ALARM", "OK", "INSUFFICIENT_DATA"})
DEFAULT_STATES = frozenset({"ALARM"})
"""Undocumented; the states that make the rule fail when AlarmStates does not name them."""
INTERVAL = timedelta(milliseconds=250)
"""Virtual time between two looks."""


class CloudWatchAlarm:
    """Fails when the alarm is in one of the monitored states.

    Without a wait time it looks once. With one, an alarm that is quiet at first must stay so for as long (AWS's
    announcement: roll back if an alarm goes off within 60 minutes), and one that is not has as long to become quiet
    (rule reference, WaitTime).
    """

    kind = rule.kind_of("CloudWatchAlarm", {"AlarmName"}, {"AlarmStates", "WaitTime"})

    def check(self, action: Action, region: str) -> None:
        """Refuse states that no alarm has, and a wait time that is no number of minutes."""
        unknown = _states(action.configuration.get("AlarmStates", "")) - STATES
        if unknown and not rule.is_reference(action, "AlarmStates"):
            raise errors.bad_stage(f"AlarmStates of rule '{action.name}' has unknown states: {', '.join(unknown)}")
        if not action.configuration.get("WaitTime", "0").isdecimal() and not rule.is_reference(action, "WaitTime"):
            raise errors.bad_stage(f"WaitTime of rule '{action.name}' is not a number of minutes")

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the alarm."""
        name = action.configuration["AlarmName"]
        return f"https://console.aws.amazon.com/cloudwatch/home?region={region}#alarmsV2:alarm/{name}"

    def patience(self, job: Job) -> timedelta:
        """As long as it may wait, and longer."""
        return rule.DEFAULT_TIMEOUT + _wait_time(job)

    def start(self, job: Job) -> None:
        """Look at the alarm."""
        state = _state(job)
        if state is None:
            return _missing(job)
        return self._look(job, job.world.clock.now() + _wait_time(job), is_to_become_quiet=state in _monitored(job))

    def _look(self, job: Job, until: datetime, *, is_to_become_quiet: bool) -> None:
        state, is_last_look = _state(job), job.world.clock.now() >= until
        if state is None:
            return _missing(job)
        is_quiet = state not in _monitored(job)
        if is_quiet and (is_to_become_quiet or is_last_look):
            return job.succeed(Outcome(summary=f"Alarm {_name(job)} is in state {state}"))
        if not is_quiet and (not is_to_become_quiet or is_last_look):
            return job.fail("JobFailed", f"Alarm {_name(job)} is in state {state}")
        again = partial(self._look, job, until, is_to_become_quiet=is_to_become_quiet)
        return job.after(min(INTERVAL, until - job.world.clock.now()), again)


def _name(job: Job) -> str:
    return job.configuration["AlarmName"]


def _state(job: Job) -> str | None:
    return job.world.moto.alarm_states(job.account, job.run.region).get(_name(job))


def _monitored(job: Job) -> frozenset[str]:
    return _states(job.configuration.get("AlarmStates", "")) or DEFAULT_STATES


def _states(text: str) -> frozenset[str]:
    return frozenset(state.strip() for state in text.split(",") if state.strip())


def _wait_time(job: Job) -> timedelta:
    return timedelta(minutes=int(job.configuration.get("WaitTime", "0")))


def _missing(job: Job) -> None:
    job.fail("ConfigurationError", f"The CloudWatch alarm {_name(job)} does not exist in {job.run.region}")
