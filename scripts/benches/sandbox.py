"""The sandbox's speed, and moto's own server beside it where both answer the same call.

Every figure is taken from a process of its own over HTTP. Calls per core are calls divided by the CPU seconds that the
server spent on them, so that a busy machine changes them little. Prints a Markdown table.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import urllib3
from botocore.config import Config

from deliverkit.sandbox import launcher

STARTS = 5
CALLS = 1500
FLEET = 1000
REGION = "us-east-1"
ROLE = "arn:aws:iam::123456789012:role/delivery"


@dataclass(frozen=True, slots=True)
class Server:
    """A server under measurement."""

    endpoint: str
    pid: int

    def cpu_seconds(self) -> float:
        """CPU time of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def megabytes(self) -> float:
        """Resident memory."""
        line = next(each for each in Path(f"/proc/{self.pid}/status").read_text().splitlines() if "VmRSS" in each)
        return int(line.split()[1]) / 1024

    def client(self, service: str) -> Any:
        """A boto3 client of it."""
        keys = {"aws_access_key_id": "bench", "aws_secret_access_key": "bench"}
        config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, config=config, **keys)


def main() -> int:
    """Measure everything and print the table."""
    rows = [("figure", "deliverkit sandbox", "moto server", "ratio")]
    rows.append(("---", "---:", "---:", "---:"))
    ours, theirs = _median_start(sandbox), _median_start(moto)
    rows.append(_row("ready after the command, s", ours, theirs, "{:.2f}"))
    with sandbox() as server, moto() as peer:
        rows.append(_row("memory when idle, MB", server.megabytes(), peer.megabytes(), "{:.0f}"))
        for title, prepare, call in WORK:
            rows.append(_row(f"{title}, calls per core and second", *_rates(server, peer, prepare, call), "{:.0f}"))
    with sandbox() as server:
        rows.append(("a deployment to 3 instances with agent processes, s", f"{_deploy(server, 3, ''):.2f}", "-", "-"))
    with sandbox() as server:
        took = _deploy(server, FLEET, "memory")
        rows.append((f"a deployment to {FLEET} simulated instances, s", f"{took:.1f}", "-", "-"))
        rows.append(("memory after that, MB", f"{server.megabytes():.0f}", "-", "-"))
    sys.stdout.write("\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n")
    return 0


def _row(title: str, ours: float, theirs: float, form: str) -> tuple[str, str, str, str]:
    return title, form.format(ours), form.format(theirs), f"{ours / theirs:.2f}"


# --- servers --------------------------------------------------------------------------------------


