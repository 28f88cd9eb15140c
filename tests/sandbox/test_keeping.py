"""What the sandbox knows outlives its process: through a stop, through a kill, through a change of the clock."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from agent_bench import wait_for
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from sandbox_processes import client, kill, stop

from deliverkit.sandbox import launcher
from deliverkit.sandbox.keeping import image, pickling
from deliverkit.sandbox.keeping.journal import Entry, Journal
from deliverkit.sandbox.keeping.requests import environ_of, essence, only_reads
from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.kernel.wsgi import read_body
from deliverkit.sandbox.launch_errors import LaunchError
from deliverkit.sandbox.launcher import RunningSandbox
from deliverkit.sandbox.moto_base import MotoBase

ROLE = "arn:aws:iam::123456789012:role/delivery"
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def approval_pipeline(running: RunningSandbox) -> str:
    """A pipeline whose execution waits for a person; the execution's id."""
    s3, pipelines = client(running, "s3"), client(running, "codepipeline")
    s3.create_bucket(Bucket="releases")
    s3.put_bucket_versioning(Bucket="releases", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="releases", Key="app.zip", Body=b"PK")
    source = {
        "name": "Release",
        "actionTypeId": {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        "configuration": {"S3Bucket": "releases", "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"},
        "outputArtifacts": [{"name": "bundle"}],
    }
    ask = {
        "name": "Ask",
        "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
    }
    pipelines.create_pipeline(
        pipeline={
            "name": "delivery",
            "roleArn": ROLE,
            "artifactStore": {"type": "S3", "location": "releases"},
            "stages": [{"name": "Source", "actions": [source]}, {"name": "Approve", "actions": [ask]}],
        }
    )
    return str(
        pipelines.list_pipeline_executions(pipelineName="delivery")["pipelineExecutionSummaries"][0][
            "pipelineExecutionId"
        ]
    )


def token_of(running: RunningSandbox) -> str:
    end = time.monotonic() + 20
    while time.monotonic() < end:
        stages = client(running, "codepipeline").get_pipeline_state(name="delivery")["stageStates"]
        found = stages[1]["actionStates"][0].get("latestExecution", {}).get("token")
        if found:
            return str(found)
        time.sleep(0.02)
    raise AssertionError("no approval is asked for")


@pytest.mark.parametrize("end", [stop, kill])
def test_everything_is_there_again_and_goes_on(state_dir: Path, end: Callable[[RunningSandbox], None]) -> None:
    before = launcher.start(state_dir)
    execution = approval_pipeline(before)
    token = token_of(before)
    instance = client(before, "ec2").run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)["Instances"][0][
        "InstanceId"
    ]
    key = client(before, "kms").create_key()["KeyMetadata"]["KeyId"]
    secret = client(before, "kms").encrypt(KeyId=key, Plaintext=b"told to nobody")["CiphertextBlob"]
    queue = client(before, "sqs").create_queue(QueueName="events")["QueueUrl"]
    client(before, "sqs").send_message(QueueUrl=queue, MessageBody="still here")
    end(before)

    after = launcher.start(state_dir)
    assert after.pid != before.pid
    assert after.endpoint == before.endpoint  # whoever was told the address finds it again
    assert client(after, "s3").get_object(Bucket="releases", Key="app.zip")["Body"].read() == b"PK"
    assert client(after, "kms").decrypt(CiphertextBlob=secret)["Plaintext"] == b"told to nobody"
    assert client(after, "sqs").receive_message(QueueUrl=queue)["Messages"][0]["Body"] == "still here"
    described = client(after, "ec2").describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]
    assert described["State"]["Name"] == "running"
    pipelines = client(after, "codepipeline")
    pipelines.put_approval_result(
        pipelineName="delivery",
        stageName="Approve",
        actionName="Ask",
        result={"status": "Approved", "summary": ""},
        token=token,
    )
    found = pipelines.get_pipeline_execution(pipelineName="delivery", pipelineExecutionId=execution)
    assert found["pipelineExecution"]["status"] == "Succeeded"


