"""Many gates in one process: 200 with 20 checks each, in little memory, with few and spaced questions to CloudWatch."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from metrics_bench import aws_at

from deliverkit.sandbox import launcher

GATES, CHECKS = 200, 20
QUERIES_LIMIT = 500
"""CloudWatch API reference, GetMetricData: queries in one call."""
MEMORY_LIMIT = 150 * 1024
"""Kilobytes."""
# Of a process that is small itself: a child counts what its parent had in memory when it was made.
MEASURED = """\
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[str]:
    state_dir = tmp_path / "sandbox"
    yield launcher.start(state_dir).endpoint
    launcher.stop(state_dir)


def configuration() -> str:
    lines = [
        "application: shop",
        'release: {bundle: {path: build}, store: "s3://releases/shop"}',
        "ledger: sqlite:///ledger.db",
        "environments: {dev: {deploy: {codedeploy: {group: dev}}}}",
        "gates:",
    ]
    for gate in range(GATES):
        lines += [f"  g{gate}:", "    checks:"]
        lines += [
            f"      c{check}: {{metric: {{metric: Shop M{gate}x{check}, statistic: Sum, below: 100}}, every: 1m}}"
            for check in range(CHECKS)
        ]
    return "\n".join([*lines, ""])


def put_metrics(endpoint: str) -> None:
    """A value in each of the last minutes, for every check."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    data = [
        {"MetricName": f"M{gate}x{check}", "Value": 1.0, "Timestamp": now + timedelta(minutes=minute)}
        for gate in range(GATES)
        for check in range(CHECKS)
        for minute in (-3, -2, -1, 0)
    ]
    client = aws_at(endpoint).client("cloudwatch")
    for start in range(0, len(data), 1000):
        client.put_metric_data(Namespace="Shop", MetricData=data[start : start + 1000])


def test_four_thousand_checks_are_one_small_process_that_asks_seldom(tmp_path: Path, endpoint: str) -> None:
    (tmp_path / "deliverkit.yml").write_text(configuration())
    put_metrics(endpoint)
    environ = {
        **os.environ,
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    words = ["--config", "deliverkit.yml", "gate", "run", *(f"g{gate}" for gate in range(GATES)), "--output", "json"]
    ran = subprocess.run(
        [sys.executable, "-c", MEASURED, sys.executable, "-m", "deliverkit", *words],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    verdict, memory = json.loads(ran.stdout), int(ran.stderr.splitlines()[-1])
    assert (verdict["verdict"], len(verdict["measurements"])) == ("passed", GATES * CHECKS)
    assert memory < MEMORY_LIMIT
    with urllib.request.urlopen(f"{endpoint}/_sandbox/calls?action=cloudwatch:GetMetricData") as answer:
        [counted] = json.load(answer)["calls"].values()
    assert counted["count"] == GATES * CHECKS // QUERIES_LIMIT
    assert counted["most_in_a_second"] == 1
