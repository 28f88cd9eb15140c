"""CodeDeploy and its instances in memory, moved by the clock."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from deliverkit.domain.carriage import DeploymentReport, GroupFacts, Target
from deliverkit.domain.environment import Strategy
from deliverkit.domain.release import BundleRevision
from deliverkit.errors import ConflictError, NotFoundError, UnreachableError
from deliverkit.ports import Clock

NOTHING = "nothing"
"""What an instance serves before its first deployment."""
_LIVE = "InProgress"


@dataclass
class Instance:
    """One simulated machine.

    Attributes:
        target: Its id, region and address.
        serves: Version that answers on it.
        is_deaf: True when it does not answer at all.
    """

    target: Target
    serves: str = NOTHING
    is_deaf: bool = False


@dataclass
class Deployment:
    """One simulated deployment."""

    deployment_id: str
    region: str
    group: str
    version: str
    revision: BundleRevision
    marker: str
    began_at: datetime
    status: str = _LIVE
    ignores_stop_failures: bool = False


@dataclass
class Fleet:
    """Every region's instances and deployments.

    Attributes:
        clock: What moves deployments on.
        takes: How long a deployment takes.
        refuses: Versions whose deployments fail, leaving the first instance of the group changed.
        rolls_back_itself: True when CodeDeploy answers a failed deployment with a rollback of its own.
        loses: Versions whose deployments succeed although the instances go on serving what they did.
        versions: Version of each bundle, so that an instance can say what it serves.
        deployments: All deployments, in the order of their creation.
    """

    clock: Clock
    takes: timedelta = timedelta(seconds=4)
    refuses: set[str] = field(default_factory=set)
    rolls_back_itself: bool = False
    loses: set[str] = field(default_factory=set)
    versions: dict[BundleRevision, str] = field(default_factory=dict)
    deployments: list[Deployment] = field(default_factory=list)
    rollbacks: dict[str, str] = field(default_factory=dict)
    _groups: dict[tuple[str, str], list[Instance]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def add_group(self, region: str, group: str, *, size: int = 2) -> None:
        """Make a deployment group with that many instances."""
        number = len(self._groups)
        self._groups[region, group] = [
            Instance(Target(f"i-{number}{position}", region, f"10.0.{number}.{position}")) for position in range(size)
        ]

    def instances(self, region: str, group: str) -> list[Instance]:
        """The instances of a group, after everything that is due has happened.

        Raises:
            NotFoundError: If there is no such group.
        """
        with self._lock:
            self.settle()
            if (region, group) not in self._groups:
                raise NotFoundError(f"there is no deployment group {group} in {region}")
            return self._groups[region, group]

    def serving(self, region: str, group: str) -> set[str]:
        """The versions that a group's instances serve."""
        return {instance.serves for instance in self.instances(region, group)}

    def fetch(self, url: str, *, timeout: timedelta) -> str:
        """Ask an instance what it serves: implements `ports.TextSource`.

        Raises:
            UnreachableError: If nobody answers at that address.
        """
        with self._lock:
            self.settle()
            address = url.split("/")[2]
            for group in self._groups.values():
                for instance in group:
                    if instance.target.address == address and not instance.is_deaf and instance.serves != NOTHING:
                        return instance.serves
        raise UnreachableError(f"{url}: connection refused")

    def deployer(self, region: str) -> FleetDeployer:
        """The deployer of one region."""
        return FleetDeployer(self, region)

    def begin(self, deployment: Deployment) -> str:
        """Begin a deployment.

        Raises:
            ConflictError: If the group has a live one.
        """
        with self._lock:
            self.settle()
            here = (deployment.region, deployment.group)
            if any((d.region, d.group) == here and d.status == _LIVE for d in self.deployments):
                raise ConflictError(f"{deployment.group} has a live deployment (DeploymentLimitExceededException)")
            self.deployments.append(deployment)
            return deployment.deployment_id

    def deployment(self, deployment_id: str) -> Deployment:
        """One deployment, after everything that is due has happened.

        Raises:
            NotFoundError: If there is none.
        """
        with self._lock:
            self.settle()
            for each in self.deployments:
                if each.deployment_id == deployment_id:
                    return each
        raise NotFoundError(f"there is no deployment {deployment_id}")

    def next_id(self) -> str:
        """An id for a new deployment."""
        return f"d-{len(self.deployments) + 1:09d}"

    def settle(self) -> None:
        """Let everything happen that is due by now."""
        now = self.clock.now()
        for each in list(self.deployments):
            if each.status == _LIVE and now >= each.began_at + self.takes:
                self._end(each)

    def _end(self, deployment: Deployment) -> None:
        members = self._groups[deployment.region, deployment.group]
        if deployment.version in self.refuses:
            deployment.status = "Failed"
            members[0].serves = deployment.version
            self._roll_back_itself(deployment)
            return
        deployment.status = "Succeeded"
        for instance in members:
            if deployment.version not in self.loses:
                instance.serves = deployment.version

    def _roll_back_itself(self, failed: Deployment) -> None:
        good = [
            each
            for each in self.deployments
            if (each.region, each.group, each.status) == (failed.region, failed.group, "Succeeded")
        ]
        if self.rolls_back_itself and good and failed.deployment_id not in self.rollbacks:
            last = good[-1]
            own = Deployment(self.next_id(), last.region, last.group, last.version, last.revision, "", self.clock.now())
            self.deployments.append(own)
            self.rollbacks[failed.deployment_id] = own.deployment_id


