"""Faults strike what they name, when they should, the same way each time, and real clients see what AWS would send."""

from __future__ import annotations

import http.client
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError
from codedeploy_calls import wait_for
from codedeploy_fleet import Fleet
from codepipeline_fixtures import whole_rig
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverkit.sandbox.faults.kinds import KINDS
from deliverkit.sandbox.faults.settings import SettingType
from deliverkit.sandbox.server import Sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    running = Sandbox(Path(tmp_path_factory.mktemp("sandbox")))
    running.start()
    client(running, "codedeploy").create_application(applicationName="shop")
    client(running, "s3").create_bucket(Bucket="bucket")
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def fair_weather(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.world.clock.set_speed(1)
    ask(sandbox, "faults/clear", {})


def client(sandbox: Sandbox, service: str, region: str = "us-east-1", key: str = "test", attempts: int = 1) -> Any:
    return boto3.client(
        service,
        endpoint_url=sandbox.endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": attempts, "mode": "standard"}, read_timeout=10),
    )


def ask(sandbox: Sandbox, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(f"{sandbox.endpoint}/_sandbox/{path}", data, timeout=20) as answer:
        return json.loads(answer.read())


def add(sandbox: Sandbox, kind: str, seed: int = 0, **values: Any) -> Any:
    described = {"kind": kind, **{name.rstrip("_"): value for name, value in values.items()}}
    return ask(sandbox, "faults", {"seed": seed, "faults": [described]})["faults"][0]


def strikes(sandbox: Sandbox, fault: Any) -> int:
    return next(int(each["strikes"]) for each in ask(sandbox, "faults")["faults"] if each["id"] == fault["id"])


def error_of(call: Any, **params: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(**params)
    response = caught.value.response
    return response["Error"]["Code"], response["Error"]["Message"], response["ResponseMetadata"]["HTTPStatusCode"]


# --- how each service words it ---------------------------------------------------------------------


def test_every_service_throttles_in_its_own_words(sandbox: Sandbox) -> None:
    add(sandbox, "throttling")
    s3 = client(sandbox, "s3")
    assert error_of(s3.list_buckets) == ("SlowDown", "Please reduce your request rate.", 503)
    rate = "Rate exceeded"
    assert error_of(client(sandbox, "codedeploy").list_applications) == ("ThrottlingException", rate, 400)
    assert error_of(client(sandbox, "codepipeline").list_pipelines) == ("ThrottlingException", rate, 400)
    assert error_of(client(sandbox, "iam").list_users) == ("Throttling", rate, 400)
    assert error_of(client(sandbox, "ec2").describe_instances)[::2] == ("RequestLimitExceeded", 503)
    assert error_of(client(sandbox, "lambda").list_functions)[::2] == ("TooManyRequestsException", 429)
    assert error_of(client(sandbox, "dynamodb").list_tables)[0] == "ProvisionedThroughputExceededException"
    with pytest.raises(ClientError, match="503"):  # an answer to HEAD has no body to tell more
        s3.head_object(Bucket="bucket", Key="key")


def test_credentials_expire_in_each_services_words(sandbox: Sandbox) -> None:
    add(sandbox, "expired-credentials")
    text = "The security token included in the request is expired"
    assert error_of(client(sandbox, "codedeploy").list_applications) == ("ExpiredTokenException", text, 403)
    assert error_of(client(sandbox, "sts").get_caller_identity) == ("ExpiredToken", text, 403)
    assert error_of(client(sandbox, "s3").list_buckets)[0] == "ExpiredToken"
    assert error_of(client(sandbox, "ec2").describe_instances)[0] == "RequestExpired"


@pytest.mark.parametrize("status", ["500", "503"])
def test_services_fail_with_an_error_of_their_own(sandbox: Sandbox, status: str) -> None:
    add(sandbox, "server-error", status=status)
    code = {"500": "InternalFailure", "503": "ServiceUnavailable"}[status]
    assert error_of(client(sandbox, "codedeploy").list_applications)[::2] == (code, int(status))
    assert error_of(client(sandbox, "s3").list_buckets)[2] == int(status)


# --- when it strikes -------------------------------------------------------------------------------


def test_a_client_that_retries_gets_through(sandbox: Sandbox) -> None:
    fault = add(sandbox, "throttling", service="codedeploy", count=2)
    answer = client(sandbox, "codedeploy", attempts=4).list_applications()
    assert answer["ResponseMetadata"]["RetryAttempts"] == 2
    assert strikes(sandbox, fault) == 2


@pytest.mark.parametrize(
    "values",
    [
        {"service": "code*", "operation": "List*", "region": "us-*", "account": "1234*"},
        {"service": "codedeploy"},
        {"operation": "ListApplications"},
        {"region": "us-east-1"},
    ],
)
def test_it_strikes_what_it_names(sandbox: Sandbox, values: Any) -> None:
    fault = add(sandbox, "throttling", **values)
    assert error_of(client(sandbox, "codedeploy").list_applications)[0] == "ThrottlingException"
    assert strikes(sandbox, fault) == 1


@pytest.mark.parametrize(
    "values",
    [
        {"service": "codepipeline"},
        {"operation": "Get*"},
        {"region": "eu-*"},
        {"account": "999999999999"},
        {"after": 3600},
        {"probability": 0},
    ],
)
def test_it_strikes_nothing_else(sandbox: Sandbox, values: Any) -> None:
    fault = add(sandbox, "throttling", **values)
    client(sandbox, "codedeploy").list_applications()
    assert strikes(sandbox, fault) == 0


def test_it_begins_and_ends_in_virtual_time(sandbox: Sandbox) -> None:
    sandbox.world.clock.set_speed(0)
    add(sandbox, "throttling", service="codedeploy", after=600, for_=600)
    codedeploy = client(sandbox, "codedeploy")
    states = []
    for _ in range(3):
        states.append(ask(sandbox, "faults")["faults"][0]["state"])
        if states[-1] == "active":
            error_of(codedeploy.list_applications)
        else:
            codedeploy.list_applications()
        ask(sandbox, "clock", {"advance_seconds": 601})
    assert states == ["waiting", "active", "over"]


def test_one_seed_strikes_the_same_requests_and_others_do_not_matter(sandbox: Sandbox) -> None:
    codedeploy, s3 = client(sandbox, "codedeploy"), client(sandbox, "s3")

    def pattern(seed: int, *, noise: bool) -> list[bool]:
        add(sandbox, "throttling", seed, service="codedeploy", probability=0.5)
        seen = []
        for _ in range(24):
            if noise:
                s3.list_buckets()
            try:
                codedeploy.list_applications()
                seen.append(False)
            except ClientError:
                seen.append(True)
        ask(sandbox, "faults/clear", {})
        return seen

    assert pattern(7, noise=False) == pattern(7, noise=True) != pattern(8, noise=False)


def test_a_cleared_fault_is_gone_and_an_unknown_one_is_told(sandbox: Sandbox) -> None:
    one, two = add(sandbox, "throttling", region="eu-*"), add(sandbox, "latency", delay=0.1)
    assert [each["id"] for each in ask(sandbox, "faults/clear", {"id": one["id"]})["faults"]] == [one["id"]]
    assert [each["id"] for each in ask(sandbox, "faults")["faults"]] == [two["id"]]
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(sandbox, "faults/clear", {"id": one["id"]})
    assert caught.value.code == 404


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"faults": [{"kind": "flood"}]}, "no kind of fault; known are throttling"),
        ({"faults": [{"kind": {"kind": "throttling"}}]}, "no kind of fault"),
        ({"faults": [{"kind": "latency"}]}, "latency: delay is missing"),
        ({"faults": [{"kind": "throttling", "proability": 1}]}, "unknown setting 'proability'"),
        ({"faults": [{"kind": "throttling", "probability": 1.5}]}, "a number from 0 to 1"),
        ({"faults": [{"kind": "throttling", "count": 0}]}, "a whole number above 0"),
        ({"faults": [{"kind": "server-error", "status": "404"}]}, "one of 500, 503"),
        ({"faults": [{"kind": "throttling"}, {"kind": "flood"}]}, "flood"),
        ({"faults": []}, "with one at least"),
        ({"faults": ["throttling"]}, "list of mappings"),
        ({"seed": "x", "faults": [{"kind": "throttling"}]}, "seed"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_and_none_is_added(sandbox: Sandbox, body: Any, told: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        ask(sandbox, "faults", body)
    assert caught.value.code == 400
    assert told in json.loads(caught.value.read())["message"]
    assert ask(sandbox, "faults")["faults"] == []


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted({each.name for kind in KINDS.values() for each in kind.settings} | {"kind"})),
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.integers() | st.text(max_size=5) | st.just([]),
    ),
    st.sampled_from(sorted(KINDS)),
)
def test_no_description_breaks_the_sandbox(sandbox: Sandbox, described: Any, kind: str) -> None:
    try:
        code = len(ask(sandbox, "faults", {"faults": [{**described, "kind": kind, "after": 3600}]})["faults"])
    except urllib.error.HTTPError as error:
        code = error.code
    assert code in {1, 400}
    ask(sandbox, "faults/clear", {})


