"""Deployments to Lambda outlive the sandbox's process: shifts go on, and hooks that were cut off run again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from codedeploy_calls import wait_for
from functions_bench import function
from lambda_deployments import Apart, Serverless, appspec
from sandbox_processes import kill, stop

from deliverkit.sandbox import launcher
from deliverkit.sandbox.launcher import RunningSandbox

WAITS = """
import boto3, os, time
def handler(event, context):
    open({started!r}, "a").write("x")
    while not os.path.exists({go!r}):
        time.sleep(0.02)
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status="Succeeded",
    )
"""


@pytest.mark.parametrize("end", [stop, kill])
def test_a_shift_and_its_hook_go_on(state_dir: Path, tmp_path: Path, end: Callable[[RunningSandbox], None]) -> None:
    before = launcher.start(state_dir)
    shop = Serverless(Apart(before.endpoint))
    started, go = tmp_path / "started", tmp_path / "go"
    function(shop.rig, "hook", WAITS.format(started=str(started), go=str(go)), Timeout=60)
    name = shop.function()
    deployment = shop.deploy(shop.group(), appspec(name, hooks={"AfterAllowTraffic": "hook"}))
    shop.shifting(deployment, 10)
    end(before)

    middle = launcher.start(state_dir)
    shop = Serverless(Apart(middle.endpoint), is_new=False)
    assert (shop.get(deployment)["status"], shop.alias(name)) == ("InProgress", ("1", {"2": 0.1}))
    shop.advance(minutes=5)
    wait_for(started.exists)
    assert shop.alias(name) == ("2", {})
    # By the next request that is kept, a sandbox that is killed at once knows how far its clock had jumped.
    shop.rig.put(b"", key="later")
    end(middle)

    shop = Serverless(Apart(launcher.start(state_dir).endpoint), is_new=False)
    wait_for(lambda: len(started.read_text()) == 2)
    go.touch()
    assert shop.end(deployment)["status"] == "Succeeded"
    assert shop.events(deployment)["AfterAllowTraffic"] == "Succeeded"
