"""What deployments to Lambda and ECS have in common: one target, hook functions, and traffic that shifts on the clock.

Every function runs under the world's lock: from an operation or from a timer.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from deliverkit.sandbox.codedeploy.alarm_watch import AlarmWatch
from deliverkit.sandbox.codedeploy.obstacles import failed, missing_part
from deliverkit.sandbox.codedeploy.rollout import SUCCEEDED, Rollout
from deliverkit.sandbox.codedeploy.serverless import hook
from deliverkit.sandbox.codedeploy.serverless.appspec import Appspec, AppspecError, load
from deliverkit.sandbox.codedeploy.serverless.routing import steps
from deliverkit.sandbox.codedeploy.serverless.state import Serverless
from deliverkit.sandbox.codedeploy.service_role import role_obstacle
from deliverkit.sandbox.codedeploy.state import Deployment, Ending, Event, Store, Target
from deliverkit.sandbox.codedeploy.walk import Walk, failure, success
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

HOOK_PATIENCE = timedelta(hours=1)
"""How long a hook function has to report (API reference, PutLifecycleEventHookExecutionStatus)."""
HOOK_FAILED = "The function {function} reported that the lifecycle event {event} failed."
HOOK_SILENT = "The function {function} did not report the status of the lifecycle event {event} within one hour."
HOOK_MISSING = "The function {function} of the lifecycle event {event} could not be invoked: {reason}"


class RoutingError(Exception):
    """The service that holds the traffic refuses.

    Attributes:
        code: ErrorInformation code.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class ServerlessWalk(Walk):
    """The only target on its way through its events.

    Attributes:
        perform: Carries an event out and ends it, sooner or later.
    """

    perform: Callable[[Event], None]

    def complete(self, event: Event) -> None:
        """The event went well."""
        self._end_event(event, "Succeeded", success())

    def fail(self, event: Event, message: str) -> None:
        """The event failed, and the target with it."""
        self._end_event(event, "Failed", failure(message))

    def _start(self, event: Event) -> None:
        event.status, event.started_at = "InProgress", self.world.clock.now()
        self.target.updated_at = event.started_at
        self.world.timers.soon(partial(self.perform, event))

    def _note_health(self, *, is_healthy: bool) -> None:
        """There are no hosts whose health would count."""

    def _move(self, status: str) -> None:
        # Instance events and triggers are of the server platform.
        self.target.status, self.target.updated_at = status, self.world.clock.now()


