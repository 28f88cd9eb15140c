"""Sandboxes in a process of their own, which can be stopped and killed, for the tests of what outlives them."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import boto3
from agent_bench import wait_for
from botocore.config import Config

from deliverkit.sandbox import launcher
from deliverkit.sandbox.launcher import RunningSandbox


def client_at(endpoint: str, service: Any) -> Any:
    """A client that asks once: what is cut off by an end is not asked again."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )


def client(running: RunningSandbox, service: Any) -> Any:
    return client_at(running.endpoint, service)


def stop(running: RunningSandbox) -> None:
    assert launcher.stop(Path(running.state_dir))


def kill(running: RunningSandbox) -> None:
    os.kill(running.pid, signal.SIGKILL)
    wait_for(lambda: launcher.find(Path(running.state_dir)) is None, "the sandbox to be gone")