def test_a_kill_loses_nothing_that_was_answered(state_dir: Path) -> None:
    running = launcher.start(state_dir)
    client(running, "s3").create_bucket(Bucket="ledger")
    versions = {}
    client(running, "s3").put_bucket_versioning(Bucket="ledger", VersioningConfiguration={"Status": "Enabled"})
    for number in range(30):
        answer = client(running, "s3").put_object(Bucket="ledger", Key=str(number), Body=str(number).encode())
        versions[str(number)] = answer["VersionId"]
    application = client(running, "codedeploy").create_application(applicationName="shop")["applicationId"]
    kill(running)
    after = launcher.start(state_dir)
    listed = client(after, "s3").list_object_versions(Bucket="ledger")["Versions"]
    assert {each["Key"]: each["VersionId"] for each in listed} == versions
    found = client(after, "codedeploy").get_application(applicationName="shop")["application"]
    assert found["applicationId"] == application


def test_what_the_first_look_at_a_region_makes_is_the_same_after_a_kill(state_dir: Path) -> None:
    running = launcher.start(state_dir)
    ec2 = client(running, "ec2")
    network = ec2.describe_vpcs()["Vpcs"][0]["VpcId"]
    group = ec2.create_security_group(GroupName="web", Description="web", VpcId=network)["GroupId"]
    kill(running)
    after = client(launcher.start(state_dir), "ec2")
    assert [each["VpcId"] for each in after.describe_vpcs()["Vpcs"]] == [network]
    assert after.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]["VpcId"] == network


def test_an_agent_that_outlives_its_sandbox_is_taken_over_although_nobody_noted_it(state_dir: Path) -> None:
    running = launcher.start(state_dir)
    launched = client(running, "ec2").run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)
    note = state_dir / "instances" / launched["Instances"][0]["InstanceId"] / "agent.pid"
    wait_for(note.exists, "the agent")
    before = note.read_text()
    kill(running)
    note.unlink()
    launcher.start(state_dir)
    wait_for(note.exists, "the agent")
    assert note.read_text() == before


def private_addresses(instances: list[dict[str, Any]]) -> dict[str, tuple[str, str]]:
    return {
        each["InstanceId"]: (
            each["PrivateIpAddress"],
            each["NetworkInterfaces"][0]["PrivateIpAddresses"][0]["PrivateIpAddress"],
        )
        for each in instances
    }


def described(running: RunningSandbox) -> dict[str, tuple[str, str]]:
    found = client(running, "ec2").describe_instances()["Reservations"]
    return private_addresses([instance for reservation in found for instance in reservation["Instances"]])


def test_a_launch_is_answered_with_the_addresses_that_instances_have_for_life(state_dir: Path) -> None:
    running = launcher.start(state_dir)
    ec2 = client(running, "ec2")
    launched = ec2.run_instances(ImageId="ami-12c6146b", MinCount=2, MaxCount=2)["Instances"]
    port = int(running.endpoint.rpartition(":")[2])
    base = f"127.{port >> 8}.{port & 255}"
    told = private_addresses(launched)
    assert [*told.values()] == [(f"{base}.2", f"{base}.2"), (f"{base}.3", f"{base}.3")]
    assert described(running) == told
    kill(running)  # the launch stands in the journal alone, or in an image
    again = launcher.start(state_dir)
    assert described(again) == told
    (third,) = client(again, "ec2").run_instances(ImageId="ami-12c6146b", MinCount=1, MaxCount=1)["Instances"]
    assert third["PrivateIpAddress"] == f"{base}.4"
    stop(again)


def test_a_simulated_instance_takes_no_address_of_this_machine(state_dir: Path) -> None:
    running = launcher.start(state_dir)
    tags = [{"ResourceType": "instance", "Tags": [{"Key": "deliverkit:agent", "Value": "memory"}]}]
    (launched,) = client(running, "ec2").run_instances(
        ImageId="ami-12c6146b", MinCount=1, MaxCount=1, TagSpecifications=tags
    )["Instances"]
    assert launched["PrivateIpAddress"].startswith("10.")
    stop(running)