def test_every_kind_explains_itself() -> None:
    for kind in KINDS.values():
        assert kind.meaning.endswith(".")
        assert (kind.interfere is None) != (kind.begin is None)
        for setting in kind.settings:
            assert setting.meaning
            assert (setting.type is SettingType.CHOICE) == bool(setting.choices)


# --- what it does ----------------------------------------------------------------------------------


def test_latency_delays_and_then_answers(sandbox: Sandbox) -> None:
    add(sandbox, "latency", delay=0.3, service="codedeploy")
    began = time.monotonic()
    assert client(sandbox, "codedeploy").list_applications()["applications"] == ["shop"]
    assert time.monotonic() - began >= 0.3


def test_a_connection_is_reset_before_or_after_the_request_took_effect(sandbox: Sandbox) -> None:
    codedeploy = client(sandbox, "codedeploy")
    add(sandbox, "connection-reset", operation="CreateApplication")
    with pytest.raises(ConnectionClosedError):
        codedeploy.create_application(applicationName="never")
    ask(sandbox, "faults/clear", {})
    add(sandbox, "connection-reset", operation="CreateApplication", executed=True)
    with pytest.raises(ConnectionClosedError):
        codedeploy.create_application(applicationName="unheard")
    assert "never" not in codedeploy.list_applications()["applications"]
    assert "unheard" in codedeploy.list_applications()["applications"]


