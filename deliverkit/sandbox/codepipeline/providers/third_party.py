"""Any/ThirdParty: a job for a provider's workers or function (CodePipeline API reference, third-party jobs)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from deliverkit.sandbox.codepipeline.action_types.properties import fill
from deliverkit.sandbox.codepipeline.action_types.provided import ProvidedType
from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.jobs import clients, queue
from deliverkit.sandbox.codepipeline.jobs.job import Terms
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind

TOTAL = timedelta(hours=1)
"""CodePipeline user guide, quotas: all other actions.

A declared timeout holds for each job instead; whether there is then a limit for all of them together is undocumented.
"""


@dataclass(frozen=True, slots=True)
class ThirdPartyActions:
    """The actions of one type that a provider made."""

    provided: ProvidedType

    @property
    def kind(self) -> Kind:
        """As the type was declared."""
        return self.provided.declared.kind

    def check(self, action: Action, region: str) -> None:
        """Everything about it is in the kind."""

    def entity_url(self, action: Action, region: str) -> str:
        """The type's own page about what the action works on."""
        return fill(self.provided.declared.settings.get("entityUrlTemplate", ""), action.configuration)

    def start(self, job: Job) -> None:
        """Queue the job for the provider's workers, or invoke the provider's function with it."""
        seconds = self.provided.job_timeout
        total, each = (None, timedelta(seconds=seconds)) if seconds else (TOTAL, None)
        terms = Terms(total, each, function=self.provided.function, owner=self.provided.account)
        opened = queue.open_job(job, terms)
        if opened is not None:
            clients.client_of(opened)
