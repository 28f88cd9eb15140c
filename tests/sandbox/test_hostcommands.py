"""CodeDeployCommandService over HTTP, spoken by a foreign agent and by the built-in agent's process."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import urllib3
from agent_bench import EVENTS, hook, is_running, shell, zipped
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from codedeploy_calls import wait_for
from codedeploy_fleet import Fleet
from codepipeline_fixtures import Rig
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverkit.sandbox.agent.errors import AgentError
from deliverkit.sandbox.agent.protocol import Diagnostics
from deliverkit.sandbox.agent.remote import LONGEST_PAYLOAD, _payload
from deliverkit.sandbox.agent.signed_data import content_of
from deliverkit.sandbox.hostcommands.envelope import Sealer
from deliverkit.sandbox.hostcommands.offers import SEEN_SECONDS, UNSEEN_SECONDS, Offers
from deliverkit.sandbox.server import Sandbox

SEALER = Sealer(datetime(2026, 1, 1, tzinfo=UTC))
PROTOCOLS = (
    ("CodeDeployCommandService_v20141006", "codedeploy-commands"),
    ("CodeDeployCommandService", "codedeploy-commands-secure"),
)


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    sandbox.start()
    rig = Rig(sandbox, None)  # type: ignore[arg-type]
    rig.seed()
    yield Fleet(rig)
    sandbox.stop()


class ForeignAgent:
    """Speaks the protocol for one host, step by step."""

    def __init__(self, endpoint: str, host: str, protocol: tuple[str, str] = PROTOCOLS[0]) -> None:
        self.endpoint, self.host, self.protocol = endpoint, host, protocol
        self.keys = Credentials("AKIAEXAMPLE", "secret")
        self.http = urllib3.PoolManager(retries=False)

    def say(self, operation: str, *, patience: float = 80.0, **body: Any) -> tuple[int, dict[str, Any]]:
        target, signing_name = self.protocol
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": f"{target}.{operation}",
            "X-Amz-CodeDeploy-Agent-Version": "UNKNOWN_VERSION",
        }
        request = AWSRequest("POST", f"{self.endpoint}/", headers, json.dumps(body))
        SigV4Auth(self.keys, signing_name, "us-east-1").add_auth(request)
        sent = {"headers": dict(request.headers), "body": json.dumps(body), "timeout": patience}
        answer = self.http.request("POST", f"{self.endpoint}/", **sent)
        return answer.status, json.loads(answer.data)

    def poll(self) -> dict[str, Any]:
        status, told = self.say("PollHostCommand", HostIdentifier=self.host)
        assert status == 200, told
        return dict(told["HostCommand"])

    def acknowledge(self, command: dict[str, Any], *, is_noop: bool = False) -> str:
        envelope = {"Format": "JSON", "Payload": json.dumps({"IsCommandNoop": is_noop})}
        identifier = command["HostCommandIdentifier"]
        _, told = self.say("PutHostCommandAcknowledgement", HostCommandIdentifier=identifier, Diagnostics=envelope)
        return str(told["CommandStatus"])

    def complete(self, command: dict[str, Any], status: str, code: int | str = 0, log: str = "") -> int:
        payload = json.dumps({"error_code": code, "script_name": "a.sh", "message": "said", "log": log})
        answered, _ = self.say(
            "PutHostCommandComplete",
            HostCommandIdentifier=command["HostCommandIdentifier"],
            CommandStatus=status,
            Diagnostics={"Format": "JSON", "Payload": payload},
        )
        return answered


def without_agent(fleet: Fleet) -> tuple[str, str, ForeignAgent]:
    """A group with one instance whose own agent is away; its id and a foreign agent for it."""
    group = fleet.group(0)
    [instance] = fleet.launch(1, serves=group, **{"deliverkit:agent": "none"})
    return (
        group,
        instance,
        ForeignAgent(fleet.rig.sandbox.endpoint, f"arn:aws:ec2:us-east-1:123456789012:instance/{instance}"),
    )


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_foreign_agent_carries_a_deployment_to_its_end(fleet: Fleet, protocol: tuple[str, str]) -> None:
    group, instance, agent = without_agent(fleet)
    agent.protocol = protocol
    deployment = fleet.deploy(group, "true")
    nonces = []
    for event in EVENTS:
        command = agent.poll()
        assert (command["CommandName"], command["HostIdentifier"]) == (event, agent.host)
        nonces.append(command["Nonce"])
        assert agent.acknowledge(command) == "InProgress"
        assert agent.complete(command, "Succeeded") == 200
    assert len(set(nonces)) == len(EVENTS)
    assert fleet.end(deployment)["status"] == "Succeeded"
    assert list(fleet.events(deployment, instance)) == EVENTS


def test_a_command_is_not_handed_out_again_while_its_agent_is_about_to_acknowledge_it(fleet: Fleet) -> None:
    group, _, agent = without_agent(fleet)
    fleet.deploy(group, "true")
    command = agent.poll()
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        agent.say("PollHostCommand", patience=0.5, HostIdentifier=agent.host)
    found: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: found.append(agent.poll()))
    waiting.start()
    agent.acknowledge(command)
    agent.complete(command, "Succeeded")
    waiting.join(15)
    assert [each["CommandName"] for each in found] == ["DownloadBundle"]


def test_a_command_that_nobody_takes_is_handed_out_again() -> None:
    moment = 100.0
    offers = Offers(lambda: moment)
    assert offers.take("host", "first") == 0
    assert offers.take("other", "first") == 0
    moment += 0.5
    assert offers.take("host", "first") == UNSEEN_SECONDS - 0.5
    offers.confirm("host")
    moment += UNSEEN_SECONDS
    assert offers.take("host", "first") == SEEN_SECONDS - UNSEEN_SECONDS
    assert offers.take("host", "second") == 0
    moment += UNSEEN_SECONDS
    assert offers.take("host", "second") == 0


def test_a_new_poll_ends_the_one_that_its_agent_gave_up(fleet: Fleet) -> None:
    _, _, agent = without_agent(fleet)
    answers: list[tuple[int, dict[str, Any]]] = []
    forgotten = threading.Thread(target=lambda: answers.append(agent.say("PollHostCommand", HostIdentifier=agent.host)))
    forgotten.start()
    forgotten.join(0.2)
    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        agent.say("PollHostCommand", patience=2.0, HostIdentifier=agent.host)
    forgotten.join(5)
    assert answers == [(200, {})]


def test_the_first_completion_counts_and_a_second_is_no_error(fleet: Fleet) -> None:
    group, instance, agent = without_agent(fleet)
    deployment = fleet.deploy(group, "true")
    command = agent.poll()
    agent.acknowledge(command)
    assert agent.complete(command, "Failed", 4, "the script's end") == 200
    assert agent.complete(command, "Failed", 5) == 200
    assert agent.complete(command, "Succeeded") == 200
    assert agent.acknowledge(command) == "Failed"
    assert fleet.end(deployment)["status"] == "Failed"
    diagnostics = fleet.events(deployment, instance)["ApplicationStop"]["diagnostics"]
    assert (diagnostics["errorCode"], diagnostics["logTail"]) == ("ScriptFailed", "the script's end")


def test_a_no_op_needs_no_execution(fleet: Fleet) -> None:
    group, _, agent = without_agent(fleet)
    fleet.deploy(group, "true")
    assert agent.acknowledge(agent.poll(), is_noop=True) == "Succeeded"
    assert agent.poll()["CommandName"] == "DownloadBundle"


def test_the_specification_comes_in_an_envelope_that_openssl_opens(fleet: Fleet, tmp_path: Path) -> None:
    group, _, agent = without_agent(fleet)
    deployment = fleet.deploy(group, "true", fileExistsBehavior="RETAIN")
    execution = agent.poll()["DeploymentExecutionId"]
    assert len(execution) <= 129
    status, told = agent.say("GetDeploymentSpecification", DeploymentExecutionId=execution, HostIdentifier=agent.host)
    assert (status, told["DeploymentSystem"]) == (200, "CodeDeploy")
    envelope = told["DeploymentSpecification"]["GenericEnvelope"]
    assert envelope["Format"] == "PKCS7/JSON"
    content = json.loads(content_of(envelope["Payload"]))
    assert content["DeploymentId"] == deployment
    assert content["DeploymentGroupName"] == group
    assert content["AgentActionOverrides"] == {"AgentOverrides": {"FileExistsBehavior": "RETAIN"}}
    assert content["Revision"]["S3Revision"]["Bucket"] == "releases"
    if shutil.which("openssl"):
        (tmp_path / "envelope.pem").write_text(envelope["Payload"])
        command = ["openssl", "smime", "-verify", "-noverify", "-binary", "-inform", "PEM", "-in"]
        opened = subprocess.run([*command, str(tmp_path / "envelope.pem")], capture_output=True, check=True)
        assert json.loads(opened.stdout) == content


def test_a_poll_waits_until_there_is_work(fleet: Fleet) -> None:
    group, _, agent = without_agent(fleet)
    found: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: found.append(agent.poll()))
    waiting.start()
    fleet.deploy(group, "true")
    waiting.join(15)
    assert [command["CommandName"] for command in found] == ["ApplicationStop"]


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("PollHostCommand", {}, "ClientException"),
        ("GetDeploymentSpecification", {"DeploymentExecutionId": "a/b", "HostIdentifier": "h"}, "ClientException"),
        ("GetDeploymentSpecification", {"DeploymentExecutionId": "a/b/c/d", "HostIdentifier": "h"}, "ClientException"),
        ("PutHostCommandAcknowledgement", {"HostCommandIdentifier": "nobody"}, "ClientException"),
        ("PutHostCommandComplete", {"HostCommandIdentifier": "x", "CommandStatus": "Pending"}, "ClientException"),
        ("PutHostCommandComplete", {"HostCommandIdentifier": "x", "CommandStatus": "Done"}, "ClientException"),
        ("PostHostCommandUpdate", {"HostCommandIdentifier": "nobody"}, "ClientException"),
        ("Dance", {}, "UnknownOperationException"),
    ],
)
def test_what_makes_no_sense_is_a_client_error(fleet: Fleet, operation: str, body: dict[str, Any], code: str) -> None:
    status, told = ForeignAgent(fleet.rig.sandbox.endpoint, "h").say(operation, **body)
    assert (status, told["__type"]) == (400, code)


def test_a_failure_whose_output_is_no_text_has_no_number_for_its_code(fleet: Fleet) -> None:
    group, instance, agent = without_agent(fleet)
    deployment = fleet.deploy(group, "true")
    command = agent.poll()
    agent.acknowledge(command)
    assert agent.complete(command, "Failed", "Unknown") == 200
    assert fleet.end(deployment)["status"] == "Failed"
    assert fleet.events(deployment, instance)["ApplicationStop"]["diagnostics"]["errorCode"] == "UnknownError"


@pytest.mark.parametrize("payload", ["not json", "[]", "x" * 8193])
def test_diagnostics_that_cannot_be_read_are_refused(fleet: Fleet, payload: str) -> None:
    status, told = ForeignAgent(fleet.rig.sandbox.endpoint, "h").say(
        "PutHostCommandComplete",
        HostCommandIdentifier="x",
        CommandStatus="Failed",
        Diagnostics={"Format": "JSON", "Payload": payload},
    )
    assert (status, told["__type"]) == (400, "ClientException")


# --- the built-in agent ---------------------------------------------------------------------------


def pid_of(fleet: Fleet, instance: str) -> int:
    path = fleet.rig.sandbox.state_dir / "instances" / instance / "agent.pid"
    wait_for(path.exists)
    wait_for(path.read_text)
    return int(path.read_text())


def test_every_instance_has_an_agent_process_and_a_killed_one_comes_back(fleet: Fleet) -> None:
    group = fleet.group(0)
    first, second = fleet.launch(2, serves=group)
    pids = {pid_of(fleet, first), pid_of(fleet, second)}
    assert len(pids) == 2
    assert os.getpid() not in pids
    os.kill(pid_of(fleet, first), signal.SIGKILL)
    wait_for(lambda: pid_of(fleet, first) not in pids)
    deployment = fleet.deploy(group, "true")
    assert fleet.end(deployment)["status"] == "Succeeded"


def test_an_agent_killed_in_the_middle_of_a_hook_fails_that_event_with_the_code_for_it(fleet: Fleet) -> None:
    group = fleet.group(0)
    [instance] = fleet.launch(1, serves=group)
    before = pid_of(fleet, instance)
    root = fleet.rig.sandbox.state_dir / "instances" / instance / "root"
    deployment = fleet.deploy(group, "touch $DELIVERKIT_INSTANCE_ROOT/began", "sleep 600")
    wait_for((root / "began").exists)
    os.kill(before, signal.SIGKILL)
    assert fleet.end(deployment)["status"] == "Failed"
    diagnostics = fleet.events(deployment, instance)["AfterInstall"]["diagnostics"]
    assert diagnostics["errorCode"] == "UnknownError"
    assert "after an agent restart" in diagnostics["message"]
    fleet.ec2.terminate_instances(InstanceIds=[instance])
    wait_for(lambda: not is_running(pid_of(fleet, instance)))


def test_a_thousand_simulated_instances_need_no_process(fleet: Fleet) -> None:
    group = fleet.group(0)
    instances = fleet.launch(40, serves=group, **{"deliverkit:agent": "memory"})
    deployment = fleet.deploy(group, "false", deploymentConfigName="CodeDeployDefault.AllAtOnce")
    assert fleet.end(deployment)["deploymentOverview"]["Succeeded"] == 40
    assert not (fleet.rig.sandbox.state_dir / "instances" / instances[0]).exists()


def test_a_simulated_instance_still_wants_its_bundle(fleet: Fleet) -> None:
    group = fleet.group(0)
    [instance] = fleet.launch(1, serves=group, **{"deliverkit:agent": "memory"})
    location = {"bucket": "releases", "key": "gone.zip", "bundleType": "zip"}
    deployment = fleet.redeploy(group, {"revisionType": "S3", "s3Location": location})
    assert fleet.end(deployment)["status"] == "Failed"
    assert "gone.zip" in fleet.events(deployment, instance)["DownloadBundle"]["diagnostics"]["message"]
    version = fleet.rig.put(
        zipped({"appspec.yml": hook("AfterInstall", "location: a.sh"), "a.sh": shell("true")}), key="there.zip"
    )
    location = {"bucket": "releases", "key": "there.zip", "bundleType": "zip", "version": version, "eTag": "0" * 32}
    deployment = fleet.redeploy(group, {"revisionType": "S3", "s3Location": location})
    assert fleet.end(deployment)["status"] == "Failed"
    assert "etag" in fleet.events(deployment, instance)["DownloadBundle"]["diagnostics"]["message"]


# --- envelopes ------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.text(max_size=300), max_size=5))
def test_what_is_sealed_is_what_is_opened(specification: dict[str, str]) -> None:
    assert json.loads(content_of(SEALER.seal(specification)["Payload"])) == specification


@given(st.binary(max_size=200))
def test_rubbish_in_an_envelope_is_an_agent_error(body: bytes) -> None:
    with pytest.raises(AgentError):
        content_of(f"-----BEGIN PKCS7-----\n{base64.b64encode(body).decode()}\n-----END PKCS7-----")


@given(st.text(max_size=4096), st.text(max_size=3000))
def test_diagnostics_always_fit_and_keep_the_end_of_the_log(log: str, message: str) -> None:
    payload = _payload(Diagnostics(4, "a.sh", message, log))
    assert len(payload) <= LONGEST_PAYLOAD
    assert log.endswith(json.loads(payload)["log"])