def test_a_reset_is_a_reset_on_the_wire(sandbox: Sandbox) -> None:
    add(sandbox, "connection-reset")
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
    scope = "AWS4-HMAC-SHA256 Credential=test/20260105/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=0"
    connection.request("GET", "/", headers={"Authorization": scope})
    with pytest.raises(ConnectionResetError):
        connection.getresponse()
    connection.close()


@pytest.mark.parametrize("how", ["reset", "unavailable"])
def test_a_lost_region_answers_nobody_and_the_others_go_on(sandbox: Sandbox, how: str) -> None:
    add(sandbox, "lost-region", region="eu-west-1", how=how)
    for service, call in (("codedeploy", "list_applications"), ("ec2", "describe_instances"), ("sqs", "list_queues")):
        with pytest.raises((ConnectionClosedError, ClientError)):
            getattr(client(sandbox, service, "eu-west-1"), call)()
        getattr(client(sandbox, service), call)()


def test_reads_are_stale_for_a_while_after_a_write(sandbox: Sandbox) -> None:
    sandbox.world.clock.set_speed(0)
    codedeploy = client(sandbox, "codedeploy")
    add(sandbox, "stale-reads", service="codedeploy", lag=30)
    before = codedeploy.list_applications()["applications"]
    codedeploy.create_application(applicationName="fresh")
    assert codedeploy.list_applications()["applications"] == before
    assert codedeploy.get_application(applicationName="fresh")  # nobody has asked that before, so nothing old is known
    ask(sandbox, "clock", {"advance_seconds": 31})
    assert codedeploy.list_applications()["applications"] == [*before, "fresh"]