class FleetDeployer:
    """Implements `ports.Deployer` for one region of a fleet."""

    def __init__(self, fleet: Fleet, region: str) -> None:
        """Take the fleet and the region."""
        self._fleet = fleet
        self._region = region

    def group_facts(self, application: str, group: str) -> GroupFacts:
        """What the group says about itself."""
        self._fleet.instances(self._region, group)
        here = [
            d for d in self._fleet.deployments if (d.region, d.group, d.status) == (self._region, group, "Succeeded")
        ]
        last = here[-1] if here else None
        revision = f"s3://{last.revision.bucket}/{last.revision.key}" if last else ""
        return GroupFacts(revision, self._fleet.rolls_back_itself, ())

    def targets(self, application: str, group: str) -> tuple[Target, ...]:
        """The group's instances."""
        return tuple(instance.target for instance in self._fleet.instances(self._region, group))

    def create(
        self,
        application: str,
        group: str,
        revision: BundleRevision,
        *,
        strategy: Strategy,
        marker: str,
        ignore_stop_failures: bool = False,
    ) -> str:
        """Begin a deployment."""
        self._fleet.instances(self._region, group)
        version = self._fleet.versions[revision]
        began_at = self._fleet.clock.now()
        return self._fleet.begin(
            Deployment(
                deployment_id=self._fleet.next_id(),
                region=self._region,
                group=group,
                version=version,
                revision=revision,
                marker=marker,
                began_at=began_at,
                ignores_stop_failures=ignore_stop_failures,
            )
        )

    def find(self, application: str, group: str, marker: str) -> str | None:
        """Id of the deployment with that marker."""
        for each in self._fleet.deployments:
            if (each.region, each.group, each.marker) == (self._region, group, marker):
                return each.deployment_id
        return None

    def observe(self, deployment_id: str) -> DeploymentReport:
        """The deployment now."""
        found = self._fleet.deployment(deployment_id)
        troubles = (f"HEALTH_CONSTRAINTS: {found.version} failed on an instance",) if found.status == "Failed" else ()
        return DeploymentReport(self._region, deployment_id, found.status, "", troubles)

    def rollback_of(self, deployment_id: str) -> str | None:
        """Id of CodeDeploy's own rollback."""
        self._fleet.deployment(deployment_id)
        return self._fleet.rollbacks.get(deployment_id)

    def stop(self, deployment_id: str) -> None:
        """Stop it where it stands: the first instance has been changed, the others have not."""
        found = self._fleet.deployment(deployment_id)
        if found.status == _LIVE:
            found.status = "Stopped"
            self._fleet.instances(self._region, found.group)[0].serves = found.version
