"""Deployments outlive the sandbox's process: hooks that run, traffic that drains, and waits for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from codedeploy_calls import wait_for
from codedeploy_fleet import Fleet
from codedeploy_traffic import BLUE_GREEN, IN_PLACE, Balanced, tagged, targets
from codepipeline_fixtures import SOURCE_BUCKET
from sandbox_processes import client, kill, stop

from deliverkit.sandbox import launcher


class Process:
    """A sandbox in a process of its own, that can be killed and started again; what the fleets need of a rig."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self.running = launcher.start(state_dir)
        self.s3 = self.client("s3")
        self.s3.create_bucket(Bucket=SOURCE_BUCKET)
        self.s3.put_bucket_versioning(Bucket=SOURCE_BUCKET, VersioningConfiguration={"Status": "Enabled"})

    def client(self, service: Any) -> Any:
        return client(self.running, service)

    def put(self, body: bytes, *, key: str) -> str:
        return str(self.s3.put_object(Bucket=SOURCE_BUCKET, Key=key, Body=body)["VersionId"])

    def pause(self) -> None:
        """End it in good order and start it again."""
        stop(self.running)
        self.running = launcher.start(self._state_dir)

    def crash(self) -> None:
        """Kill it and start it again; it comes back at the same address."""
        kill(self.running)
        before, self.running = self.running.endpoint, launcher.start(self._state_dir)
        assert self.running.endpoint == before


@pytest.fixture
def process(state_dir: Path) -> Process:
    return Process(state_dir)


@pytest.fixture
def balanced(process: Process) -> Balanced:
    rig: Any = process
    return Balanced(Fleet(rig))


def test_a_deployment_that_waits_for_a_person_can_be_continued_after_a_crash(
    process: Process, balanced: Balanced
) -> None:
    blue, green = balanced.launch(2, fleet="blue"), balanced.launch(2, fleet="green")
    behind = balanced.target_group(*blue)
    group = balanced.group(
        ec2TagFilters=tagged("blue"),
        deploymentStyle=BLUE_GREEN,
        blueGreenDeploymentConfiguration={"deploymentReadyOption": {"actionOnTimeout": "STOP_DEPLOYMENT"}},
        **targets(behind),
    )
    wanted = {"tagFilters": tagged("green")}
    deployment = balanced.fleet.redeploy(group, balanced.revision(), targetInstances=wanted)
    wait_for(lambda: balanced.fleet.get(deployment)["status"] == "Ready")
    process.crash()
    # What stood in the journal only is done again.
    wait_for(lambda: balanced.fleet.get(deployment)["status"] == "Ready")
    assert balanced.behind(behind) == set(blue)
    balanced.api.continue_deployment(deploymentId=deployment)
    info = balanced.fleet.end(deployment)
    assert (info["status"], balanced.behind(behind)) == ("Succeeded", set(green))
    assert balanced.fleet.shown(group)["ec2TagFilters"] == tagged("green")


def test_traffic_that_drains_and_hooks_that_run_go_on_after_a_crash(
    process: Process, balanced: Balanced, tmp_path: Path
) -> None:
    fleet = balanced.fleet
    members = fleet.launch(1, fleet="real")
    behind = balanced.target_group(*members, delay=3)
    group = balanced.group(ec2TagFilters=tagged("real"), deploymentStyle=IN_PLACE, **targets(behind))
    deployment = fleet.deploy(group, f"touch {tmp_path}/on; while [ ! -e {tmp_path}/go ]; do sleep 0.05; done")
    wait_for(lambda: balanced.behind(behind) == set())
    assert fleet.events(deployment, members[0])["BlockTraffic"]["status"] == "InProgress"
    process.crash()
    wait_for((tmp_path / "on").exists)
    process.crash()
    assert fleet.events(deployment, members[0])["AfterInstall"]["status"] == "InProgress"
    (tmp_path / "go").touch()
    info = fleet.end(deployment)
    assert (info["status"], balanced.behind(behind)) == ("Succeeded", set(members))
    events = fleet.events(deployment, members[0])
    assert {each["status"] for each in events.values()} == {"Succeeded"}
