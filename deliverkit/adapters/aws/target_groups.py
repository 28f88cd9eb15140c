"""Target groups of Elastic Load Balancing: those of a deployment group, and what the balancer says of their targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.errors import NotFoundError

ARN = "arn:"


def of_deployment_group(aws: Aws, region: str, application: str, group: str) -> list[str]:
    """Names of the target groups that a deployment group takes its targets out of and back into."""
    with translated(f"reading deployment group {application}/{group} in {region}"):
        answer = aws.client("codedeploy", region).get_deployment_group(
            applicationName=application, deploymentGroupName=group
        )
    balancer: Mapping[str, Any] = answer["deploymentGroupInfo"].get("loadBalancerInfo", {})
    return [each["name"] for each in balancer.get("targetGroupInfoList", [])]


def health(aws: Aws, region: str, names: Sequence[str]) -> Iterator[tuple[str, list[Mapping[str, Any]]]]:
    """The name of each target group, and what the balancer says of its targets.

    Args:
        aws: The session.
        region: Where the target groups are.
        names: Names or ARNs.

    Raises:
        NotFoundError: If there is no such target group.
    """
    elb = aws.client("elbv2", region)
    with translated(f"reading target health of {', '.join(names)} in {region}"):
        for group in _described(elb, names):
            found = elb.describe_target_health(TargetGroupArn=group["TargetGroupArn"])["TargetHealthDescriptions"]
            yield str(group["TargetGroupName"]), found


def _described(elb: Any, names: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    # One call takes either names or ARNs (ELB API reference, DescribeTargetGroups).
    arns = [name for name in names if name.startswith(ARN)]
    plain = [name for name in names if not name.startswith(ARN)]
    for parameter, key, asked in (("TargetGroupArns", "TargetGroupArn", arns), ("Names", "TargetGroupName", plain)):
        found = elb.describe_target_groups(**{parameter: asked})["TargetGroups"] if asked else []
        missing = set(asked) - {str(each[key]) for each in found}
        if missing:
            raise NotFoundError(f"there is no target group {', '.join(sorted(missing))}")
        yield from found
