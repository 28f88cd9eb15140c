"""Deployments to ECS: a green task set takes over from the blue one (user guide, deployment-steps-ecs)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar

import botocore.exceptions

from deliverkit.sandbox.codedeploy import notices
from deliverkit.sandbox.codedeploy.blue_green import NOT_CONTINUED
from deliverkit.sandbox.codedeploy.lifecycle import ALLOWING
from deliverkit.sandbox.codedeploy.obstacles import failed
from deliverkit.sandbox.codedeploy.rollout import SUCCEEDED
from deliverkit.sandbox.codedeploy.serverless import ecs_service, listeners
from deliverkit.sandbox.codedeploy.serverless.ecs_settings import LONGEST_READY_MINUTES
from deliverkit.sandbox.codedeploy.serverless.rollout import RoutingError, ServerlessRollout
from deliverkit.sandbox.codedeploy.serverless.state import EcsShift, TaskSet
from deliverkit.sandbox.codedeploy.state import Deployment, Ending, Event
from deliverkit.sandbox.moto_services import CONTROLLER

INSTALLING = ("BeforeInstall", "Install", "AfterInstall")
TESTING = ("AllowTestTraffic", "AfterAllowTestTraffic")


@dataclass(frozen=True, slots=True)
class EcsTraffic(ServerlessRollout):
    """What both directions need."""

    cap: ClassVar[timedelta] = timedelta(hours=300)
    """None is documented; above the sum of what may be waited for."""

    @property
    def shift(self) -> EcsShift:
        """What moves."""
        return shift_of(self.deployment)

    @property
    def pair(self) -> Mapping[str, Any]:
        """The group's targetGroupPairInfo at the deployment's start."""
        found: Mapping[str, Any] = self.deployment.balancers["targetGroupPairInfoList"][0]
        return found

    def target_groups(self) -> tuple[str, ...]:
        """ARNs of the pair's target groups; those alone that exist."""
        group = self.deployment.group
        client = self.world.moto.client("elbv2", group.account, group.region)
        names = [each["name"] for each in self.pair["targetGroups"]]
        try:
            found = client.describe_target_groups(Names=names)["TargetGroups"]
        except botocore.exceptions.ClientError:
            return ()
        return tuple(each["TargetGroupArn"] for each in found)

    def put_service(self, events: tuple[str, ...]) -> None:
        """Put the service on record as the target."""
        group, cluster, service = self.deployment.group, self.shift.cluster, self.shift.service
        arn = f"arn:aws:ecs:{group.region}:{group.account}:service/{cluster}/{service}"
        self.put_target(f"{cluster}:{service}", arn, events)

    def forward(self, route: str, weights: Mapping[str, float]) -> None:
        """Let the listeners of a route forward by weights.

        Raises:
            RoutingError: If they cannot.
        """
        for listener in (self.pair.get(route) or {}).get("listenerArns") or ():
            listeners.forward(self.world, self.deployment.group, listener, self.target_groups(), weights)

    def end_task_set(self, task_set: TaskSet) -> None:
        """Let a task set drain and go.

        Raises:
            RoutingError: If ECS refuses.
        """
        if not task_set.is_gone:
            ecs_service.delete(self.world, self.deployment.group, self.shift, task_set.arn)
        task_set.is_gone, task_set.status, task_set.running, task_set.desired = True, "DRAINING", 0, 0

    def make_primary(self, task_set: TaskSet, other: TaskSet) -> None:
        """All production traffic is one task set's.

        Raises:
            RoutingError: If ECS refuses.
        """
        ecs_service.make_primary(self.world, self.deployment.group, self.shift, task_set.arn)
        task_set.status, other.status = "PRIMARY", "ACTIVE"


