"""Bringing a pipeline to what its declaration says: planned by reading only, then applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from deliverkit.adapters.aws.pipeline_definitions import PipelineDefinitions
from deliverkit.config import Settings, load_mapping, misplaced
from deliverkit.domain.pipeline_change import PROPERTIES_LIMIT, PipelinePlan, exposed, needed_types
from deliverkit.domain.pipeline_comparison import compared, completed
from deliverkit.domain.worker_job import PROJECT
from deliverkit.errors import ConflictError, UsageError


class PipelineDesk:
    """One pipeline and its declaration."""

    def __init__(self, settings: Settings, definitions: PipelineDefinitions, *, server: str) -> None:
        """Read the declaration and see that it can be one; nothing is contacted.

        Args:
            settings: With the pipeline's name and file.
            definitions: CodePipeline.
            server: Jenkins' address, for links; empty when nobody told it.

        Raises:
            UsageError: If there is no declaration, or it is wrong: with the place of each problem.
        """
        self._definitions, self._server = definitions, server
        self._secrets = settings.pipeline.secrets if settings.pipeline else ()
        self.declaration = _declaration(settings, definitions)

    def plan(self, *, sends_secrets: bool = False) -> PipelinePlan:
        """What `apply` would do now; reads only.

        Args:
            sends_secrets: Update also for secrets alone, of which nobody knows whether they differ.

        Raises:
            ConflictError: If a registered action type would show to everybody what is to be a secret.
        """
        declared = self.declaration
        name = str(declared["name"])
        live = self._definitions.live(name)
        known = self._definitions.custom_types()
        for kind, key in exposed(declared, known, self._secrets):
            raise ConflictError(
                f"action type {kind} shows {key} to everybody, which deliverkit.yml calls a secret",
                hint="CodePipeline changes no type: give it another version in the declaration",
            )
        types = needed_types(declared, known, self._secrets)
        if live is None:
            return PipelinePlan(name, None, types)
        found = compared(live, declared, region=self._definitions.region)
        plan = PipelinePlan(
            name, int(live["version"]), types, found.changes, secrets=found.secrets, sends_secrets=sends_secrets
        )
        return replace(plan, under_way=self._definitions.under_way(name)) if plan.is_update else plan

    def apply(self, plan: PipelinePlan, *, is_confirmed: bool, reviewed: int | None = None) -> Iterator[str]:
        """Do it, action types first, telling each thing that was done.

        Args:
            plan: What to do.
            reviewed: Version of the live pipeline when somebody looked at the plan; None when nobody says.
            is_confirmed: Parts of the live pipeline may go, and executions be ended.

        Raises:
            ConflictError: If something would be lost and that was not confirmed, or if the pipeline is not the planned
                version any more; it was not changed.
        """
        if reviewed is not None and not plan.is_settled:
            _require_version(plan.pipeline, reviewed, plan.version)
        if not is_confirmed:
            _require_harmless(plan)
        for new in plan.types:
            self._definitions.register(new, server=self._server)
            yield f"registered action type {new.type}"
        if plan.version is None:
            self._definitions.create(self.declaration)
            yield f"created pipeline {plan.pipeline}, which starts its first execution"
        elif plan.is_update:
            yield from self._update(plan, plan.version)

    def _update(self, plan: PipelinePlan, planned: int) -> Iterator[str]:
        # UpdatePipeline overwrites whatever is there and cannot be bound to a version: looked at as late as possible.
        live = self._definitions.live(plan.pipeline)
        _require_version(plan.pipeline, planned, int(live["version"]) if live else None)
        version = self._definitions.update(completed(self.declaration, live or {}))
        yield f"updated pipeline {plan.pipeline}: version {planned} -> {version}"
        if version > planned + 1:
            between = f"aws codepipeline get-pipeline --name {plan.pipeline} --pipeline-version {version - 1}"
            yield f"warning: somebody else updated it at the same moment, and that is overwritten; see {between}"


def _require_version(pipeline: str, planned: int | None, live: int | None) -> None:
    """See that a pipeline is as it was when somebody looked at the plan.

    Args:
        pipeline: Its name.
        planned: The version then; None when there was no pipeline.
        live: The version now; None when there is none.

    Raises:
        ConflictError: If it is another one.
    """
    if live != planned:
        raise ConflictError(
            f"pipeline {pipeline} is not changed: planned was {_called(planned)}, and now there is {_called(live)}",
            hint="look at what differs now: deliverkit pipeline plan",
        )


def _called(version: int | None) -> str:
    return "no pipeline" if version is None else f"version {version}"


def _require_harmless(plan: PipelinePlan) -> None:
    removed, grave = (", ".join(change.path for change in each) for each in (plan.removed, plan.grave))
    count = len(plan.under_way)
    lost = [f"it would {verb} {paths}" for verb, paths in (("lose", removed), ("get another", grave)) if paths]
    if count:
        lost.append(f"{count} execution{'' if count == 1 else 's'} under way would go no further than the next action")
    if lost:
        raise ConflictError(
            f"pipeline {plan.pipeline} is not changed: {'; '.join(lost)}",
            hint="deliverkit pipeline plan shows it all; insist: deliverkit pipeline apply --yes",
        )


def _declaration(settings: Settings, definitions: PipelineDefinitions) -> Mapping[str, Any]:
    if settings.pipeline is None or settings.pipeline.file is None:
        raise UsageError("deliverkit.yml names no declaration of a pipeline", hint="pipeline: {name: NAME, file: FILE}")
    file: Path = settings.pipeline.file
    declared = load_mapping(file)
    problems = list(definitions.problems(declared))
    if not problems and declared["name"] != settings.pipeline.name:
        told = f"deliverkit.yml calls the pipeline '{settings.pipeline.name}'"
        problems.append((("name",), f"{told}, here it is '{declared['name']}'"))
    if not problems:
        problems += [((), told) for told in _unfit_types(declared, settings.pipeline.secrets)]
    if problems:
        raise misplaced(file, problems)
    return declared


def _unfit_types(declared: Mapping[str, Any], secrets: Sequence[str]) -> Iterator[str]:
    """Why the action types of a declaration could not be registered."""
    types = needed_types(declared, (), secrets)
    for new in types:
        if len(new.properties) > PROPERTIES_LIMIT:
            told = f"actions of {new.type} have {len(new.properties)} keys of configuration"
            yield f"{told}, an action type has {PROPERTIES_LIMIT} at most"
    if PROJECT in secrets:
        yield f"deliverkit.yml calls {PROJECT} a secret, by which workers ask for jobs"
    for name in secrets:
        if not any(name in new.secrets for new in types):
            # Misspelled it would hide nothing.
            yield f"deliverkit.yml calls '{name}' a secret, and no custom action here is configured with it"
