"""Load balancers take real requests, forward them to real targets, probe those and count what they see."""

from __future__ import annotations

import http.client
import itertools
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from signals_bench import client, until

from deliverkit.sandbox.balancing.health import Probe, TargetState, is_wanted
from deliverkit.sandbox.balancing.routing import Request, Turns, action_for
from deliverkit.sandbox.moto_balancing import Group, Rule
from deliverkit.sandbox.server import Sandbox

ADDRESSES = (f"127.77.0.{number}" for number in itertools.count(1))


# --- rules, turns and health, pure -------------------------------------------------------------------


def request(path: str = "/", host: str = "shop.example", method: str = "GET", query: str = "") -> Request:
    return Request(method, path, query, {"host": host, "x-canary": "Yes"}, "127.0.0.1")


@pytest.mark.parametrize(
    ("condition", "wanted", "other"),
    [
        ({"Field": "path-pattern", "Values": ["/img/*"]}, request("/img/a.png"), request("/Img/a.png")),
        ({"Field": "path-pattern", "PathPatternConfig": {"Values": ["/?"]}}, request("/a"), request("/ab")),
        ({"Field": "host-header", "Values": ["*.Example"]}, request(host="shop.EXAMPLE:80"), request(host="example")),
        (
            {"Field": "http-request-method", "HttpRequestMethodConfig": {"Values": ["POST"]}},
            request(method="POST"),
            request(),
        ),
        (
            {"Field": "query-string", "QueryStringConfig": {"Values": [{"Key": "v", "Value": "2*"}]}},
            request(query="a=1&V=25"),
            request(query="w=25"),
        ),
        (
            {"Field": "source-ip", "SourceIpConfig": {"Values": ["127.0.0.0/8"]}},
            request(),
            Request("GET", "/", "", {}, "10.0.0.1"),
        ),
        (
            {"Field": "http-header", "HttpHeaderConfig": {"HttpHeaderName": "X-Canary", "Values": ["y*"]}},
            request(),
            Request("GET", "/", "", {}, "127.0.0.1"),
        ),
    ],
)
def test_conditions(condition: dict[str, Any], wanted: Request, other: Request) -> None:
    rules = [Rule([condition], [{"Type": "forward"}]), Rule([], [{"Type": "fixed-response"}])]
    assert action_for(rules, wanted) == {"Type": "forward"}
    assert action_for(rules, other) == {"Type": "fixed-response"}


@given(st.dictionaries(st.sampled_from("abc"), st.integers(0, 9), min_size=1))
def test_turns_are_exact_after_every_round(weights: dict[str, int]) -> None:
    turns, total = Turns(), sum(weights.values())
    taken = Counter(turns.take("listener", weights) for _ in range(total))
    assert taken == Counter({name: weight for name, weight in weights.items() if weight})
    if not total:
        assert turns.take("listener", weights) is None


def test_health_follows_the_thresholds() -> None:
    checks = {"interval": 30, "timeout": 5, "healthy": 3, "unhealthy": 2, "delay": 300}
    group = Group("arn", "ip", {}, "/", "200-299,302", None, "HTTP", **checks, is_used=True)
    bad = Probe(False, "Target.Timeout", "Request timed out")
    state, seen = TargetState(), []
    for one in (bad, Probe(True), bad, bad, Probe(True), Probe(True), Probe(True)):
        state.take(one, group)
        seen.append(state.health[0])
    assert seen == ["initial", "healthy", "healthy", "unhealthy", "unhealthy", "unhealthy", "healthy"]
    assert [is_wanted(code, group.codes) for code in (200, 250, 302, 301, 503)] == [True, True, True, False, False]


# --- over HTTP -------------------------------------------------------------------------------------


@pytest.fixture
def sandbox(tmp_path: Path) -> Iterator[Sandbox]:
    running = Sandbox(tmp_path / "sandbox")
    running.start()
    yield running
    running.stop()


