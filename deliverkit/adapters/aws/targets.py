"""Health of the targets as a gate: EC2's status checks, and the load balancer's word where the group has one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.check_ports import CheckContext
from deliverkit.domain.carriage import Target
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.errors import DeliverkitError
from deliverkit.ports import Clock, Deployer

BATCH = 100
"""Instances in one DescribeInstanceStatus call."""


class TargetsCheck:
    """Measures a gate of kind `targets`: every running member of the groups is healthy."""

    def __init__(self, aws: Aws, deployers: Callable[[str], Deployer], clock: Clock) -> None:
        """Take the session, the way to a region's deployer and the clock that dates measurements."""
        self._aws = aws
        self._deployers = deployers
        self._clock = clock

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Ask for the health of every target once; a group without members is an error, never a pass."""
        try:
            sick, asked = self._ask(context)
        except DeliverkitError as error:
            return self._sample(check, Verdict.ERROR, error.message)
        if not asked:
            return self._sample(check, Verdict.ERROR, f"{context.application}/{context.group} has no running instances")
        if sick:
            return self._sample(check, Verdict.FAILED, "; ".join(sick))
        return self._sample(check, Verdict.PASSED, f"{asked} of {asked} targets are healthy")

    def _ask(self, context: CheckContext) -> tuple[list[str], int]:
        sick: list[str] = []
        asked = 0
        for region in context.regions:
            targets = self._deployers(region).targets(context.application, context.group)
            asked += len(targets)
            sick.extend(self._failing_status_checks(region, targets))
            sick.extend(self._out_of_service(region, context, targets))
        return sick, asked

    def _failing_status_checks(self, region: str, targets: Sequence[Target]) -> list[str]:
        found: dict[str, str] = {}
        ec2 = self._aws.client("ec2", region)
        for start in range(0, len(targets), BATCH):
            ids = [target.target_id for target in targets[start : start + BATCH]]
            with translated(f"reading the status of {len(ids)} instances in {region}"):
                statuses = ec2.describe_instance_status(InstanceIds=ids)["InstanceStatuses"]
            found.update({each["InstanceId"]: _status_words(each) for each in statuses})
        return [
            f"{target.target_id} ({region}): {found.get(target.target_id, 'EC2 reports no status')}"
            for target in targets
            if found.get(target.target_id) != "ok"
        ]

    def _out_of_service(self, region: str, context: CheckContext, targets: Sequence[Target]) -> list[str]:
        names = self._target_groups(region, context)
        if not names:
            return []
        elb = self._aws.client("elbv2", region)
        members = {target.target_id for target in targets}
        with translated(f"reading target health of {', '.join(names)} in {region}"):
            groups = elb.describe_target_groups(Names=names)["TargetGroups"]
            reports = [
                (group["TargetGroupName"], each)
                for group in groups
                for each in elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])[
                    "TargetHealthDescriptions"
                ]
            ]
        return [
            f"{each['Target']['Id']} ({region}) is {each['TargetHealth']['State']} in {name}"
            for name, each in reports
            if each["Target"]["Id"] in members and each["TargetHealth"]["State"] != "healthy"
        ]

    def _target_groups(self, region: str, context: CheckContext) -> list[str]:
        with translated(f"reading deployment group {context.application}/{context.group} in {region}"):
            answer = self._aws.client("codedeploy", region).get_deployment_group(
                applicationName=context.application, deploymentGroupName=context.group
            )
        balancer: Mapping[str, Any] = answer["deploymentGroupInfo"].get("loadBalancerInfo", {})
        return [each["name"] for each in balancer.get("targetGroupInfoList", [])]

    def _sample(self, check: Check, outcome: Verdict, reason: str) -> Measurement:
        return Measurement(check.gate, self._clock.now(), outcome, reason, check=check.name)


def _status_words(status: Mapping[str, Any]) -> str:
    checks = {"instance": status["InstanceStatus"]["Status"], "system": status["SystemStatus"]["Status"]}
    failing = [f"{name} status is {value}" for name, value in checks.items() if value != "ok"]
    return ", ".join(failing) or "ok"
