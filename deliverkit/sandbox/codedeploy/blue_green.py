"""Blue/green deployments of the server platform: a second fleet is installed, gets the traffic, and the first one goes.

User guide, welcome-page section "overview of a blue/green deployment", and deployments-create-console-ec2-bg.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import ClassVar

from deliverkit.sandbox.codedeploy import green_fleet, lifecycle, notices, scheduling
from deliverkit.sandbox.codedeploy.membership import members
from deliverkit.sandbox.codedeploy.obstacles import failed, fleet_obstacle
from deliverkit.sandbox.codedeploy.rollout import HEALTH_CONSTRAINTS, SUCCEEDED, Rollout
from deliverkit.sandbox.codedeploy.scheduling import Decision, Verdict
from deliverkit.sandbox.codedeploy.state import BlueGreen, Deployment, Ending, Target
from deliverkit.sandbox.codedeploy.traffic import BLOCK
from deliverkit.sandbox.kernel.world import World

LONGEST_WAIT_MINUTES = 2880
"""The longest wait before rerouting and before termination (user guide, limits); also when STOP_DEPLOYMENT names none,
which is not documented."""
NOT_CONTINUED = "The deployment was not continued within its wait time."
NOT_DEREGISTERED = "The instance {name} of the original environment could not be taken out of service."


@dataclass(frozen=True, slots=True)
class BlueGreenRollout(Rollout):
    """Installs on the green fleet, moves the traffic there, and lets the blue fleet end."""

    cap: ClassVar[timedelta] = timedelta(hours=109)

    @property
    def state(self) -> BlueGreen:
        """Where the deployment stands."""
        assert self.deployment.blue_green is not None
        return self.deployment.blue_green

    # --- the fleets -----------------------------------------------------------------------------------

    def choose_targets(self) -> None:
        """Make or find the green fleet; the group's members are the blue one."""
        group = self.deployment.group
        try:
            self.state.green = green_fleet.provide(self.world, self.deployment)
        except green_fleet.NotProvidedError as error:
            self.deployment.ending = failed("AUTO_SCALING_CONFIGURATION", str(error))
            return
        green = [host for host in members(self.world, group, self.state.green) if host.is_ec2]
        names = {host.name for host in green}
        for host in self.in_order(green):
            self.add_target(host, lifecycle.GREEN, "Green").holds_at = lifecycle.ALLOWING[0]
        for host in members(self.world, group, group.settings):
            if host.is_ec2 and host.name not in names:
                self.add_target(host, lifecycle.BLOCKING, "Blue")

    def obstacle(self) -> Ending | None:
        """The minimum concerns the green fleet alone (user guide, instances-health)."""
        return self.deployment.ending or fleet_obstacle(self.deployment, len(self._fleet("Green")))

    def _fleet(self, label: str) -> list[Target]:
        return [target for target in self.deployment.targets.values() if target.label == label]

    # --- the stages -----------------------------------------------------------------------------------

    def schedule(self) -> None:
        """Go on with the present stage."""
        match self.state.stage:
            case "install":
                self._install()
            case "reroute":
                self._reroute()
            case "block":
                self._block()

    def _install(self) -> None:
        self.fail_stopped("Green")
        green = self._fleet("Green")
        rule = scheduling.rule_for(self.deployment.minimum, len(green))
        decision = scheduling.decide(rule, scheduling.members_of(green))
        if decision.verdict is Verdict.SUCCEEDED:
            self._after_install()
        else:
            self._follow(decision)

    def _follow(self, decision: Decision) -> None:
        if decision.verdict is Verdict.FAILED:
            self.deployment.ending = HEALTH_CONSTRAINTS
        for identifier in decision.start:
            target = self.deployment.targets[identifier]
            if target.status == "Ready":
                target.holds_at = None
            self.begin(target)

    def _after_install(self) -> None:
        option = self.state.options.get("deploymentReadyOption") or {}
        if option.get("actionOnTimeout") != "STOP_DEPLOYMENT":
            return self._enter("reroute")
        self.state.stage = "ready"
        self.deployment.status = "Ready"
        notices.deployment_changed(self.world, self.deployment)
        minutes = option.get("waitTimeInMinutes") or LONGEST_WAIT_MINUTES
        self.world.timers.after(timedelta(minutes=minutes), self._ran_out)
        return None

    def _enter(self, stage: str) -> None:
        self.state.stage = stage
        self.schedule()

    def _ran_out(self) -> None:
        """Nobody continued it: Stopped (API reference, DeploymentReadyOption). No traffic moved, nothing to roll back.

        The error code of this end is not documented.
        """
        if self.state.stage == "ready":
            self.end(Ending("Stopped", "TIMEOUT", NOT_CONTINUED, rolls_back=False, cuts_instances=True))

    def reroute(self) -> None:
        """Somebody continued a deployment that is Ready (API reference, ContinueDeployment, READY_WAIT)."""
        self.deployment.status = "InProgress"
        self.state.stage = "reroute"
        self.advance()

    def _reroute(self) -> None:
        installed = [target for target in self._fleet("Green") if _is_installed(target)]
        rule = scheduling.rule_for(self.deployment.minimum, len(self._fleet("Green")))
        decision = scheduling.rerouting(rule, tuple(_rerouted(target) for target in installed))
        if decision.verdict is Verdict.SUCCEEDED:
            self._enter("block")
        else:
            self._follow(decision)

    def _block(self) -> None:
        blue = self._fleet("Blue")
        for target in blue:
            if target.status == "Pending":
                self.walk(target).begin()
        lost = next((target for target in blue if target.status == "Failed"), None)
        if lost is not None:
            # One blue instance that stays in service fails the deployment (user guide, instances-health).
            is_registered = lost.event(BLOCK).status == "Failed"
            code = "ELB_INVALID_INSTANCE" if is_registered else "HEALTH_CONSTRAINTS"
            self.deployment.ending = failed(code, NOT_DEREGISTERED.format(name=lost.instance_id))
        elif all(target.status == "Succeeded" for target in blue):
            self.state.stage = "done"
            self.deployment.ending = SUCCEEDED

    # --- afterwards -----------------------------------------------------------------------------------

    def on_success(self) -> None:
        """The green fleet is the group from now on; the blue one ends when its time is over."""
        group = self.deployment.group
        self.state.former = green_fleet.take_over(self.world, group, self.state.green)
        option = self.state.options.get("terminateBlueInstancesOnDeploymentSuccess") or {}
        # Without an action nothing is said about the blue instances; they are kept, which can be undone.
        if option.get("action") == "TERMINATE":
            self.state.termination_began = True
            wait = timedelta(minutes=option.get("terminationWaitTimeInMinutes") or 0)
            self.world.timers.after(wait, partial(terminate_blue, self.world, self.deployment))