class Site:
    """A real web server that tests can make ill."""

    def __init__(self, name: str, address: str = "") -> None:
        self.status = 200
        self.seen: list[str] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.seen.append(self.headers.get("X-Forwarded-For", "probe"))
                self.send_response(site.status)
                body = name.encode()
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self.address = address or next(ADDRESSES)
        self.server = ThreadingHTTPServer((self.address, 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@contextmanager
def sites(*names: str) -> Iterator[list[Site]]:
    found = [Site(name) for name in names]
    try:
        yield found
    finally:
        for site in found:
            site.close()


class Shop:
    """A load balancer with target groups of sites."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.elb, ec2 = client(sandbox, "elbv2"), client(sandbox, "ec2")
        self.vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        blocks = (("10.0.1.0/24", "us-east-1a"), ("10.0.2.0/24", "us-east-1b"))
        made = [ec2.create_subnet(VpcId=self.vpc, CidrBlock=block, AvailabilityZone=zone) for block, zone in blocks]
        subnets = [one["Subnet"]["SubnetId"] for one in made]
        self.balancer = self.elb.create_load_balancer(Name="shop", Subnets=subnets)["LoadBalancers"][0][
            "LoadBalancerArn"
        ]

    def group(self, name: str, *members: Site, kind: str = "ip") -> str:
        arn = self.elb.create_target_group(
            Name=name,
            Protocol="HTTP",
            Port=80,
            VpcId=self.vpc,
            TargetType=kind,
            HealthCheckIntervalSeconds=5,
            HealthyThresholdCount=2,
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        if members:
            self.elb.register_targets(
                TargetGroupArn=arn, Targets=[{"Id": site.address, "Port": site.port} for site in members]
            )
        return str(arn)

    def listen(self, **action: Any) -> str:
        answer = self.elb.create_listener(
            LoadBalancerArn=self.balancer, Protocol="HTTP", Port=18080, DefaultActions=[action]
        )
        arn = answer["Listeners"][0]["ListenerArn"]
        (told,) = self.sandbox.control.answer("GET", "balancers", {})["balancers"]
        assert told["listenerArn"] == arn
        self.url = urlsplit(told["url"])
        return str(arn)

    def get(self, path: str = "/") -> tuple[int, str]:
        connection = http.client.HTTPConnection(str(self.url.hostname), self.url.port, timeout=10)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read().decode()
        connection.close()
        return answer.status, body

    def health(self, group: str) -> dict[str, tuple[str, str | None]]:
        told = self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return {one["Target"]["Id"]: (one["TargetHealth"]["State"], one["TargetHealth"].get("Reason")) for one in told}

    def pass_time(self, seconds: float) -> None:
        self.sandbox.world.clock.advance(timedelta(seconds=seconds))
        assert self.sandbox.world.timers.settle(10)

    def sum_of(self, namespace: str, name: str, **dimensions: str) -> float:
        now = self.sandbox.world.clock.now()
        stat = {
            "Metric": {
                "Namespace": namespace,
                "MetricName": name,
                "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()],
            },
            "Period": 60,
            "Stat": "Sum",
        }
        answer = client(self.sandbox, "cloudwatch").get_metric_data(
            MetricDataQueries=[{"Id": "m", "MetricStat": stat}], StartTime=now - timedelta(hours=1), EndTime=now
        )
        return float(sum(answer["MetricDataResults"][0]["Values"]))


def test_requests_go_round_and_the_dns_name_leads_there(sandbox: Sandbox) -> None:
    with sites("one", "two") as members:
        shop = Shop(sandbox)
        group = shop.group("all", *members)
        shop.listen(Type="forward", TargetGroupArn=group)
        shown = shop.elb.describe_load_balancers()["LoadBalancers"][0]
        assert shown["DNSName"] == shop.url.hostname
        until(lambda: {state for state, _ in shop.health(group).values()} == {"healthy"})
        seen = Counter(shop.get() for _ in range(10))
        assert seen == {(200, "one"): 5, (200, "two"): 5}
        assert "127." in members[0].seen[-1]


def test_weights_and_rules_decide(sandbox: Sandbox) -> None:
    with sites("old", "new") as (old, new):
        shop = Shop(sandbox)
        first, second = shop.group("old", old), shop.group("new", new)
        shares = [{"TargetGroupArn": first, "Weight": 3}, {"TargetGroupArn": second, "Weight": 1}]
        listener = shop.listen(Type="forward", ForwardConfig={"TargetGroups": shares})
        shop.elb.create_rule(
            ListenerArn=listener,
            Priority=5,
            Conditions=[{"Field": "path-pattern", "Values": ["/new/*"]}],
            Actions=[{"Type": "forward", "TargetGroupArn": second}],
        )
        fixed = {"StatusCode": "404", "MessageBody": "nothing here", "ContentType": "text/plain"}
        shop.elb.create_rule(
            ListenerArn=listener,
            Priority=1,
            Conditions=[{"Field": "path-pattern", "Values": ["/new/secret"]}],
            Actions=[{"Type": "fixed-response", "FixedResponseConfig": fixed}],
        )
        assert Counter(body for _, body in (shop.get() for _ in range(8))) == {"old": 6, "new": 2}
        assert shop.get("/new/a") == (200, "new")
        assert shop.get("/new/secret") == (404, "nothing here")


def test_an_ill_target_gets_no_requests_until_it_is_well(sandbox: Sandbox) -> None:
    with sites("one", "two") as (one, two):
        shop = Shop(sandbox)
        group = shop.group("all", one, two)
        shop.listen(Type="forward", TargetGroupArn=group)
        until(lambda: {state for state, _ in shop.health(group).values()} == {"healthy"})
        two.status = 503

        def state() -> tuple[str, str | None]:
            shop.pass_time(5)
            return shop.health(group)[two.address]

        until(lambda: state() == ("unhealthy", "Target.ResponseCodeMismatch"))
        assert {shop.get() for _ in range(6)} == {(200, "one")}
        two.status = 200
        until(lambda: state() == ("healthy", None))
        assert {body for _, body in (shop.get() for _ in range(4))} == {"one", "two"}


def test_a_target_that_nobody_serves_is_unhealthy_and_a_deregistered_one_drains(sandbox: Sandbox) -> None:
    with sites("one") as (one,):
        shop = Shop(sandbox)
        group = shop.group("all")
        shop.listen(Type="forward", TargetGroupArn=group)
        assert shop.get()[0] == 503
        shop.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": one.address, "Port": one.port}])
        until(lambda: shop.health(group)[one.address][0] == "healthy")
        shop.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": one.address}])
        told = shop.elb.describe_target_health(TargetGroupArn=group, Targets=[{"Id": one.address}])
        assert told["TargetHealthDescriptions"][0]["TargetHealth"]["State"] == "draining"
        assert shop.get()[0] == 503
        shop.pass_time(301)
        told = shop.elb.describe_target_health(TargetGroupArn=group, Targets=[{"Id": one.address}])
        assert told["TargetHealthDescriptions"][0]["TargetHealth"]["State"] == "unused"
        one.close()
        shop.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": one.address, "Port": one.port}])

        def state() -> tuple[str, str | None]:
            shop.pass_time(5)
            return shop.health(group)[one.address]

        until(lambda: state() == ("unhealthy", "Target.FailedHealthChecks"))
        assert shop.get()[0] == 502


def test_errors_become_metrics_and_raise_an_alarm(sandbox: Sandbox) -> None:
    with sites("one") as (one,):
        shop = Shop(sandbox)
        group = shop.group("all", one)
        shop.listen(Type="forward", TargetGroupArn=group)
        until(lambda: shop.health(group)[one.address][0] == "healthy")
        balancer, named = shop.balancer.partition("loadbalancer/")[2], group.rpartition(":")[2]
        client(sandbox, "cloudwatch").put_metric_alarm(
            AlarmName="errors",
            Namespace="AWS/ApplicationELB",
            MetricName="HTTPCode_Target_5XX_Count",
            Dimensions=[{"Name": "LoadBalancer", "Value": balancer}, {"Name": "TargetGroup", "Value": named}],
            Statistic="Sum",
            Period=60,
            EvaluationPeriods=1,
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
        assert [shop.get()[0] for _ in range(3)] == [200] * 3
        one.status = 500
        assert [shop.get()[0] for _ in range(2)] == [500] * 2
        shop.pass_time(61)
        until(lambda: shop.sum_of("AWS/ApplicationELB", "RequestCount", LoadBalancer=balancer) == 5)
        both = {"LoadBalancer": balancer, "TargetGroup": named}
        assert shop.sum_of("AWS/ApplicationELB", "HTTPCode_Target_2XX_Count", **both) == 3
        assert shop.sum_of("AWS/ApplicationELB", "HTTPCode_Target_5XX_Count", **both) == 2
        assert shop.sum_of("AWS/ApplicationELB", "TargetResponseTime", **both) > 0
        alarms = client(sandbox, "cloudwatch")
        until(lambda: alarms.describe_alarms(AlarmNames=["errors"])["MetricAlarms"][0]["StateValue"] == "ALARM")
        shop.pass_time(61)
        counts = ("HealthyHostCount", "UnHealthyHostCount")
        until(lambda: sum(shop.sum_of("AWS/ApplicationELB", name, **both) for name in counts) >= 1)


def test_requests_without_a_target_are_counted_as_the_balancers_own(sandbox: Sandbox) -> None:
    shop, metrics = Shop(sandbox), "AWS/ApplicationELB"
    group = shop.group("lonely")
    shop.listen(Type="forward", TargetGroupArn=group)
    balancer = shop.balancer.partition("loadbalancer/")[2]
    assert [shop.get()[0] for _ in range(2)] == [503] * 2
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    shop.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "127.0.0.1", "Port": port}])
    assert shop.get()[0] == 502
    shop.pass_time(61)
    until(lambda: shop.sum_of(metrics, "HTTPCode_ELB_5XX_Count", LoadBalancer=balancer) == 3)
    assert shop.sum_of(metrics, "HTTPCode_ELB_503_Count", LoadBalancer=balancer) == 2
    assert shop.sum_of(metrics, "HTTPCode_ELB_502_Count", LoadBalancer=balancer) == 1
    assert shop.sum_of(metrics, "RequestCount", LoadBalancer=balancer) == 1
    assert shop.sum_of(metrics, "TargetConnectionErrorCount", LoadBalancer=balancer) == 1
    assert shop.sum_of(metrics, "RequestCountPerTarget", TargetGroup=group.rpartition(":")[2]) == 1


def test_instances_are_reached_at_their_address_and_have_metrics_of_their_own(sandbox: Sandbox) -> None:
    ec2 = client(sandbox, "ec2")
    launched = ec2.run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)["Instances"][0]["InstanceId"]

    def address() -> str:
        told = ec2.describe_instances(InstanceIds=[launched])["Reservations"][0]["Instances"][0]
        return str(told["PrivateIpAddress"])

    site = Site("instance", until(address, lambda found: found.startswith("127.")))
    try:
        shop = Shop(sandbox)
        group = shop.group("all", kind="instance")
        shop.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": launched, "Port": site.port}])
        shop.listen(Type="forward", TargetGroupArn=group)
        until(lambda: shop.health(group)[launched][0] == "healthy")
        site.status = 502
        assert [shop.get() for _ in range(4)] == [(502, "instance")] * 4
        shop.pass_time(61)
        until(lambda: shop.sum_of("Sandbox/Instances", "RequestCount", InstanceId=launched) == 4)
        assert shop.sum_of("Sandbox/Instances", "5xx", InstanceId=launched) == 4
    finally:
        site.close()


def test_a_function_as_target_is_not_built_and_breaks_nothing(sandbox: Sandbox) -> None:
    shop = Shop(sandbox)
    made = shop.elb.create_target_group(Name="function", TargetType="lambda")["TargetGroups"][0]["TargetGroupArn"]
    function = "arn:aws:lambda:us-east-1:123456789012:function:shop"
    shop.elb.register_targets(TargetGroupArn=made, Targets=[{"Id": function}])
    shop.listen(Type="forward", TargetGroupArn=made)
    assert set(shop.health(made)) == {function}
    assert shop.get()[0] == 502


def test_a_group_that_no_balancer_uses_says_so(sandbox: Sandbox) -> None:
    with sites("one") as (one,):
        shop = Shop(sandbox)
        group = shop.group("spare", one)
        assert shop.health(group) == {one.address: ("unused", "Target.NotInUse")}
        shop.listen(Type="forward", TargetGroupArn=group)
        until(lambda: shop.health(group)[one.address][0] == "healthy")


def test_a_deleted_listener_is_served_no_more(sandbox: Sandbox) -> None:
    shop = Shop(sandbox)
    fixed = {"StatusCode": "200", "MessageBody": "hello", "ContentType": "text/plain"}
    listener = shop.listen(Type="fixed-response", FixedResponseConfig=fixed)
    assert shop.get() == (200, "hello")
    shop.elb.delete_listener(ListenerArn=listener)

    def is_gone() -> bool:
        try:
            shop.get()
        except OSError:
            return True
        return False

    until(is_gone)
    assert sandbox.control.answer("GET", "balancers", {}) == {"balancers": []}
