"""What the engine asks of a provider, and what a provider may ask of the engine."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Protocol

from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.state import ActionRun, Execution, Failure, Outcome, Pipeline
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context
from deliverkit.sandbox.kernel.world import World

log = logging.getLogger(__name__)

STEP = timedelta(milliseconds=50)
"""Virtual time between two looks at work that goes on elsewhere."""


@dataclass(frozen=True, slots=True)
class Kind:
    """The declaration of an action type (CodePipeline user guide, action structure reference).

    Attributes:
        type: Category, owner, provider, version.
        required: Configuration keys that must be there.
        optional: Configuration keys that may be there; any other is refused.
        inputs: Least and greatest number of input artifacts.
        outputs: Least and greatest number of output artifacts.
        takes_any_key: True when other configuration keys than these are not refused.
    """

    type: ActionType
    required: frozenset[str]
    optional: frozenset[str]
    inputs: tuple[int, int]
    outputs: tuple[int, int]
    takes_any_key: bool = False


@dataclass(frozen=True, slots=True)
class Job:
    """One attempt at an action, in the hands of its provider.

    Attributes:
        world: The sandbox.
        pipeline: The pipeline.
        execution: The pipeline execution.
        run: The attempt.
    """

    world: World
    pipeline: Pipeline
    execution: Execution
    run: ActionRun

    @property
    def configuration(self) -> Mapping[str, str]:
        """The action's configuration, variables replaced."""
        return self.run.resolved

    @property
    def context(self) -> Context:
        """A context for calls to other services, made with the role that the action assumes."""
        role = self.run.action.role_arn or self.execution.definition.role_arn
        principal = f"arn:aws:sts::{self.account}:assumed-role/{role.rpartition('/')[2]}/codepipeline"
        return self.world.context(self.account, self.run.region, principal)

    @property
    def account(self) -> str:
        """The account that the action works in."""
        return self.run.action.account(self.pipeline.account)

    def after(self, delay: timedelta, step: Callable[[], None]) -> None:
        """Take the step after a virtual delay, unless the attempt has ended by then.

        The step must be picklable, as all state is: a bound method or a `functools.partial` of a module's function.
        """
        self.world.timers.after(delay, partial(self.take, step))

    def take(self, step: Callable[[], None]) -> None:
        """Take the step now, unless the attempt has ended; a step that breaks fails the attempt, it never hangs."""
        if not self.run.is_open:
            return
        try:
            step()
        except ApiError as error:
            self.fail("JobFailed", error.message)
        except Exception:
            log.exception("action %s of pipeline %s broke", self.run.action.name, self.pipeline.name)
            self.fail("SystemUnavailable", "the sandbox failed in this action; see its log")

    def end(self, outcome: Outcome) -> None:
        """End the attempt; the first end counts, and none after it was abandoned."""
        from deliverkit.sandbox.codepipeline import progress  # noqa: PLC0415  (the progress starts the providers)

        progress.end(self.world, self.pipeline, self.execution, self.run, outcome)

    def succeed(self, outcome: Outcome) -> None:
        """The work is done."""
        self.end(outcome)

    def fail(self, code: str, message: str, *, summary: str = "", updated_by: str = "") -> None:
        """The work failed; the code is one of PutJobFailureResult's failure types."""
        self.end(Outcome(summary=summary, failure=Failure(code, message), updated_by=updated_by))


class Provider(Protocol):
    """One action type."""

    @property
    def kind(self) -> Kind:
        """Its declaration."""
        ...

    def check(self, action: Action, region: str) -> None:
        """Refuse a declaration that the kind alone does not rule out.

        Raises:
            ApiError: `InvalidActionDeclarationException`.
        """
        ...

    def entity_url(self, action: Action, region: str) -> str:
        """The page that GetPipelineState links to; empty for none."""
        ...

    def start(self, job: Job) -> None:
        """Begin the work; called on the timer thread, under the world's lock."""
        ...


def new_id() -> str:
    """A lower-case UUID, as CodePipeline's ids and tokens are."""
    return chance.uuid4()