def test_what_was_made_is_not_there_yet(sandbox: Sandbox) -> None:
    sandbox.world.clock.set_speed(0)
    codedeploy, name = client(sandbox, "codedeploy"), {"applicationName": "not-there-yet"}
    add(sandbox, "stale-reads", service="codedeploy", lag=30)
    missing = error_of(codedeploy.get_application, **name)
    assert missing[0] == "ApplicationDoesNotExistException"
    codedeploy.create_application(**name)
    assert error_of(codedeploy.get_application, **name) == missing
    ask(sandbox, "clock", {"advance_seconds": 31})
    assert codedeploy.get_application(**name)["application"]["applicationName"] == "not-there-yet"


def test_faults_add_up_in_their_order(sandbox: Sandbox) -> None:
    first = add(sandbox, "throttling", operation="ListApplications")
    second = add(sandbox, "server-error", operation="ListApplications")
    assert error_of(client(sandbox, "codedeploy").list_applications)[0] == "ThrottlingException"
    assert (strikes(sandbox, first), strikes(sandbox, second)) == (1, 1)


def test_the_sandbox_keeps_a_record_of_strikes(sandbox: Sandbox) -> None:
    fault = add(sandbox, "throttling", operation="ListUsers")
    error_of(client(sandbox, "iam").list_users)
    last = ask(sandbox, "faults/strikes")["strikes"][-1]
    assert (last["fault"], last["kind"], last["what"]) == (fault["id"], "throttling", "iam:ListUsers")


def test_faults_of_instances_choose_among_those_that_are_named(sandbox: Sandbox) -> None:
    ec2 = client(sandbox, "ec2")
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "deliverkit:agent", "Value": "none"}]}]
    made = ec2.run_instances(ImageId="ami-12345678", MinCount=6, MaxCount=6, TagSpecifications=tags)["Instances"]
    ids = [each["InstanceId"] for each in made]
    described = [{"kind": "full-disk", "number": 4, "for": 5}]
    fault = ask(sandbox, "faults", {"faults": described, "among": ids[4:]})["faults"][0]
    wait_for(lambda: strikes(sandbox, fault) == 2)
    struck = [each["what"] for each in ask(sandbox, "faults/strikes")["strikes"] if each["fault"] == fault["id"]]
    assert sorted(struck) == sorted(ids[4:])
    with pytest.raises(urllib.error.HTTPError, match="400"):
        ask(sandbox, "faults", {"faults": described, "among": "i-1"})
    ec2.terminate_instances(InstanceIds=ids)


