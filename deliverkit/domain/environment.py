"""Environments: named places with a policy, as the planner needs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class OnFailure(StrEnum):
    """What a failed gate or deployment leads to."""

    ROLLBACK = "rollback"
    PAUSE = "pause"
    OBSERVE = "observe"


class StrategyKind(StrEnum):
    """How instances are taken in turn."""

    ALL_AT_ONCE = "all-at-once"
    HALF_AT_A_TIME = "half-at-a-time"
    ONE_AT_A_TIME = "one-at-a-time"
    ROLLING = "rolling"
    NAMED = "named"


@dataclass(frozen=True, slots=True)
class Strategy:
    """The deployment configuration to use.

    Attributes:
        kind: Which one.
        min_healthy: For `rolling`: `75%` of the fleet, or a number of hosts.
        config: For `named`: name of an existing CodeDeploy deployment configuration.
    """

    kind: StrategyKind = StrategyKind.ONE_AT_A_TIME
    min_healthy: str = ""
    config: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalPolicy:
    """Who has to agree before a release enters.

    Attributes:
        needed: How many different people.
        groups: IAM groups or role names that approvers come from; empty lets everybody approve.
        bridges: IAM groups or role names that may record what another person decided, by name.
        not_requester: True when whoever asked for the promotion may not approve it.
        expires: How long the request stays open.
    """

    needed: int = 1
    groups: tuple[str, ...] = ()
    not_requester: bool = True
    expires: timedelta = timedelta(hours=24)
    bridges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Serves:
    """How to ask an instance which release it serves.

    Attributes:
        url: Placeholders allowed; asked once for each target.
        expect: The text the answer must hold, placeholders allowed.
    """

    url: str
    expect: str = "${release.version}"


@dataclass(frozen=True, slots=True)
class Environment:
    """A named place with its policy.

    Attributes:
        name: As the configuration names it.
        waves: Regions that move together; waves follow each other.
        application: CodeDeploy application.
        group: CodeDeploy deployment group.
        strategy: Deployment configuration.
        predecessor: The environment a release must have passed before; None for the first.
        before: Gates to pass before anything is deployed.
        during: Gates that must not fail while deployments run and bake.
        after: Gates to pass by the end of the bake time.
        bake_time: Watching health after the targets moved.
        on_failure: What a failure leads to.
        approvals: Human decisions needed to enter; None for none.
        window: When deploying is allowed, such as `Mon-Thu 09:00-16:00 Europe/London`; empty for always.
        endpoint: Base URL of the environment, placeholders allowed.
        serves: How to ask an instance what it serves; None when it cannot be asked.
        stage: CodePipeline stage; empty to find it by its CodeDeploy action.
    """

    name: str
    waves: tuple[tuple[str, ...], ...]
    application: str
    group: str
    strategy: Strategy = field(default_factory=Strategy)
    predecessor: str | None = None
    before: tuple[str, ...] = ()
    during: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    bake_time: timedelta = timedelta(0)
    on_failure: OnFailure = OnFailure.ROLLBACK
    approvals: ApprovalPolicy | None = None
    window: str = ""
    endpoint: str = "http://${target.address}"
    serves: Serves | None = None
    stage: str = ""
