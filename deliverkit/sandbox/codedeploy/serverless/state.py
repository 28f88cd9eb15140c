"""What a deployment to Lambda or ECS remembers beyond what every deployment does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class LambdaShift:
    """An alias on its way from one version to another.

    Attributes:
        function: Name.
        alias: Name.
        current: The version that the alias points to at the beginning.
        target: The version that is to serve.
        weight: Per cent of the invocations that the target version has now.
        began: True once the alias was changed.
    """

    function: str
    alias: str
    current: str
    target: str
    weight: float = 0.0
    began: bool = False


@dataclass
class TaskSet:
    """One of the two task sets of an ECS deployment.

    Attributes:
        identifier: `ecs-svc/...`.
        label: `Blue` or `Green`.
        status: `PRIMARY`, `ACTIVE` or `DRAINING`.
        target_group: ARN of the target group that its tasks are in.
        weight: Per cent of production traffic.
        is_gone: True once it was deleted.
    """

    identifier: str
    arn: str
    label: str
    status: str
    target_group: str
    desired: int
    running: int
    created_at: Any
    weight: float = 0.0
    is_gone: bool = False


@dataclass
class EcsShift:
    """A service on its way from one task set to another.

    Attributes:
        cluster: Name.
        service: Name.
        specification: Properties of the appspec's TargetService.
        blue: The task set that serves at the beginning.
        green: The replacement; None until Install made it.
        phase: `events`, `ready`, `termination` or `done`.
    """

    cluster: str
    service: str
    specification: Mapping[str, Any]
    blue: TaskSet | None = None
    green: TaskSet | None = None
    phase: str = "events"


@dataclass
class Serverless:
    """Everything of the two platforms that one deployment carries.

    Attributes:
        traffic: The configuration's trafficRoutingConfig.
        hooks: Function by lifecycle event, from the appspec.
        executions: Lifecycle event by the id that its hook function reports with.
        shift: What moves; None until the appspec was read.
    """

    traffic: Mapping[str, Any]
    hooks: dict[str, str] = field(default_factory=dict)
    executions: dict[str, str] = field(default_factory=dict)
    shift: LambdaShift | EcsShift | None = None

    @property
    def is_untouched(self) -> bool:
        """True for an ECS deployment without a replacement: nothing can be rolled back (user guide, ECS hooks)."""
        return isinstance(self.shift, EcsShift) and self.shift.green is None
