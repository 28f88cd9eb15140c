"""The permissions that checks are said to need: those of the calls that they make, and of no others."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from cloud_bench import REGION, CloudBench, aws_at, cloud

from deliverkit.domain.check_permissions import ACTIONS
from deliverkit.domain.gate import CheckKind

SERVICES = {
    "codedeploy": "codedeploy",
    "ec2": "ec2",
    "elbv2": "elasticloadbalancing",
    "acm": "acm",
    "cloudformation": "cloudformation",
    "ecr": "ecr",
    "inspector2": "inspector2",
}
"""Botocore's names, and the prefixes of their actions."""
NAMES = {"lambda:InvokeFunction": "Invoke", "s3:GetObjectVersion": "GetObject", "s3:ListBucket": "ListObjectsV2"}
"""Actions whose operations are called otherwise."""
CHECKS = {
    "targets": ("targets: {}",),
    "load_balancer": ("load_balancer: {}",),
    "certificate": (
        "certificate: {domain: shop.example.com, in_use: false}",
        "certificate: {address: '${target.address}:1'}",
    ),
}
"""Forms of each kind that together make all its calls."""


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudBench]:
    with cloud(tmp_path_factory.mktemp("cloud")) as bench:
        yield bench


@pytest.fixture(scope="module")
def group(bench: CloudBench) -> str:
    """A deployment group with an instance behind a load balancer's target group, and a certificate."""
    elb, ec2 = bench.client("elbv2"), bench.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    made = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="instance")
    style = {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
    balancer = {"targetGroupInfoList": [{"name": "web"}]}
    name, ids = bench.group(1, loadBalancerInfo=balancer, deploymentStyle=style)
    arn = made["TargetGroups"][0]["TargetGroupArn"]
    elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": each} for each in ids])
    bench.client("acm").request_certificate(DomainName="shop.example.com", ValidationMethod="DNS")
    return name


@pytest.fixture(scope="module")
def empty(bench: CloudBench) -> str:
    return bench.group()[0]


def calls(bench: CloudBench, text: str, group: str) -> set[str]:
    """The actions of all calls that a check makes."""
    own, seen = CloudBench(bench.sandbox, bench.folder), set[str]()
    own.aws = aws_at(bench.sandbox.endpoint)
    for service, prefix in SERVICES.items():
        own.aws.client(service, REGION).meta.events.register("before-call", partial(_noted, seen, prefix))
    own.sample(own.check(text), group=group)
    return seen


def _noted(seen: set[str], prefix: str, model: Any, **_: Any) -> None:
    seen.add(f"{prefix}:{model.name}")


@pytest.mark.parametrize("kind", CHECKS)
def test_a_check_makes_the_calls_that_are_listed_and_no_others(
    bench: CloudBench, group: str, empty: str, kind: str
) -> None:
    # Nobody is connected to: a group without instances has been looked for all the same.
    asked = (calls(bench, text, empty if "target." in text else group) for text in CHECKS[kind])
    assert set().union(*asked) == set(ACTIONS[kind])


def test_every_action_is_one_that_aws_has(bench: CloudBench) -> None:
    services = {prefix: name for name, prefix in SERVICES.items()}
    for action in {each for actions in ACTIONS.values() for each in actions}:
        prefix, _, operation = action.partition(":")
        model = bench.aws.client(services.get(prefix, prefix), REGION).meta.service_model
        assert NAMES.get(action, operation) in model.operation_names


def test_kinds_are_called_as_they_are_configured() -> None:
    assert set(ACTIONS) <= set(CheckKind)
