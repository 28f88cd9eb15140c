"""A shop to deliver: the storefront example with its own sandbox, driven by the real command line in real processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
PIPED = ROOT / "examples" / "storefront" / "deliverkit.yml"

DIRECT = """
application: storefront
release:
  version: {file: build/storefront/VERSION}
  bundle: {path: build/, format: zip, appspec: deploy/appspec.yml}
  store: s3://storefront-releases/storefront
gates:
  up:
    http: {url: "${endpoint}/healthz", status: 200, requests: 5, p95: 2s}
    every: 200ms
    passes: 2
    failures: 1
environments:
  dev:
    regions: [us-east-1]
    endpoint: "http://${target.address}:8080"
    serves: {url: "${endpoint}/version", expect: "${release.version}"}
    deploy: {codedeploy: {group: storefront-dev}, strategy: all-at-once}
    gates: {after: [up]}
    bake_time: 1500ms
"""


@dataclass
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """stdout as JSON."""
        return json.loads(self.out)


@dataclass
class Shop:
    """A working directory with a build, a configuration and a sandbox.

    Attributes:
        directory: Where commands run.
        environ: Their environment.
        known_addresses: Addresses of each environment's instances, once asked for.
    """

    directory: Path
    environ: dict[str, str] = field(default_factory=dict)
    known_addresses: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def open(cls, directory: Path, *, configuration: str | None = None) -> Shop:
        """Copy the example and, for another configuration than its own, overwrite deliverkit.yml."""
        place = directory / "examples" / "storefront"
        shutil.copytree(ROOT / "examples" / "storefront", place, ignore=shutil.ignore_patterns("build", ".deliverkit"))
        shutil.copytree(ROOT / "pipelines", directory / "pipelines")
        if configuration is not None:
            (place / "deliverkit.yml").write_text(configuration, encoding="utf-8")
        environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        environ |= {"DELIVERKIT_STATE_DIR": str(directory / "state"), "COLUMNS": "120", "NO_COLOR": "1"}
        environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environ['PATH']}"
        return cls(place, environ)

    def start(self, *, instances: tuple[str, ...] = ("1",)) -> None:
        """Bring up the sandbox and make what the configuration names."""
        found = self.must("sandbox", "up", "--output", "json").document
        self.environ |= {
            "AWS_ENDPOINT_URL": found["endpoint"],
            "AWS_ACCESS_KEY_ID": "sandbox",
            "AWS_SECRET_ACCESS_KEY": "sandbox",
            "AWS_DEFAULT_REGION": found["region"],
            "AWS_SHARED_CREDENTIALS_FILE": f"{found['state_dir']}/credentials",
        }
        self.must("sandbox", "seed", *(word for each in instances for word in ("--instances", each)))

    def stop(self) -> None:
        """Bring the sandbox down."""
        self.must("sandbox", "down")

    def build(self, version: str, *arguments: str) -> None:
        """Build a version of the storefront."""
        command = ["./build.sh", version, *arguments]
        subprocess.run(command, cwd=self.directory, env=self.environ, check=True, capture_output=True)

    def release(self, version: str, *arguments: str) -> None:
        """Build and package a version."""
        self.build(version, *arguments)
        self.must("package")

    def run(self, *arguments: str, timeout: float = 60, **environ: str) -> Ran:
        """Type a deliverkit command."""
        done = subprocess.run(
            [sys.executable, "-m", "deliverkit", *arguments],
            cwd=self.directory,
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    def must(self, *arguments: str, timeout: float = 60) -> Ran:
        """Type a command that has to succeed."""
        ran = self.run(*arguments, timeout=timeout)
        assert ran.code == 0, (arguments, ran)
        return ran

    def begin(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command and leave it running."""
        return subprocess.Popen(
            [sys.executable, "-m", "deliverkit", *arguments],
            cwd=self.directory,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def aws(self, *arguments: str) -> Any:
        """Type a command of the AWS CLI, an independent client, and give its JSON."""
        done = subprocess.run(
            [Path(sys.executable).parent / "aws", *arguments, "--output", "json"],
            cwd=self.directory,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return json.loads(done.stdout) if done.stdout.strip() else None

    def addresses(self, environment: str) -> list[str]:
        """Private addresses of an environment's instances, asked of an independent client once."""
        if environment in self.known_addresses:
            return self.known_addresses[environment]
        tag = f"Name=tag:deliverkit:environment,Values=storefront/{environment}"
        found = self.aws("ec2", "describe-instances", "--filters", tag)
        addresses = [each["PrivateIpAddress"] for group in found["Reservations"] for each in group["Instances"]]
        return self.known_addresses.setdefault(environment, addresses)

    def serving(self, environment: str) -> set[str]:
        """What the instances themselves say they serve."""
        return {ask(f"http://{address}:8080/version") for address in self.addresses(environment)}


def ask(url: str) -> str:
    """The body of an answer; the name of the error when there is none."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return str(answer.read().decode().strip())
    except OSError as error:
        return type(error).__name__


def wait_until(condition: Any, *, within: float = 20) -> None:
    """Poll a condition about real processes."""
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)