@contextmanager
def sandbox() -> Iterator[Server]:
    """A fresh sandbox."""
    directory = Path(tempfile.mkdtemp(prefix="deliverkit-bench-"))
    try:
        running = launcher.start(directory)
        yield Server(running.endpoint, running.pid)
    finally:
        launcher.stop(directory)
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def moto() -> Iterator[Server]:
    """moto's own server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _until(lambda: _answers(f"http://127.0.0.1:{port}/moto-api/"))
        yield Server(f"http://127.0.0.1:{port}", process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def _answers(url: str) -> bool:
    try:
        return urllib3.PoolManager(retries=False).request("GET", url).status < 500
    except urllib3.exceptions.HTTPError:
        return False


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the measured server did not get there")
        time.sleep(0.01)


def _median_start(server: Callable[[], Any]) -> float:
    def once() -> float:
        began = time.monotonic()
        with server():
            return time.monotonic() - began

    return statistics.median(once() for _ in range(STARTS))


# --- calls ----------------------------------------------------------------------------------------


def _application(server: Server) -> None:
    server.client("codedeploy").create_application(applicationName="shop", computePlatform="Server")


def _pipeline(server: Server) -> None:
    _role(server)  # moto wants it to exist
    source = {"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"}
    ask = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    read = {"name": "Read", "actionTypeId": source, "outputArtifacts": [{"name": "bundle"}]}
    read["configuration"] = {"S3Bucket": "releases", "S3ObjectKey": "app.zip", "PollForSourceChanges": "false"}
    stages = [{"name": "Source", "actions": [read]}]
    stages.append({"name": "Approve", "actions": [{"name": "Ask", "actionTypeId": ask}]})
    server.client("codepipeline").create_pipeline(
        pipeline={
            "name": "delivery",
            "roleArn": ROLE,
            "artifactStore": {"type": "S3", "location": "releases"},
            "stages": stages,
        }
    )


def _role(server: Server) -> None:
    principal = {"Service": "codepipeline.amazonaws.com"}
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    server.client("iam").create_role(RoleName="delivery", AssumeRolePolicyDocument=policy)


WORK = (
    ("GetApplication", _application, ("codedeploy", "CodeDeploy_20141006.GetApplication", {"applicationName": "shop"})),
    ("GetPipeline", _pipeline, ("codepipeline", "CodePipeline_20150709.GetPipeline", {"name": "delivery"})),
)


def _rates(
    server: Server, peer: Server, prepare: Callable[[Server], None], call: tuple[str, str, dict[str, Any]]
) -> tuple[float, float]:
    for each in (server, peer):
        prepare(each)
    # In turns, so that whatever else the machine does meets both.
    rounds = [(_rate(server, *call), _rate(peer, *call)) for _ in range(3)]
    return statistics.median(ours for ours, _ in rounds), statistics.median(theirs for _, theirs in rounds)


def _rate(server: Server, service: str, target: str, body: dict[str, Any]) -> float:
    scope = f"Credential=AKIAEXAMPLE/20260101/{REGION}/{service}/aws4_request"
    headers = {
        "X-Amz-Target": target,
        "Content-Type": "application/x-amz-json-1.1",
        "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0",
    }
    pool, content = urllib3.PoolManager(retries=False), json.dumps(body)
    before = server.cpu_seconds()
    for _ in range(CALLS):
        answer = pool.request("POST", f"{server.endpoint}/", body=content, headers=headers)
        if answer.status != 200:
            raise RuntimeError(f"{target}: {answer.status} {answer.data!r}")
    return CALLS / (server.cpu_seconds() - before)


# --- deployments ----------------------------------------------------------------------------------


def _deploy(server: Server, size: int, agents: str) -> float:
    """Seconds of a deployment that half of the fleet at a time takes part in."""
    tags = [{"Key": "serves", "Value": "shop"}, *([{"Key": "deliverkit:agent", "Value": agents}] if agents else [])]
    specification = [{"ResourceType": "instance", "Tags": tags}]
    server.client("ec2").run_instances(ImageId="ami-1", MinCount=size, MaxCount=size, TagSpecifications=specification)
    s3, deploys = server.client("s3"), server.client("codedeploy")
    s3.create_bucket(Bucket="releases")
    s3.put_object(Bucket="releases", Key="app.zip", Body=_bundle())
    _application(server)
    found = [{"Key": "serves", "Value": "shop", "Type": "KEY_AND_VALUE"}]
    deploys.create_deployment_group(
        applicationName="shop", deploymentGroupName="all", serviceRoleArn=ROLE, ec2TagFilters=found
    )
    location = {"bucket": "releases", "key": "app.zip", "bundleType": "zip"}
    began = time.monotonic()
    deployment = deploys.create_deployment(
        applicationName="shop",
        deploymentGroupName="all",
        deploymentConfigName="CodeDeployDefault.HalfAtATime",
        revision={"revisionType": "S3", "s3Location": location},
    )["deploymentId"]
    _until(lambda: deploys.get_deployment(deploymentId=deployment)["deploymentInfo"]["status"] in ENDED)
    status = deploys.get_deployment(deploymentId=deployment)["deploymentInfo"]["status"]
    if status != "Succeeded":
        raise RuntimeError(f"the measured deployment ended as {status}")
    return time.monotonic() - began


ENDED = ("Succeeded", "Failed", "Stopped")


def _bundle() -> bytes:
    import io  # noqa: PLC0415
    import zipfile  # noqa: PLC0415

    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("appspec.yml", "version: 0.0\nos: linux\n")
    return out.getvalue()


if __name__ == "__main__":
    sys.exit(main())
