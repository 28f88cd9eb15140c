"""Pipelines as the engine reads them: what is declared, and where one execution stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ActionDeclaration:
    """An action of a pipeline's definition.

    Attributes:
        name: Action name.
        category: `Source`, `Deploy`, `Approval`, ...
        provider: `S3`, `CodeDeploy`, `Manual`, ...
        run_order: Place within the stage.
        region: Where it acts.
        configuration: As declared.
    """

    name: str
    category: str
    provider: str
    run_order: int
    region: str
    configuration: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class StageDeclaration:
    """A stage of a pipeline's definition."""

    name: str
    actions: tuple[ActionDeclaration, ...]


@dataclass(frozen=True, slots=True)
class ActionReport:
    """The latest attempt of one action in one execution.

    Attributes:
        stage: Stage name.
        action: Action name.
        status: `InProgress`, `Succeeded`, `Failed`, `Abandoned`.
        summary: The service's own words, with the error's code and message when it failed.
        external_id: The provider's id: a deployment id, an object version.
        token: For an open approval, what answers it.
    """

    stage: str
    action: str
    status: str
    summary: str
    external_id: str
    token: str


@dataclass(frozen=True, slots=True)
class ExecutionReport:
    """One pipeline execution now.

    Attributes:
        execution_id: Its id.
        status: `InProgress`, `Stopping`, `Stopped`, `Succeeded`, `Failed`, `Superseded`, `Cancelled`.
        summary: The service's own words.
        actions: The latest attempt of each action that was started.
        waiting_for: Stage in front of which it waits, with the reason of a disabled transition; empty when it does not.
    """

    execution_id: str
    status: str
    summary: str
    actions: tuple[ActionReport, ...]
    waiting_for: str = ""


@dataclass(frozen=True, slots=True)
class WaitingExecution:
    """An execution that does not move: at an open approval of a stage, or in front of the stage.

    Attributes:
        execution_id: Its id.
        stage: The stage.
    """

    execution_id: str
    stage: str
