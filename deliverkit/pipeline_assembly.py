"""Bringing a pipeline to what its declaration says: planned by reading only, then applied."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from deliverkit.adapters.aws.pipeline_definitions import PipelineDefinitions
from deliverkit.config import Settings, load_mapping, misplaced
from deliverkit.domain.pipeline_change import PROPERTIES_LIMIT, PipelinePlan, changes, needed_types
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
        self.declaration = _declaration(settings, definitions)

    def plan(self) -> PipelinePlan:
        """What `apply` would do now; reads only."""
        declared = self.declaration
        name = str(declared["name"])
        live = self._definitions.live(name)
        types = needed_types(declared, self._definitions.custom_types())
        if live is None:
            return PipelinePlan(name, None, types)
        found = changes(live, declared)
        under_way = self._definitions.under_way(name) if found else ()
        return PipelinePlan(name, int(live["version"]), types, found, under_way)

    def apply(self, plan: PipelinePlan, *, is_confirmed: bool) -> Iterator[str]:
        """Do it, action types first, telling each thing that was done.

        Args:
            plan: What to do.
            is_confirmed: Parts of the live pipeline may go, and executions be ended.

        Raises:
            ConflictError: If something would be lost and that was not confirmed; nothing was done.
        """
        if not is_confirmed:
            _require_harmless(plan)
        for new in plan.types:
            self._definitions.register(new, server=self._server)
            yield f"registered action type {new.type}"
        if plan.version is None:
            self._definitions.create(self.declaration)
            yield f"created pipeline {plan.pipeline}, which starts its first execution"
        elif plan.changes:
            version = self._definitions.update(self.declaration)
            yield f"updated pipeline {plan.pipeline}: version {plan.version} -> {version}"


def _require_harmless(plan: PipelinePlan) -> None:
    removed = ", ".join(change.path for change in plan.removed)
    count = len(plan.under_way)
    lost = [f"it would lose {removed}"] if removed else []
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
        for new in needed_types(declared, ()):
            if len(new.properties) > PROPERTIES_LIMIT:
                told = f"actions of {new.type} have {len(new.properties)} keys of configuration"
                problems.append(((), f"{told}, an action type has {PROPERTIES_LIMIT} at most"))
    if problems:
        raise misplaced(file, problems)
    return declared
