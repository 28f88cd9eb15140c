"""Health of the targets: EC2's status checks, and the load balancer's word where the group has one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from deliverkit.adapters.aws import target_groups
from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.observing import observed
from deliverkit.adapters.aws.session import Aws
from deliverkit.check_ports import CheckContext
from deliverkit.domain.carriage import Target
from deliverkit.domain.gate import Check, Measurement
from deliverkit.ports import Clock, Deployer

BATCH = 100
"""Instances in one DescribeInstanceStatus call."""
KEPT = 20
"""Sick targets that are recorded; the others are counted."""


class TargetsCheck:
    """Measures checks of kind `targets`: every running member of the groups."""

    def __init__(self, aws: Aws, deployers: Callable[[str], Deployer], clock: Clock) -> None:
        """Take the session, the way to a region's deployer and the clock that dates measurements."""
        self._aws = aws
        self._deployers = deployers
        self._clock = clock

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Ask for the health of every target once."""
        group = f"--application-name {context.application} --deployment-group-name {context.group}"
        query = f"aws deploy get-deployment-group {group}; aws ec2 describe-instance-status"
        return observed(check, self._clock, lambda: self._ask(context), query=query)

    def _ask(self, context: CheckContext) -> Mapping[str, Any]:
        sick: list[Mapping[str, str]] = []
        asked = 0
        for region in context.regions:
            targets = self._deployers(region).targets(context.application, context.group)
            asked += len(targets)
            sick.extend(self._failing_status_checks(region, targets))
            sick.extend(self._out_of_service(region, context, targets))
        kept = sick[:KEPT]
        named = {(each["id"], each["region"]) for each in kept}
        more = len({(each["id"], each["region"]) for each in sick} - named)
        return {"group": f"{context.application}/{context.group}", "asked": asked, "sick": kept, "more": more}

    def _failing_status_checks(self, region: str, targets: Sequence[Target]) -> Iterator[Mapping[str, str]]:
        found: dict[str, str] = {}
        ec2 = self._aws.client("ec2", region)
        for start in range(0, len(targets), BATCH):
            ids = [target.target_id for target in targets[start : start + BATCH]]
            with translated(f"reading the status of {len(ids)} instances in {region}"):
                statuses = ec2.describe_instance_status(InstanceIds=ids)["InstanceStatuses"]
            found.update({each["InstanceId"]: _status_words(each) for each in statuses})
        for target in targets:
            told = found.get(target.target_id, "has no status that EC2 reports")
            if told:
                yield {"id": target.target_id, "region": region, "why": told}

    def _out_of_service(
        self, region: str, context: CheckContext, targets: Sequence[Target]
    ) -> Iterator[Mapping[str, str]]:
        """Members that a target group calls anything but healthy, and those that none of them knows."""
        names = target_groups.of_deployment_group(self._aws, region, context.application, context.group)
        if not names:
            return
        # A group of type `ip` lists addresses, one of type `instance` ids (ELB API reference, TargetDescription).
        members = {name: each.target_id for each in targets for name in (each.target_id, each.address) if name}
        missing = {each.target_id: None for each in targets}
        groups: list[str] = []
        for name, reports in target_groups.health(self._aws, region, names):
            groups.append(name)
            for report in reports:
                member, state = members.get(report["Target"]["Id"]), report["TargetHealth"]["State"]
                missing.pop(member or "", None)
                if member and state != "healthy":
                    yield {"id": member, "region": region, "why": f"is {state} in {name}"}
        for member in missing:
            yield {"id": member, "region": region, "why": f"is not registered in {' or '.join(groups)}"}


def _status_words(status: Mapping[str, Any]) -> str:
    """Which status checks do not hold; empty when both do."""
    checks = {"instance": status["InstanceStatus"]["Status"], "system": status["SystemStatus"]["Status"]}
    failing = [f"{name} status is {value}" for name, value in checks.items() if value != "ok"]
    return f"has failing status checks: {', '.join(failing)}" if failing else ""
