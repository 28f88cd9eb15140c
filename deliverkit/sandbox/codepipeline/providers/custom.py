"""Any/Custom: a job for workers that poll (CodePipeline user guide, create and add a custom action)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from deliverkit.sandbox.codepipeline.action_types.declared import DeclaredType
from deliverkit.sandbox.codepipeline.action_types.properties import check_queryable_value, fill
from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.jobs import queue
from deliverkit.sandbox.codepipeline.jobs.job import Terms
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind

TERMS = Terms(total=timedelta(hours=24))
"""CodePipeline user guide, quotas: custom actions; for all jobs of an attempt together."""


@dataclass(frozen=True, slots=True)
class CustomActions:
    """The actions of one custom type."""

    declared: DeclaredType

    @property
    def kind(self) -> Kind:
        """As the type was declared."""
        return self.declared.kind

    def check(self, action: Action, region: str) -> None:
        """The value by which jobs are asked for is short; whether numbers are numbers AWS does not say."""
        queryable = self.declared.queryable
        if queryable is not None:
            check_queryable_value(action.name, queryable.name, action.configuration[queryable.name])

    def entity_url(self, action: Action, region: str) -> str:
        """The type's own page about what the action works on."""
        return fill(self.declared.settings.get("entityUrlTemplate", ""), action.configuration)

    def start(self, job: Job) -> None:
        """Queue the job; who does it, and when, is up to the workers."""
        queue.open_job(job, TERMS)