def test_requests_at_once_are_all_answered(sandbox: Sandbox) -> None:
    add(sandbox, "throttling", probability=0.5, service="codedeploy")
    seen: list[str] = []

    def call() -> None:
        try:
            client(sandbox, "codedeploy").list_applications()
            seen.append("answered")
        except ClientError:
            seen.append("throttled")

    threads = [threading.Thread(target=call) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 12


# --- hosts and alarms ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with whole_rig(tmp_path_factory.mktemp("fleet")) as rig:
        yield Fleet(rig)


@pytest.fixture
def hosts(fleet: Fleet) -> Iterator[Fleet]:
    yield fleet
    ask(fleet.rig.sandbox, "faults/clear", {})


def test_a_full_disk_fails_the_download(hosts: Fleet) -> None:
    group = hosts.group(1)
    add(hosts.rig.sandbox, "full-disk", instance=f"serves={group}")
    failed = hosts.end(hosts.deploy(group, "exit 0"))
    assert failed["status"] == "Failed"
    (target,) = hosts.targets(failed["deploymentId"])
    event = hosts.events(failed["deploymentId"], target)["DownloadBundle"]
    assert "disk is (or was) full" in event["diagnostics"]["message"]
    ask(hosts.rig.sandbox, "faults/clear", {})
    assert hosts.end(hosts.deploy(group, "exit 0"))["status"] == "Succeeded"


def test_a_hook_hangs_until_the_fault_ends(hosts: Fleet) -> None:
    group = hosts.group(1)
    fault = add(hosts.rig.sandbox, "hanging-hook", instance=f"serves={group}", event="AfterInstall")
    deployment = hosts.deploy(group, "exit 0")
    wait_for(lambda: hosts.targets(deployment))
    (target,) = hosts.targets(deployment)
    wait_for(lambda: hosts.events(deployment, target)["AfterInstall"]["status"] == "InProgress")
    assert hosts.get(deployment)["status"] == "InProgress"
    ask(hosts.rig.sandbox, "faults/clear", {"id": fault["id"]})
    assert hosts.end(deployment)["status"] == "Succeeded"


def test_a_killed_instance_dies_with_its_processes_and_boots_again(hosts: Fleet, tmp_path: Path) -> None:
    group = hosts.group(1)
    beat = tmp_path / "beat"
    daemon = f"(while :; do date +%s%N > {beat}; sleep 0.05; done) >/dev/null 2>&1 </dev/null &"
    assert hosts.end(hosts.deploy(group, daemon))["status"] == "Succeeded"
    wait_for(beat.exists)
    fault = add(hosts.rig.sandbox, "killed-instance", instance=f"serves={group}")

    def is_silent() -> bool:
        was = beat.read_text()
        time.sleep(0.3)
        return beat.read_text() == was

    wait_for(is_silent)
    assert strikes(hosts.rig.sandbox, fault) == 1
    states = hosts.ec2.describe_instances(Filters=[{"Name": "tag:serves", "Values": [group]}])
    assert states["Reservations"][0]["Instances"][0]["State"]["Name"] == "running"
    ask(hosts.rig.sandbox, "faults/clear", {})
    assert hosts.end(hosts.deploy(group, "exit 0"))["status"] == "Succeeded"


@pytest.mark.parametrize("kind", ["throttling", "connection-reset", "server-error"])
def test_an_agent_tries_again_as_its_sdk_does_and_then_gives_up(hosts: Fleet, kind: str) -> None:
    group = hosts.group(1)
    assert hosts.end(hosts.deploy(group, "exit 0"))["status"] == "Succeeded"
    fault = add(hosts.rig.sandbox, kind, service="s3", operation="GetObject", count=3)
    assert hosts.end(hosts.deploy(group, "exit 0"))["status"] == "Succeeded"
    assert strikes(hosts.rig.sandbox, fault) == 3
    add(hosts.rig.sandbox, kind, service="s3", operation="GetObject", count=4)
    failed = hosts.end(hosts.deploy(group, "exit 0"))
    (target,) = hosts.targets(failed["deploymentId"])
    assert hosts.events(failed["deploymentId"], target)["DownloadBundle"]["status"] == "Failed"


def test_an_agents_reports_get_through_a_bad_line(hosts: Fleet) -> None:
    group = hosts.group(1)
    add(hosts.rig.sandbox, "throttling", service="codedeploy-commands", operation="Put*", count=3)
    add(hosts.rig.sandbox, "connection-reset", service="codedeploy-commands", operation="Put*", count=8)
    assert hosts.end(hosts.deploy(group, "exit 0"))["status"] == "Succeeded"


def test_an_alarm_flaps_and_is_then_left_alone(hosts: Fleet) -> None:
    sandbox, cloudwatch = hosts.rig.sandbox, hosts.rig.client("cloudwatch")
    hosts.alarm("orders")
    sandbox.world.clock.set_speed(0)
    try:
        add(sandbox, "flapping-alarm", alarm="ord*", every=10, for_=60)
        seen = []
        for _ in range(4):
            ask(sandbox, "clock", {"advance_seconds": 0.001})
            shown = cloudwatch.describe_alarms(AlarmNames=["orders"])["MetricAlarms"][0]
            seen.append(shown["StateValue"])
            ask(sandbox, "clock", {"advance_seconds": 10})
        assert seen == ["ALARM", "OK", "ALARM", "OK"]
        ask(sandbox, "clock", {"advance_seconds": 120})
        after = cloudwatch.describe_alarms(AlarmNames=["orders"])["MetricAlarms"][0]
        assert after["StateValue"] == "INSUFFICIENT_DATA"  # evaluated again: its metric has no data
    finally:
        sandbox.world.clock.set_speed(1)
