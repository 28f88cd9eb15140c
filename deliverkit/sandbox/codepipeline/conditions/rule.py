"""What a rule is to the engine: an action's provider with a time limit of its own."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Protocol

from deliverkit.sandbox.codepipeline.definition import RULE, Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind, Provider

DEFAULT_TIMEOUT = timedelta(hours=1)
"""Undocumented for rules; what CodePipeline's quotas give to every action that is not named there."""


class RuleProvider(Provider, Protocol):
    """One rule type."""

    def patience(self, job: Job) -> timedelta:
        """How long it may take when the declaration does not say."""
        ...


def kind_of(provider: str, required: set[str], optional: set[str], inputs: tuple[int, int] = (0, 0)) -> Kind:
    """The declaration of a rule type of AWS; rules produce no artifacts."""
    rule_type = ActionType(RULE, "AWS", provider, "1")
    return Kind(rule_type, frozenset(required), frozenset(optional), inputs, (0, 0))


def start(provider: RuleProvider, job: Job) -> None:
    """Begin the rule, and fail it when it has not ended in time."""
    minutes = job.run.action.timeout_minutes
    job.after(timedelta(minutes=minutes) if minutes else provider.patience(job), partial(_expire, job))
    provider.start(job)


def is_reference(action: Action, key: str) -> bool:
    """True when the value is known only once variables are replaced, so that no declaration can be refused for it."""
    return "#{" in action.configuration.get(key, "")


def _expire(job: Job) -> None:
    job.fail("JobFailed", f"The rule {job.run.action.name} timed out")