@dataclass(frozen=True, slots=True)
class ServerlessRollout(Rollout):
    """Moves one deployment of either platform."""

    @abstractmethod
    def route(self, percent: float) -> None:
        """Give the new version that share of production traffic.

        Raises:
            RoutingError: If it cannot have it.
        """

    def prepare(self) -> Ending | None:
        """Read the appspec, unless something stands in the way; what does so."""
        problem = missing_part(self.world, self.deployment) or role_obstacle(self.world, self.deployment)
        if problem is not None:
            return problem
        try:
            self.choose_targets()
        except AppspecError as error:
            return failed(error.code, str(error))
        return self.obstacle()

    def walk(self, target: Target) -> ServerlessWalk:
        """What moves the target."""
        return ServerlessWalk(self.world, self.deployment, target, self.advance, self.perform)

    def schedule(self) -> None:
        """Begin the target, and end with it."""
        for target in self.deployment.targets.values():
            if target.status == "Pending":
                self.begin(target)
        if all(target.status == "Succeeded" for target in self.deployment.targets.values()):
            self.deployment.ending = SUCCEEDED

    # --- what both platforms need ---------------------------------------------------------------------

    @property
    def carried(self) -> Serverless:
        """What the deployment carries of these platforms."""
        if self.deployment.serverless is None:
            raise LookupError(f"{self.deployment.deployment_id} is of the server platform")
        return self.deployment.serverless

    @property
    def target(self) -> Target:
        """The only target."""
        (target,) = self.deployment.targets.values()
        return target

    def appspec(self) -> Appspec:
        """The revision's appspec, its hooks noted.

        Raises:
            AppspecError: If it is not one.
        """
        found = load(self.world, self.deployment.group.account, self.deployment.revision, self.deployment.platform)
        self.carried.hooks.update(found.hooks)
        return found

    def put_target(self, identifier: str, arn: str, events: tuple[str, ...]) -> None:
        """Put the only target on record."""
        now = self.world.clock.now()
        target = Target(identifier, arn, was_healthy=True, updated_at=now, events=[Event(name) for name in events])
        self.deployment.targets[identifier] = target

    def triggering(self) -> Deployment | None:
        """The deployment that a rollback undoes."""
        group = self.deployment.group
        identifier = self.deployment.rollback.get("rollbackTriggeringDeploymentId", "")
        return self.world.store(Store, group.account, group.region).deployments.get(identifier)

    # --- events ---------------------------------------------------------------------------------------

    def perform(self, event: Event) -> None:
        """Carry an event out; what is stopped meanwhile is left alone."""
        if event.status != "InProgress":
            return
        if event.name == "AllowTraffic":
            self._shift(event, 0)
        else:
            self._call_hook(event)

    def _shift(self, event: Event, index: int) -> None:
        if index > 0 and self.obeys_alarms:
            AlarmWatch(self.world, self.deployment, self.end).look()
        if event.status != "InProgress":
            return None
        plan = steps(self.carried.traffic)
        try:
            self.route(plan[index].percent)
        except RoutingError as error:
            return self.fail(event, error.code, str(error))
        self.target.updated_at = self.world.clock.now()
        if index + 1 == len(plan):
            return self.walk(self.target).complete(event)
        wait = plan[index + 1].at - plan[index].at
        self.world.timers.after(wait, partial(self._shift, event, index + 1))
        return None

    def _call_hook(self, event: Event) -> None:
        function = self.carried.hooks.get(event.name)
        if function is None:
            return self.walk(self.target).complete(event)
        try:
            hook.call(self.world, self.deployment, event.name, function)
        except ApiError as error:
            message = HOOK_MISSING.format(function=function, event=event.name, reason=error.message)
            is_denied = error.code == hook.DENIED
            return self.fail(event, "IAM_ROLE_PERMISSIONS" if is_denied else "HOOK_EXECUTION_FAILURE", message)
        self.world.timers.after(HOOK_PATIENCE, partial(self._miss_report, event))
        return None

    def _miss_report(self, event: Event) -> None:
        if event.status == "InProgress":
            self._fail_hook(event, HOOK_SILENT)

    def _fail_hook(self, event: Event, message: str) -> None:
        function = self.carried.hooks[event.name]
        self.fail(event, "HOOK_EXECUTION_FAILURE", message.format(function=function, event=event.name))

    def report(self, name: str, status: str) -> bool:
        """A hook function's report on its event; False when the event is over already."""
        event = self.target.event(name)
        if event.status != "InProgress":
            return False
        if status == "Succeeded":
            self.walk(self.target).complete(event)
        else:
            self._fail_hook(event, HOOK_FAILED)
        return True

    def fail(self, event: Event, code: str, message: str) -> None:
        """Fail an event and with it the deployment."""
        if self.deployment.ending is None:
            self.deployment.ending = failed(code, message)
        self.walk(self.target).fail(event, message)


def serverless_rollout(world: World, deployment: Deployment) -> ServerlessRollout:
    """What moves a deployment to Lambda or ECS."""
    # Imported late: they are made of what is above.
    from deliverkit.sandbox.codedeploy.serverless.ecs_rollout import EcsBack, EcsRollout  # noqa: PLC0415
    from deliverkit.sandbox.codedeploy.serverless.lambda_rollout import LambdaBack, LambdaRollout  # noqa: PLC0415

    if deployment.platform == "Lambda":
        return (LambdaBack if deployment.is_rollback else LambdaRollout)(world, deployment)
    return (EcsBack if deployment.is_rollback else EcsRollout)(world, deployment)