@dataclass(frozen=True, slots=True)
class EcsRollout(EcsTraffic):
    """Brings the appspec's task set into service."""

    def choose_targets(self) -> None:
        """The group's service.

        Without a test listener there are no events for it, and no hook after it; that is not documented.
        """
        service = self.deployment.group.settings["ecsServices"][0]
        properties = self.appspec().properties
        self.carried.shift = EcsShift(service["clusterName"], service["serviceName"], properties)
        tested = TESTING if (self.pair.get("testTrafficRoute") or {}).get("listenerArns") else ()
        self.put_service((*INSTALLING, *tested, *ALLOWING))
        if self._ready_option.get("actionOnTimeout") == "STOP_DEPLOYMENT":
            self.target.holds_at = "BeforeAllowTraffic"

    def obstacle(self) -> Ending | None:
        """The service must live under CodeDeploy's control, behind one of the two target groups."""
        shift, group = self.shift, self.deployment.group
        service = ecs_service.describe(self.world, group, shift.cluster, shift.service)
        if service is None or service["deploymentController"]["type"] != CONTROLLER:
            return failed("INVALID_ECS_SERVICE", f"There is no ECS service {shift.service} that CodeDeploy controls.")
        pair, listener = self.target_groups(), self.pair["prodTrafficRoute"]["listenerArns"][0]
        served = listeners.forwarded_to(self.world, group, listener, pair)
        if len(pair) != 2 or served is None:
            return failed(listeners.INVALID, f"The listener {listener} forwards to neither target group of the pair.")
        try:
            shift.blue = ecs_service.primary(self.world, group, shift, pair)
        except RoutingError as error:
            return failed(error.code, str(error))
        shift.blue.target_group = shift.blue.target_group or served
        return None

    def perform(self, event: Event) -> None:
        """Install and the test traffic are the service's own; the rest is as everywhere."""
        steps = {"Install": self._install, "AllowTestTraffic": self._allow_test_traffic}
        step = steps.get(event.name)
        if step is None or event.status != "InProgress":
            return ServerlessRollout.perform(self, event)
        try:
            step()
        except RoutingError as error:
            return self.fail(event, error.code, str(error))
        return self.walk(self.target).complete(event)

    def _install(self) -> None:
        blue = self._blue
        idle = next(arn for arn in self.target_groups() if arn != blue.target_group)
        group, identifier = self.deployment.group, self.deployment.deployment_id
        self.shift.green = ecs_service.create_green(self.world, group, self.shift, idle, identifier)

    def _allow_test_traffic(self) -> None:
        self.forward("testTrafficRoute", {self._green.target_group: 1})

    def route(self, percent: float) -> None:
        """Set the weights of the production listener; with the last one the green task set is the primary one."""
        blue, green = self._blue, self._green
        self.forward("prodTrafficRoute", {blue.target_group: 100 - percent, green.target_group: percent})
        blue.weight, green.weight = 100 - percent, percent
        if percent >= 100:
            self.make_primary(green, blue)

    @property
    def _blue(self) -> TaskSet:
        if self.shift.blue is None:
            raise LookupError("the blue task set was not looked for")
        return self.shift.blue

    @property
    def _green(self) -> TaskSet:
        if self.shift.green is None:
            raise LookupError("the green task set was not made")
        return self.shift.green

    # --- waits ----------------------------------------------------------------------------------------

    @property
    def _options(self) -> Mapping[str, Any]:
        return self.deployment.blue_green.options if self.deployment.blue_green else {}

    @property
    def _ready_option(self) -> Mapping[str, Any]:
        return self._options.get("deploymentReadyOption") or {}

    def schedule(self) -> None:
        """Begin, wait for a person before production traffic moves, wait before the blue task set goes."""
        status, shift = self.target.status, self.shift
        if status == "Pending":
            self.begin(self.target)
        elif status == "Ready" and shift.phase == "events":
            self._wait_for_person()
        elif status == "Succeeded" and shift.phase == "events":
            self._wait_for_termination()

    def _wait_for_person(self) -> None:
        self.shift.phase = "ready"
        self.deployment.status = "Ready"
        notices.deployment_changed(self.world, self.deployment)
        minutes = self._ready_option.get("waitTimeInMinutes") or LONGEST_READY_MINUTES
        self.world.timers.after(timedelta(minutes=minutes), self._ran_out)

    def _ran_out(self) -> None:
        """Nobody continued it: Stopped (API reference, DeploymentReadyOption); the code is not documented."""
        if self.shift.phase == "ready":
            self.end(Ending("Stopped", "TIMEOUT", NOT_CONTINUED, cuts_instances=True))

    @property
    def waits_for_person(self) -> bool:
        """True while READY_WAIT would move it on."""
        return self.deployment.status == "Ready"

    def reroute(self) -> None:
        """Somebody continued it (API reference, ContinueDeployment, READY_WAIT)."""
        self.shift.phase = "events"
        self.deployment.status = "InProgress"
        self.target.holds_at = None
        self.begin(self.target)

    def _wait_for_termination(self) -> None:
        option, state = self._options.get("terminateBlueInstancesOnDeploymentSuccess") or {}, self.deployment.blue_green
        self.shift.phase = "termination"
        if state is None:
            raise LookupError(f"{self.deployment.deployment_id} has no blue/green configuration")
        state.termination_began = True
        minutes = option.get("terminationWaitTimeInMinutes") or 0
        self.world.timers.after(timedelta(minutes=minutes), self.terminate)

    @property
    def waits_for_termination(self) -> bool:
        """True while TERMINATION_WAIT would move it on."""
        return self.deployment.is_live and self.shift.phase == "termination"

    def terminate(self) -> None:
        """The wait before the blue task set goes is over, by itself or because somebody said so."""
        state = self.deployment.blue_green
        if not self.waits_for_termination or state is None or self.deployment.ending is not None:
            return
        state.terminated = True
        try:
            self.end_task_set(self._blue)
        except RoutingError as error:
            self.deployment.ending = failed(error.code, str(error))
        self._done()
        self.advance()

    def _done(self) -> None:
        self.shift.phase = "done"
        self.deployment.ending = self.deployment.ending or SUCCEEDED