def test_two_sandboxes_know_nothing_of_each_other(state_dir: Path, tmp_path: Path) -> None:
    first, second = launcher.start(state_dir), launcher.start(tmp_path / "other")
    try:
        client(first, "s3").create_bucket(Bucket="releases")
        assert client(second, "s3").list_buckets()["Buckets"] == []
        launcher.stop(state_dir)
        assert client(second, "s3").list_buckets()["Buckets"] == []
    finally:
        launcher.stop(tmp_path / "other")


def test_what_another_version_wrote_is_refused_until_one_begins_afresh(state_dir: Path) -> None:
    client(launcher.start(state_dir), "s3").create_bucket(Bucket="releases")
    launcher.stop(state_dir)
    (written,) = (state_dir / "state").glob(f"{image.PREFIX}*")
    written.write_bytes(b"something else")
    with pytest.raises(LaunchError, match="did not start") as caught:
        launcher.start(state_dir)
    assert "cannot be read" in str(caught.value)
    fresh = launcher.start(state_dir, fresh=True)
    assert client(fresh, "s3").list_buckets()["Buckets"] == []
    with pytest.raises(LaunchError, match="serves at"):
        launcher.start(state_dir, fresh=True)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="only Linux limits another process")
def test_what_cannot_be_kept_is_refused_in_each_services_own_words(state_dir: Path) -> None:
    running = launcher.start(state_dir)
    client(running, "s3").create_bucket(Bucket="releases")
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))  # as a full disk
    large = "x" * 200_000
    calls: list[Callable[[], Any]] = [
        lambda: client(running, "s3").put_object(Bucket="releases", Key="large", Body=large),
        lambda: client(running, "ec2").create_key_pair(KeyName=large),
        lambda: client(running, "sns").create_topic(Name=large),
        lambda: client(running, "codepipeline").delete_webhook(name=large),
    ]
    for call in calls:
        with pytest.raises(ClientError, match=r"cannot be kept: .* File too large") as caught:
            call()
        answer = caught.value.response
        assert (answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]) == ("ServiceUnavailable", 503)
    assert "Contents" not in client(running, "s3").list_objects_v2(Bucket="releases")
    lines = (state_dir / "sandbox.log").read_text().splitlines()
    refused = [line for line in lines if "was refused" in line]
    assert len(refused) == len(calls)
    assert "s3:PutObject was refused, for it cannot be kept: [Errno 27] File too large" in refused[0]


# --- the journal ----------------------------------------------------------------------------------


def entry(number: int) -> Entry:
    return Entry(NOW, NOW, number, {"REQUEST_METHOD": "PUT", "PATH_INFO": f"/{number}"}, bytes([number % 256]))


@given(sizes=st.lists(st.integers(0, 4), max_size=5), cut=st.integers(0, 40))
def test_a_journal_gives_back_all_but_what_was_cut_off(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], cut: int
) -> None:
    directory = tmp_path_factory.mktemp("journal")
    journal, written = Journal(directory), []
    for size in [*sizes, 1]:
        journal.rotate()
        for _ in range(size):
            written.append(entry(len(written)))
            journal.append(written[-1])
    journal.close()
    last = max(directory.iterdir(), key=lambda path: int(path.suffix[1:]))
    whole = last.read_bytes()
    last.write_bytes(whole[: max(0, len(whole) - cut)])
    found = list(Journal(directory).since(0))
    assert found == (written if cut == 0 else written[:-1])


