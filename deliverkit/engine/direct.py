"""Carrying a leg directly: one CodeDeploy deployment in each region."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from deliverkit.domain.carriage import Carriage, CarriageStatus, DeploymentReport, Handle
from deliverkit.domain.plan import Leftover, Leg, Plan
from deliverkit.domain.release import Release
from deliverkit.domain.rollout import Rollout
from deliverkit.errors import ConflictError
from deliverkit.ports import Deployer

ENDED = frozenset({"Succeeded", "Failed", "Stopped"})
Deployers = Callable[[str], Deployer]


class DirectCarrier:
    """Drives CodeDeploy itself. The marker in a deployment's description is how a deployment is known again."""

    def __init__(self, deployers: Deployers) -> None:
        """Take the way to get a region's deployer."""
        self._deployers = deployers

    def begin(self, rollout: Rollout, index: int) -> Handle:
        """Begin the leg's deployments, one for each region, or find those begun before."""
        release, marker = rollout.plan.release, f"{_marker(rollout, index)} promote"
        return self._deploy(rollout.plan, rollout.plan.legs[index], release, marker)

    def locate(self, rollout: Rollout, index: int) -> Handle | None:
        """The deployments that carry the leg's marker."""
        leg = rollout.plan.legs[index]
        marker = f"{_marker(rollout, index)} promote"
        found = {region: self._deployers(region).find(leg.application, leg.group, marker) for region in leg.regions}
        return {region: deployment for region, deployment in found.items() if deployment} or None

    def discard(self, leftover: Leftover, reason: str) -> None:
        """Nothing: deployments do not wait for each other, they are refused."""

    def look(self, leg: Leg, handle: Handle) -> Carriage:
        """Where the deployments stand, taken together."""
        reports = tuple(self._deployers(region).observe(deployment) for region, deployment in handle.items())
        status = _together(reports)
        return Carriage(status, describe(reports), reports)

    def follow(self, leg: Leg, handle: Handle, _reason: str) -> Carriage:
        """As `look`: nothing stands in the way of a deployment."""
        return self.look(leg, handle)

    def accept(self, leg: Leg, handle: Handle, reason: str) -> Carriage:
        """As `look`: CodeDeploy takes no judgement."""
        return self.look(leg, handle)

    def stop(self, leg: Leg, handle: Handle, reason: str) -> Carriage:
        """Stop the deployments that still run."""
        for region, deployment in handle.items():
            deployer = self._deployers(region)
            if deployer.observe(deployment).status not in ENDED:
                deployer.stop(deployment)
        seen = self.look(leg, handle)
        is_still_moving = any(report.status not in ENDED for report in seen.deployments)
        return Carriage(CarriageStatus.MOVING, seen.reason, seen.deployments) if is_still_moving else seen

    def revert(self, rollout: Rollout, index: int, attempt: int) -> Handle:
        """Begin a new deployment of the last good release.

        The failed release's ApplicationStop runs first, for it is the revision on the hosts; its failure must not keep
        the good one out, so such failures are ignored (CodeDeploy API reference, CreateDeployment).

        Raises:
            ConflictError: If there is no earlier good release.
        """
        leg = rollout.plan.legs[index]
        if leg.previous is None:
            raise ConflictError(f"{leg.label} has no earlier good release")
        own = self._rollbacks_of_codedeploy(rollout.begun.get(index, {})) if attempt == 1 else {}
        marker = f"{_marker(rollout, index)} rollback {attempt}"
        return own or self._deploy(rollout.plan, leg, leg.previous, marker, ignore_stop_failures=True)

    def _rollbacks_of_codedeploy(self, handle: Handle) -> Handle:
        """Rollbacks that CodeDeploy began itself, if it did so in every region; a second one would only be refused."""
        found = {
            region: self._deployers(region).rollback_of(deployment)
            for region, deployment in handle.items()
            if deployment.startswith("d-")
        }
        complete = {region: deployment for region, deployment in found.items() if deployment}
        return complete if complete and len(complete) == len(found) else {}

    def _deploy(
        self, plan: Plan, leg: Leg, release: Release, marker: str, *, ignore_stop_failures: bool = False
    ) -> Handle:
        handle: dict[str, str] = {}
        for region in leg.regions:
            deployer = self._deployers(region)
            found = deployer.find(leg.application, leg.group, marker)
            handle[region] = found or deployer.create(
                leg.application,
                leg.group,
                plan.revision_in(region, release),
                strategy=leg.strategy,
                marker=marker,
                ignore_stop_failures=ignore_stop_failures,
            )
        return handle


def describe(reports: Sequence[DeploymentReport]) -> str:
    """Deployments in one line: `us-east-1 d-ABC Succeeded, 3 of 3 succeeded`, with the first trouble of each."""
    lines = []
    for report in reports:
        head = " ".join(part for part in (report.region, report.deployment_id, report.status) if part)
        lines.append(", ".join([head, report.progress] if report.progress else [head]))
        lines.extend(report.troubles[:1])
    return "; ".join(lines)


def _marker(rollout: Rollout, index: int) -> str:
    # The plan's digest keeps a promotion apart from one of the same number in a ledger that was begun anew.
    return f"deliverkit {rollout.id} plan {rollout.plan.digest.removeprefix('sha256:')[:12]} leg {index + 1}"


def _together(reports: Sequence[DeploymentReport]) -> CarriageStatus:
    statuses = {report.status for report in reports}
    if statuses == {"Succeeded"}:
        return CarriageStatus.COMPLETED
    if "Failed" in statuses:
        return CarriageStatus.FAILED
    return CarriageStatus.STOPPED if "Stopped" in statuses else CarriageStatus.MOVING