def _is_installed(target: Target) -> bool:
    return target.event(lifecycle.EVENTS[-1]).status == "Succeeded"


def _rerouted(target: Target) -> scheduling.Member:
    """A green instance that is Ready waits for its traffic."""
    waits = target.status == "Ready"
    phase = scheduling.Phase.WAITING if waits else scheduling.PHASES[target.status]
    return scheduling.Member(target.instance_id, was_healthy=True, phase=phase)


def terminate_blue(world: World, deployment: Deployment) -> None:
    """End the blue fleet, once: the Auto Scaling group that was copied, or the instances themselves."""
    state = deployment.blue_green
    if state is None or state.terminated:
        return
    state.terminated = True
    blue = [target.instance_id for target in deployment.targets.values() if target.label == "Blue"]
    green_fleet.terminate(world, deployment.group, state.former, blue)


@dataclass(frozen=True, slots=True)
class TrafficBack(Rollout):
    """The rollback of a blue/green deployment: traffic returns to the blue fleet, nothing is installed.

    Which fleet goes first is not documented; here the blue one, so that somebody serves all the while.
    """

    cap: ClassVar[timedelta] = timedelta(hours=109)

    def choose_targets(self) -> None:
        """The instances of the deployment that is rolled back, those that still exist."""
        blue, green = green_fleet.fleets_before(self.world, self.deployment)
        for host in blue:
            self.add_target(host, lifecycle.ALLOWING, "Blue")
        for host in green:
            self.add_target(host, lifecycle.BLOCKING, "Green")

    def obstacle(self) -> Ending | None:
        """Without a blue instance there is nowhere for the traffic to go back to."""
        return fleet_obstacle(self.deployment, len(list(self._labelled("Blue"))))

    def schedule(self) -> None:
        """Blue in, then green out."""
        for label in ("Blue", "Green"):
            fleet = list(self._labelled(label))
            for target in fleet:
                if target.status == "Pending":
                    self.walk(target).begin()
            if any(target.status == "Failed" for target in fleet):
                self.deployment.ending = HEALTH_CONSTRAINTS
                return
            if any(target.status == "InProgress" for target in fleet):
                return
        self.deployment.ending = SUCCEEDED

    def _labelled(self, label: str) -> Iterator[Target]:
        return (target for target in self.deployment.targets.values() if target.label == label)
