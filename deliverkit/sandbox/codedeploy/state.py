"""What CodeDeploy remembers for one account and region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

Json = Mapping[str, Any]
TERMINAL = frozenset({"Succeeded", "Failed", "Stopped"})


@dataclass
class Event:
    """One lifecycle event on one target."""

    name: str
    status: str = "Pending"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    diagnostics: Json | None = None


@dataclass
class Target:
    """One instance of a deployment.

    Attributes:
        instance_id: `i-...`.
        arn: Host identifier, also the target's ARN.
        was_healthy: True when the last deployment to it succeeded.
        events: In the order in which they run.
        status: TargetStatus of the API.
        command_id: Identifier of the command in flight, None between events.
        can_run: False for a stopped instance: a member that cannot be deployed to.
    """

    instance_id: str
    arn: str
    was_healthy: bool
    updated_at: datetime
    events: list[Event]
    status: str = "Pending"
    command_id: str | None = None
    can_run: bool = True

    @property
    def next_event(self) -> Event | None:
        """The first event that has not begun."""
        return next((event for event in self.events if event.status == "Pending"), None)


@dataclass
class Health:
    """What the last attempt left on an instance.

    Attributes:
        is_healthy: True when the last attempt succeeded.
        revision: Identity of the revision of the last success; None before the first.
    """

    is_healthy: bool
    revision: tuple[str, ...] | None


@dataclass(eq=False)
class Group:
    """A deployment group; `settings` holds the request members as they were given."""

    name: str
    group_id: str
    application: str
    account: str
    region: str
    settings: dict[str, Any]
    health: dict[str, Health] = field(default_factory=dict)
    target_revision: Json | None = None
    last_successful: Deployment | None = None
    last_attempted: Deployment | None = None

    @property
    def arn(self) -> str:
        """ARN of the group."""
        return f"arn:aws:codedeploy:{self.region}:{self.account}:deploymentgroup:{self.application}/{self.name}"


@dataclass(eq=False)
class Deployment:
    """One deployment; `options` holds the request members that matter to it, the group's already filled in."""

    deployment_id: str
    application: str
    group: Group
    group_name: str
    config_name: str
    minimum: Json
    revision: Json
    creator: str
    created_at: datetime
    options: dict[str, Any]
    previous_revision: Json | None = None
    status: str = "Created"
    started_at: datetime | None = None
    ended_at: datetime | None = None
    error: Json | None = None
    rollback: dict[str, str] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    ending: Ending | None = None

    @property
    def is_live(self) -> bool:
        """True until the deployment reached a terminal status."""
        return self.status not in TERMINAL


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a deployment starts nothing more; it ends once the events that run are over.

    Attributes:
        status: A terminal status of the API.
        code: ErrorInformation code.
        message: ErrorInformation message.
        rolls_back: Whether to roll back afterwards; None leaves it to the configured events.
        cuts_instances: True when instances under way run no further events.
    """

    status: str
    code: str
    message: str
    rolls_back: bool | None = None
    cuts_instances: bool = False


@dataclass
class Revision:
    """A registered revision."""

    location: Json
    registered_at: datetime
    description: str | None
    first_used_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass
class Application:
    """An application with its groups and revisions."""

    name: str
    application_id: str
    compute_platform: str
    created_at: datetime
    groups: dict[str, Group] = field(default_factory=dict)
    revisions: dict[tuple[str, ...], Revision] = field(default_factory=dict)


@dataclass
class Config:
    """A deployment configuration, custom or predefined."""

    name: str
    config_id: str
    compute_platform: str
    created_at: datetime | None
    minimum: Json | None
    traffic: Json | None = None


@dataclass
class Store:
    """Everything of one account and region; deployments in the order of their creation."""

    applications: dict[str, Application] = field(default_factory=dict)
    configs: dict[str, Config] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