@dataclass(frozen=True, slots=True)
class EcsBack(EcsTraffic):
    """The rollback: all traffic returns to the original task set at once, and the replacement goes.

    The events of a rollback are not documented; here they are those of traffic, and no hooks run.
    """

    def choose_targets(self) -> None:
        """The same service with the same two task sets."""
        before = self.triggering()
        if before is not None and before.serverless is not None and isinstance(before.serverless.shift, EcsShift):
            shift = before.serverless.shift
            found = EcsShift(shift.cluster, shift.service, shift.specification, shift.blue, shift.green)
            self.carried.shift = found
            self.put_service(ALLOWING)

    def obstacle(self) -> Ending | None:
        """Without both task sets nothing can go back."""
        if self.carried.shift is None or self.shift.blue is None or self.shift.green is None or self.shift.blue.is_gone:
            return failed("INVALID_ECS_SERVICE", "The original task set is not there any more.")
        return None

    def route(self, percent: float) -> None:
        """Take both listeners back and make the original task set the primary one."""
        blue, green = self.shift.blue, self.shift.green
        if blue is None or green is None:
            raise RoutingError("INVALID_ECS_SERVICE", "The original task set is not there any more.")
        for route in ("prodTrafficRoute", "testTrafficRoute"):
            self.forward(route, {blue.target_group: 100, green.target_group: 0})
        blue.weight, green.weight = percent, 0.0
        self.make_primary(blue, green)
        self.end_task_set(green)


def shift_of(deployment: Deployment) -> EcsShift:
    """What moves in a deployment to ECS."""
    shift = deployment.serverless and deployment.serverless.shift
    if not isinstance(shift, EcsShift):
        raise TypeError(f"{deployment.deployment_id} moves no task set")
    return shift
