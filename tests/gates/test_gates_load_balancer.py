"""Checks of what load balancers say of their targets, and of the targets' own health, through the sandbox."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cloud_bench import REGION, CloudBench, cloud, replayed

from deliverkit.adapters.aws.load_balancing import WORDS
from deliverkit.check_ports import Checker
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Check, CheckKind, Verdict
from deliverkit.testing.contracts import CheckContract
from deliverkit.testing.contracts.checks import Case, context

_NUMBERS = itertools.count(1)


class Site:
    """A real web server on an address of its own that tests can make ill."""

    def __init__(self, address: str) -> None:
        self.status = 200
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(site.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer((address, 0), Handler)
        self.target = {"Id": address, "Port": self.server.server_address[1]}
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


class Balanced:
    """A load balancer, and target groups of sites."""

    def __init__(self, bench: CloudBench) -> None:
        self.bench, self.elb, ec2 = bench, bench.client("elbv2"), bench.client("ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        blocks = (("10.0.1.0/24", "us-east-1a"), ("10.0.2.0/24", "us-east-1b"))
        made = [ec2.create_subnet(VpcId=self.vpc, CidrBlock=block, AvailabilityZone=zone) for block, zone in blocks]
        subnets = [each["Subnet"]["SubnetId"] for each in made]
        answer = self.elb.create_load_balancer(Name="shop", Subnets=subnets)
        self.balancer, self.port = answer["LoadBalancers"][0]["LoadBalancerArn"], 18000

    def group(self, name: str, *members: Site, is_used: bool = True) -> str:
        checks = {"HealthCheckIntervalSeconds": 5, "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2}
        made = self.elb.create_target_group(
            Name=name, Protocol="HTTP", Port=80, VpcId=self.vpc, TargetType="ip", **checks
        )
        arn = str(made["TargetGroups"][0]["TargetGroupArn"])
        if members:
            self.elb.register_targets(TargetGroupArn=arn, Targets=[site.target for site in members])
        if is_used:
            self.port += 1
            self.elb.create_listener(
                LoadBalancerArn=self.balancer,
                Protocol="HTTP",
                Port=self.port,
                DefaultActions=[{"Type": "forward", "TargetGroupArn": arn}],
            )
        return arn

    def until(self, arn: str, *states: str) -> None:
        """Let the load balancer probe its targets until they are in these states, in the order of their ids."""
        found: list[str] = []
        for _ in range(500):
            answer = self.elb.describe_target_health(TargetGroupArn=arn)["TargetHealthDescriptions"]
            ordered = sorted(answer, key=lambda each: str(each["Target"]["Id"]))
            found = [str(each["TargetHealth"]["State"]) for each in ordered]
            if found == list(states):
                return
            self.bench.clock.pass_time(timedelta(seconds=5))
            time.sleep(0.01)  # the probes are real requests
        raise AssertionError(found)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudBench]:
    with cloud(tmp_path_factory.mktemp("cloud")) as bench:
        yield bench


@pytest.fixture(scope="module")
def balanced(bench: CloudBench) -> Balanced:
    return Balanced(bench)


@pytest.fixture
def sites() -> Iterator[list[Site]]:
    found = [Site(f"127.78.0.{number}") for number in (1, 2)]
    yield found
    for site in found:
        site.close()


def test_targets_become_healthy_fall_ill_and_leave(bench: CloudBench, balanced: Balanced, sites: list[Site]) -> None:
    for site in sites:
        site.status = 503  # once is not enough to be unhealthy
    arn = balanced.group("web", *sites)
    check = bench.check("load_balancer: {target_group: web}")
    begun = bench.measure(check)
    assert begun is not None
    assert (begun.outcome, begun.is_open, begun.reason) == (
        Verdict.INCONCLUSIVE,
        True,
        "0 of 2 targets of web (us-east-1) are healthy, 100% needed, and 2 are not known yet",
    )
    for site in sites:
        site.status = 200
    balanced.until(arn, "healthy", "healthy")
    healthy = bench.sample(check)
    assert (healthy.outcome, healthy.value, healthy.reason) == (
        Verdict.PASSED,
        1.0,
        "2 of 2 targets of web (us-east-1) are healthy, 100% needed",
    )
    assert healthy.query.startswith(f"aws elbv2 describe-target-health --region {REGION} --target-group-arn $(aws ")
    assert bench.measured(f"load_balancer: {{target_group: '{arn}', healthy: 2}}")[0] is Verdict.PASSED

    sites[1].status = 502
    balanced.until(arn, "healthy", "unhealthy")
    ill = bench.sample(check)
    assert (ill.outcome, ill.value) == (Verdict.FAILED, 0.5)
    assert f"1 of 2 targets of web (us-east-1) are healthy, 100% needed: {sites[1].target['Id']}:" in ill.reason
    assert "unhealthy: Health checks failed with these codes: [502]" in ill.reason
    assert bench.measured("load_balancer: {target_group: web, healthy: 50%}")[0] is Verdict.PASSED

    balanced.elb.deregister_targets(TargetGroupArn=arn, Targets=[sites[1].target])
    told = bench.measured("load_balancer: {target_group: web}")
    assert told == (Verdict.PASSED, "1 of 1 targets of web (us-east-1) are healthy, 100% needed")


class TestContract(CheckContract):
    kind = CheckKind.LOAD_BALANCER

    @pytest.fixture
    def checker(self, bench: CloudBench) -> Checker:
        return bench.process()("load_balancer")

    @pytest.fixture
    def passing(self, balanced: Balanced, sites: list[Site]) -> Case:
        name = f"contract-{next(_NUMBERS)}"
        balanced.until(balanced.group(name, *sites), "healthy", "healthy")
        return Case({"target_group": name, "healthy": "100%", "tolerate": []}, context())

    @pytest.fixture
    def failing(self, passing: Case) -> Case:
        return Case({**passing.spec, "healthy": "3"}, context())

    @pytest.fixture
    def unaskable(self, passing: Case) -> Case:
        return Case({**passing.spec, "target_group": "nowhere"}, context())


def test_a_group_that_no_listener_leads_to_is_not_healthy(
    bench: CloudBench, balanced: Balanced, sites: list[Site]
) -> None:
    balanced.group("idle", *sites, is_used=False)
    verdict, reason = bench.measured("load_balancer: {target_group: idle, healthy: 1}")
    assert (verdict, "is unused: " in reason) == (Verdict.FAILED, True)


def test_what_cannot_be_asked_is_an_error(bench: CloudBench, balanced: Balanced) -> None:
    balanced.group("empty")
    assert bench.measured("load_balancer: {target_group: empty}") == (
        Verdict.ERROR,
        "empty (us-east-1) has no registered targets",
    )
    verdict, reason = bench.measured("load_balancer: {target_group: nowhere}")
    assert (verdict, "nowhere" in reason or "not found" in reason) == (Verdict.ERROR, True)
    group, _ = bench.group()
    assert bench.measured("load_balancer: {}", group=group) == (
        Verdict.ERROR,
        f"shop/{group} has no target group in us-east-1: write the check's `target_group`",
    )


def test_a_process_that_takes_over_asks_again(bench: CloudBench, balanced: Balanced, sites: list[Site]) -> None:
    arn = balanced.group("resumed", *sites)
    check = bench.check("load_balancer: {target_group: resumed}")
    balanced.until(arn, "healthy", "healthy")
    one = bench.measure(check, checker=bench.process()("load_balancer"), sample="p-1/1")
    other = bench.measure(check, checker=bench.process()("load_balancer"), sample="p-1/1")
    assert one is not None
    assert other is not None
    assert (one.outcome, one.seen) == (other.outcome, other.seen)


def test_targets_are_as_healthy_as_their_machines_and_the_load_balancer_say(
    bench: CloudBench, balanced: Balanced
) -> None:
    arn = balanced.elb.create_target_group(
        Name="machines", Protocol="HTTP", Port=80, VpcId=balanced.vpc, TargetType="instance"
    )["TargetGroups"][0]["TargetGroupArn"]
    empty, _ = bench.group()
    nobody = bench.measured("targets: {}", group=empty)
    assert nobody == (Verdict.ERROR, f"shop/{empty} has no running instances")
    alone, ids = bench.group(2)
    assert bench.measured("targets: {}", group=alone) == (Verdict.PASSED, "2 of 2 targets are healthy")
    behind = {"targetGroupInfoList": [{"name": "machines"}]}
    style = {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
    group, _ = bench.group(loadBalancerInfo=behind, deploymentStyle=style)
    bench.client("ec2").create_tags(Resources=ids, Tags=[{"Key": "serves", "Value": group}])
    balanced.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": ids[0]}])
    assert bench.measured("targets: {}", group=group) == (
        Verdict.FAILED,
        f"{ids[0]} (us-east-1) is unused in machines; {ids[1]} (us-east-1) is not registered in machines",
    )
    of_group = bench.measured("load_balancer: {}", group=group)
    assert (of_group[0], "0 of 1 targets of machines (us-east-1)" in of_group[1]) == (Verdict.FAILED, True)


def test_targets_that_are_registered_by_address_are_asked_for_too(bench: CloudBench, balanced: Balanced) -> None:
    arn = balanced.group("by-address")
    _, ids = bench.group(2)
    style = {"deploymentType": "IN_PLACE", "deploymentOption": "WITH_TRAFFIC_CONTROL"}
    group, _ = bench.group(loadBalancerInfo={"targetGroupInfoList": [{"name": "by-address"}]}, deploymentStyle=style)
    ec2 = bench.client("ec2")
    ec2.create_tags(Resources=ids, Tags=[{"Key": "serves", "Value": group}])
    first = ec2.describe_instances(InstanceIds=ids[:1])["Reservations"][0]["Instances"][0]["PrivateIpAddress"]
    balanced.elb.register_targets(TargetGroupArn=arn, Targets=[{"Id": first}])
    assert bench.measured("targets: {}", group=group) == (
        Verdict.FAILED,
        f"{ids[0]} (us-east-1) is initial in by-address; {ids[1]} (us-east-1) is not registered in by-address",
    )


def judged(states: dict[str, int], healthy: str = "100%") -> tuple[Verdict, bool]:
    spec = {"healthy": healthy, "tolerate": ["initial", "draining"]}
    group = {"name": "web", "region": REGION, "states": states, "sick": []}
    found = assess(Check("web", "", "load_balancer", spec), {"groups": [group]})
    return found.outcome, found.is_open


@pytest.mark.parametrize(
    ("states", "healthy", "verdict"),
    [
        ({"healthy": 3, "unhealthy": 1}, "75%", Verdict.PASSED),
        ({"healthy": 2, "unhealthy": 1}, "75%", Verdict.FAILED),
        ({"healthy": 2, "initial": 1}, "75%", Verdict.INCONCLUSIVE),
        ({"healthy": 3, "initial": 1}, "75%", Verdict.PASSED),
        ({"healthy": 1, "draining": 3}, "100%", Verdict.PASSED),
        ({"draining": 3}, "100%", Verdict.FAILED),
        ({"healthy": 3, "unhealthy.draining": 1}, "100%", Verdict.FAILED),
        ({"healthy": 1, "initial": 1, "unhealthy": 2}, "3", Verdict.FAILED),
        ({"healthy": 1, "initial": 2}, "3", Verdict.INCONCLUSIVE),
        ({"healthy": 9, "unused": 1}, "100%", Verdict.FAILED),
        ({"healthy": 9, "unavailable": 1}, "100%", Verdict.FAILED),
        ({}, "1", Verdict.ERROR),
    ],
)
def test_states_are_counted_as_the_limits_say(states: dict[str, int], healthy: str, verdict: Verdict) -> None:
    assert judged(states, healthy) == (verdict, verdict is Verdict.INCONCLUSIVE)


def test_every_reason_that_the_load_balancer_gives_has_words(bench: CloudBench) -> None:
    shape = bench.client("elbv2").meta.service_model.shape_for("TargetHealthReasonEnum")
    assert set(WORDS) == set(shape.enum)


def test_targets_are_judged_again_from_what_was_kept(bench: CloudBench) -> None:
    group, _ = bench.group(1)
    check = bench.check("targets: {}")
    found = bench.sample(check, group=group)
    replayed(check, found)
    seen = {"group": "g", "asked": 30, "sick": [{"id": f"i-{n}", "region": REGION, "why": "x"} for n in range(20)]}
    many = assess(check, {**seen, "more": 5})
    assert (many.outcome, many.value) == (Verdict.FAILED, 5.0)
    assert many.reason.endswith("; and 20 more")