def test_a_record_for_which_there_was_no_room_leaves_the_later_ones_readable(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    segment = journal.rotate()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            journal.append(Entry(NOW, NOW, 1, {}, b"a" * 2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.append(Entry(NOW, NOW, 2, {}, b"b"))
    assert [entry.body for entry in journal.since(segment)] == [b"b"]


def test_a_record_that_the_system_takes_in_pieces_is_written_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: whole(descriptor, data[:1000]))  # as above 2 GiB
    journal = Journal(tmp_path)
    segment = journal.rotate()
    written = [Entry(NOW, NOW, number, {"PATH_INFO": "/"}, bytes([number]) * 5000) for number in range(3)]
    for each in written:
        journal.append(each)
    assert list(journal.since(segment)) == written


def test_a_journal_forgets_what_an_image_holds(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    for number in range(3):
        journal.rotate()
        journal.append(entry(number))
    assert [each.seed for each in journal.since(2)] == [1, 2]
    journal.drop_before(3)
    assert [each.seed for each in Journal(tmp_path).since(0)] == [2]
    assert Journal(tmp_path).rotate() == 4


@pytest.mark.parametrize(
    ("environ", "reads"),
    [
        ({"REQUEST_METHOD": "GET"}, True),
        ({"REQUEST_METHOD": "PUT"}, False),
        ({"HTTP_X_AMZ_TARGET": "AmazonSSM.GetParameter"}, True),
        ({"HTTP_X_AMZ_TARGET": "AmazonSSM.PutParameter"}, False),
        ({"HTTP_X_AMZ_TARGET": "AmazonSQS.ReceiveMessage"}, False),
        ({"form": b"Action=DescribeInstances&Version=1"}, True),
        ({"form": b"Version=1&Action=RunInstances"}, False),
        (
            {"form": b"Action=GetCallerIdentity", "HTTP_AUTHORIZATION": "Credential=k/20260101/r/sts/aws4_request"},
            False,
        ),
    ],
)
def test_what_only_reads_is_told_by_method_and_name(environ: dict[str, Any], reads: bool) -> None:
    form = environ.pop("form", b"")
    whole = {
        "REQUEST_METHOD": "POST",
        "CONTENT_LENGTH": str(len(form)),
        "CONTENT_TYPE": "application/x-www-form-urlencoded",
        "wsgi.input": io.BytesIO(form),
        **environ,
    }
    assert only_reads(whole, None) is reads
    assert read_body(whole) == form  # looking at it took nothing away


def test_a_request_is_made_again_as_it_was() -> None:
    environ = {"REQUEST_METHOD": "PUT", "PATH_INFO": "/a", "HTTP_HOST": "h", "wsgi.input": io.BytesIO(b"x"), "PWD": "/"}
    kept = essence(environ)
    assert kept == {"REQUEST_METHOD": "PUT", "PATH_INFO": "/a", "HTTP_HOST": "h"}
    again = environ_of(Entry(NOW, NOW, 1, kept, b"body"))
    assert {name: again[name] for name in kept} == kept
    assert again["wsgi.input"].read() == b"body"


# --- images ---------------------------------------------------------------------------------------


@dataclass
class Rung:
    """A store of the test."""

    times: list[datetime] = field(default_factory=list)


def ring(world: World) -> None:
    world.store(Rung, "a", "r").times.append(world.clock.now())


def moved(world: World, directory: Path) -> World:
    """The world as another process would find it."""
    stream = io.BytesIO()
    pickling.dump(image.take(world, 1), stream)
    other = World(state_dir=directory, moto=MotoBase())
    image.put_back(other, pickling.load(other, io.BytesIO(stream.getvalue())))
    return other


def test_timers_go_on_in_the_other_process_at_their_times(tmp_path: Path) -> None:
    world = World(state_dir=tmp_path, moto=MotoBase())
    world.clock.restore(NOW, 0.0)
    world.timers.after(timedelta(minutes=1), partial(ring, world))
    cancelled = world.timers.after(timedelta(minutes=2), partial(ring, world))
    world.timers.after(timedelta(minutes=3), partial(ring, world))
    world.timers.after(timedelta(minutes=1), lambda: None, is_kept=False)
    world.store(list, "a", "r").append(cancelled)
    other = moved(world, tmp_path)
    assert other.clock.now() == NOW
    other.store(list, "a", "r")[0].cancel()  # the timer of the store is the timer that runs
    other.timers.run_until(NOW + timedelta(minutes=3))
    assert other.store(Rung, "a", "r").times == [NOW + timedelta(minutes=1), NOW + timedelta(minutes=3)]
    assert world.store(Rung, "a", "r").times == []


def test_ids_go_on_where_they_were(tmp_path: Path) -> None:
    world = World(state_dir=tmp_path, moto=MotoBase())
    chance.seed(7)
    stream = io.BytesIO()
    pickling.dump(image.take(world, 1), stream)
    first = [chance.uuid4() for _ in range(3)]
    image.put_back(world, pickling.load(world, io.BytesIO(stream.getvalue())))
    assert [chance.uuid4() for _ in range(3)] == first
    chance.seed(int.from_bytes(os.urandom(8), "big"))


def test_functions_with_their_versions_and_aliases_are_in_an_image(tmp_path: Path) -> None:
    world = World(state_dir=tmp_path, moto=MotoBase())
    world.moto.forget()
    functions = world.moto.client("lambda", "123456789012", "us-east-1")
    trusted = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    roles = world.moto.client("iam", "123456789012", "us-east-1")
    role = roles.create_role(RoleName="runs", AssumeRolePolicyDocument=json.dumps({"Statement": [trusted]}))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("app.py", "def handler(event, context):\n    return 1\n")
    functions.create_function(
        FunctionName="one",
        Role=role["Role"]["Arn"],
        Runtime="python3.12",
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
        Publish=True,
    )
    functions.create_alias(FunctionName="one", Name="live", FunctionVersion="1")
    stream = io.BytesIO()
    pickling.dump(image.take(world, 1), stream)

    world.moto.forget()
    image.put_back(world, pickling.load(world, io.BytesIO(stream.getvalue())))
    assert functions.get_function(FunctionName="one:live")["Configuration"]["Version"] == "1"
    # Whatever moto indexes or fills in by itself still works.
    functions.create_function(
        FunctionName="two",
        Role=role["Role"]["Arn"],
        Runtime="python3.12",
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
    )
    functions.create_alias(FunctionName="two", Name="live", FunctionVersion="$LATEST")
    assert functions.list_aliases(FunctionName="one")["Aliases"][0]["Name"] == "live"


def test_an_image_that_cannot_be_written_leaves_the_one_before(tmp_path: Path) -> None:
    world = World(state_dir=tmp_path, moto=MotoBase())
    image.write(image.take(world, 1), tmp_path)
    world.store(list, "a", "r").append(lambda: None)
    with pytest.raises((TypeError, AttributeError, pickling.pickle.PicklingError)):
        image.write(image.take(world, 2), tmp_path)
    found = image.read(world, tmp_path)
    assert found is not None
    assert found.segment == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"{image.PREFIX}1"]


def test_an_image_that_was_begun_earlier_and_ended_later_does_not_count(tmp_path: Path) -> None:
    world = World(state_dir=tmp_path, moto=MotoBase())
    earlier = image.take(world, 9)
    image.write(image.take(world, 10), tmp_path)
    image.drop_before(10, tmp_path)
    image.write(earlier, tmp_path)
    found = image.read(world, tmp_path)
    assert found is not None
    assert found.segment == 10
    image.drop_before(11, tmp_path)
    assert image.read(world, tmp_path) is None


class StuckWorld:
    """A world with a lock that nobody gives back, as a copy of the process may find it."""

    def kept_stores(self) -> dict[str, Any]:
        lock = threading.Lock()
        lock.acquire()
        lock.acquire()
        return {}


def test_a_copy_that_waits_for_ever_is_ended(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from pathlib import Path; from test_keeping import StuckWorld;"
        "from deliverkit.sandbox.keeping.keeper import _write_and_leave;"
        "_write_and_leave(StuckWorld(), 1, Path(sys.argv[2]), longest=1)"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent), str(tmp_path)]
    assert subprocess.run(command, check=False, timeout=60).returncode == -signal.SIGALRM
