"""What CodeDeploy remembers for one account and region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from deliverkit.sandbox.codedeploy.serverless.state import Serverless

Json = Mapping[str, Any]
IN_PLACE = {"deploymentType": "IN_PLACE", "deploymentOption": "WITHOUT_TRAFFIC_CONTROL"}
"""The deployment style of a group that names none."""
ROLLBACK_CREATOR = "codeDeployRollback"
SCALING_CREATORS = frozenset({"autoscaling", "autoscalingTermination"})
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
        instance_id: `i-...`, or the name of an on-premises instance.
        arn: The target's ARN.
        was_healthy: True when the last deployment to it succeeded.
        events: In the order in which they run.
        status: TargetStatus of the API.
        command_id: Identifier of the command in flight, None between events.
        can_run: False for a stopped instance: a member that cannot be deployed to.
        host: The identifier under which its agent polls; an EC2 instance's is its ARN.
        label: `Blue` or `Green` in a blue/green deployment.
        zone: Availability Zone; empty on premises.
        holds_at: The event before which it waits in status Ready; None when it goes through.
    """

    instance_id: str
    arn: str
    was_healthy: bool
    updated_at: datetime
    events: list[Event]
    status: str = "Pending"
    command_id: str | None = None
    can_run: bool = True
    host: str = ""
    label: str | None = None
    zone: str = ""
    holds_at: str | None = None

    @property
    def host_identifier(self) -> str:
        """Where its commands go."""
        return self.host or self.arn

    @property
    def is_ec2(self) -> bool:
        """False for a host on premises."""
        return self.arn.startswith("arn:aws:ec2:")

    @property
    def is_installed_to(self) -> bool:
        """True when the deployment installs a revision here, rather than only moving traffic."""
        return any(event.name == "Install" for event in self.events)

    def event(self, name: str) -> Event:
        """The event of that name; LookupError when the target has none."""
        return next(event for event in self.events if event.name == name)

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


@dataclass
class ScalingHooks:
    """What CodeDeploy has on one Auto Scaling group.

    Attributes:
        launch: Name of the hook for launches.
        termination: Name of the hook for terminations; None without one.
        seen: Ids of the instances that need no launch deployment any more.
        leaving: Ids of the instances that have a termination deployment.
    """

    launch: str
    termination: str | None = None
    seen: set[str] = field(default_factory=set)
    leaving: set[str] = field(default_factory=set)


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
    scaling: dict[str, ScalingHooks] = field(default_factory=dict)

    @property
    def arn(self) -> str:
        """ARN of the group."""
        return f"arn:aws:codedeploy:{self.region}:{self.account}:deploymentgroup:{self.application}/{self.name}"


@dataclass(eq=False)
class Deployment:
    """One deployment; `options` holds the request members that matter to it, the group's already filled in.

    `restarts` is the id of the deployment whose revision it restarts, None for one that brings a revision.
    """

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
    style: Json = field(default_factory=lambda: dict(IN_PLACE))
    balancers: Json = field(default_factory=dict)
    blue_green: BlueGreen | None = None
    zonal: Json | None = None
    zones: Zones | None = None
    related: dict[str, Any] = field(default_factory=dict)
    platform: str = "Server"
    serverless: Serverless | None = None
    suspended: dict[str, list[str]] = field(default_factory=dict)
    restarts: str | None = None

    @property
    def is_live(self) -> bool:
        """True until the deployment reached a terminal status."""
        return self.status not in TERMINAL

    @property
    def is_blue_green(self) -> bool:
        """True when a second fleet takes over."""
        return bool(self.style["deploymentType"] == "BLUE_GREEN")

    @property
    def controls_traffic(self) -> bool:
        """True when instances leave and enter load balancers."""
        return bool(self.style["deploymentOption"] == "WITH_TRAFFIC_CONTROL")

    @property
    def is_of_group(self) -> bool:
        """True when it is for the whole group; what Auto Scaling asks for is for one instance, beside others."""
        return self.creator not in SCALING_CREATORS

    @property
    def is_rollback(self) -> bool:
        """True for a deployment that CodeDeploy began by itself to undo another."""
        return self.creator == ROLLBACK_CREATOR


@dataclass
class BlueGreen:
    """Where a blue/green deployment stands.

    Attributes:
        stage: `install`, `ready`, `reroute`, `block` or `done`.
        options: The group's blueGreenDeploymentConfiguration at the deployment's start.
        green: Selection of the green fleet, in the form of a group's settings.
        termination_began: True once the wait before the blue fleet's end began.
        terminated: True once that wait is over.
        former: Auto Scaling groups of the blue fleet.
    """

    stage: str
    options: Json
    green: Json = field(default_factory=dict)
    termination_began: bool = False
    terminated: bool = False
    former: tuple[str, ...] = ()


@dataclass
class Zones:
    """The zones of a deployment that goes through them one at a time.

    Attributes:
        order: Zones in the order in which they are deployed to.
        at: Index of the zone that is deployed to or monitored.
        is_monitoring: True during the wait after a zone.
    """

    order: list[str]
    at: int = 0
    is_monitoring: bool = False

    @property
    def current(self) -> str:
        """The zone whose turn it is."""
        return self.order[self.at]


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
    zonal: Json | None = None


@dataclass
class OnPremisesInstance:
    """A registered host outside EC2.

    Attributes:
        name: Its name.
        arn: ARN that CodeDeploy gave it.
        iam_arn: ARN of the IAM user or session under which its agent polls.
        is_session: True when `iam_arn` is a session's.
        deregistered_at: None while it is registered.
    """

    name: str
    arn: str
    iam_arn: str
    is_session: bool
    registered_at: datetime
    tags: dict[str, str] = field(default_factory=dict)
    deregistered_at: datetime | None = None


@dataclass
class Store:
    """Everything of one account and region; deployments in the order of their creation."""

    applications: dict[str, Application] = field(default_factory=dict)
    configs: dict[str, Config] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    hosts: dict[str, OnPremisesInstance] = field(default_factory=dict)
