"""What tests of checks of AWS resources share: a sandbox, checks that deliverkit.yml declares, one way to measure."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec

from deliverkit.adapters.aws.codedeploy import CodeDeploy
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.check_ports import CheckContext, Checker
from deliverkit.config import load
from deliverkit.domain.check_permissions import ACTIONS
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.domain.release import Release
from deliverkit.domain.trust import Finding
from deliverkit.gate_assembly import Checkers, checkers_of
from deliverkit.ports import ReleaseStore
from deliverkit.sandbox.server import Sandbox

REGION = "us-east-1"
APPLICATION = "shop"
ROLE = "arn:aws:iam::123456789012:role/delivery"
SERVICES = {
    "codedeploy": "codedeploy",
    "ec2": "ec2",
    "elbv2": "elasticloadbalancing",
    "acm": "acm",
    "cloudformation": "cloudformation",
    "ecr": "ecr",
    "inspector2": "inspector2",
}
"""Botocore's names, and the prefixes of their actions."""
_NUMBERS = itertools.count(1)
_FILE = """\
application: shop
release: {bundle: {path: build}, store: s3://releases-of-shop/shop}
environments: {dev: {deploy: {codedeploy: {group: shop-dev}}}}
gates:
  asked:
    %s
"""


class SandboxClock:
    """The sandbox's own time; whoever sleeps lets it jump."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def now(self) -> datetime:
        return self._sandbox.world.clock.now()

    def sleep_until(self, moment: datetime) -> None:
        self.pass_time(moment - self.now())

    def pass_time(self, by: timedelta) -> None:
        self._sandbox.world.clock.advance(max(by, timedelta(0)))
        assert self._sandbox.world.timers.settle(10)


def declared(folder: Path, text: str) -> Check:
    """The check that a line of deliverkit.yml declares, such as `lambda: {function: smoke}`."""
    file = folder / f"deliverkit-{next(_NUMBERS)}.yml"
    file.write_text(_FILE % text, encoding="utf-8")
    return load(file).gates["asked"].checks[0]


def replayed(check: Check, found: Measurement) -> None:
    """What was recorded is judged again, offline, and comes to the same."""
    recorded = msgspec.json.decode(msgspec.json.encode(found.seen))
    again = assess(check, recorded)
    assert (again.outcome, again.reason, again.value) == (found.outcome, found.reason, found.value)


class CloudBench:
    """A sandbox in this process, and checkers as one process of deliverkit has them."""

    def __init__(self, sandbox: Sandbox, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        self.clock = SandboxClock(sandbox)
        self.aws, self._setup = aws_at(sandbox.endpoint), aws_at(sandbox.endpoint)
        self._calls: set[str] = set()
        for service, prefix in SERVICES.items():
            self.aws.client(service, REGION).meta.events.register("before-call", partial(self._note, prefix))
        self.context = CheckContext(
            values={"release.version": "1.0", "release.digest": "sha256:1", "environment": "dev", "region": REGION},
            endpoint="http://${target.address}:8080",
            regions=(REGION,),
            application=APPLICATION,
            group="shop-dev",
        )

    def _note(self, prefix: str, model: Any, **_: Any) -> None:
        self._calls.add(f"{prefix}:{model.name}")

    def client(self, service: str) -> Any:
        """A client for whoever prepares a test; what checks call is noted."""
        return self._setup.client(service, REGION)

    def check(self, text: str) -> Check:
        return declared(self.folder, text)

    def process(self, releases: ReleaseStore | None = None, findings: Iterable[Finding] = ()) -> Checkers:
        """The checkers of a new process."""
        return checkers_of(
            self.aws,
            cache(partial(CodeDeploy, self.aws)),
            partial(_gone, "Jenkins"),
            self.clock,
            environ={"SHOP_TOKEN": "hunter2-of-the-shop"},
            folder=self.folder,
            releases=lambda: releases or _gone("the store"),
            verify=partial(_found, findings),
        )

    def measure(
        self, check: Check, *, checker: Checker | None = None, sample: str = "", **context: Any
    ) -> Measurement | None:
        """Ask once; what comes is judged again from its record, and what was called is listed as its permissions."""
        self._calls.clear()
        where = replace(self.context, samples={check.key: sample or f"s-{next(_NUMBERS)}"}, **context)
        found = (checker or self.process()(check.kind)).measure(check, where)
        assert self._calls <= set(ACTIONS[check.kind])
        if found is not None:
            replayed(check, found)
        return found

    def measured(self, text: str, **context: Any) -> tuple[Verdict, str]:
        """Outcome and reason of a check that is declared so, asked until it is measured."""
        found = self.sample(self.check(text), **context)
        return found.outcome, found.reason

    def sample(self, check: Check, **context: Any) -> Measurement:
        """The measurement, once it comes; meanwhile time passes in the sandbox."""
        checker, sample = self.process()(check.kind), f"s-{next(_NUMBERS)}"
        for _ in range(100):
            found = self.measure(check, checker=checker, sample=sample, **context)
            if found is not None:
                return found
            self.clock.pass_time(timedelta(seconds=10))
        raise AssertionError("no measurement came")

    def group(self, size: int = 0, *, agent: str = "none", **settings: Any) -> tuple[str, list[str]]:
        """A deployment group with instances that nobody plays, or that are simulated; its name and their ids."""
        name, codedeploy = f"group-{next(_NUMBERS)}", self.client("codedeploy")
        applications = codedeploy.list_applications()["applications"]
        if APPLICATION not in applications:
            codedeploy.create_application(applicationName=APPLICATION, computePlatform="Server")
        codedeploy.create_deployment_group(
            applicationName=APPLICATION,
            deploymentGroupName=name,
            serviceRoleArn=ROLE,
            ec2TagFilters=[{"Key": "serves", "Value": name, "Type": "KEY_AND_VALUE"}],
            **settings,
        )
        return name, self.instances(name, size, agent) if size else []

    def instances(self, group: str, size: int, agent: str) -> list[str]:
        tags = [{"Key": "serves", "Value": group}, {"Key": "deliverkit:agent", "Value": agent}]
        answer = self.client("ec2").run_instances(
            ImageId="ami-12c6146b",
            MinCount=size,
            MaxCount=size,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
        return [str(each["InstanceId"]) for each in answer["Instances"]]


def aws_at(endpoint: str, keys: tuple[str, str] = ("AKIAIOSFODNN7EXAMPLE", "sandbox")) -> Aws:
    return Aws(Account(region=REGION, endpoint_url=endpoint, access_key_id=keys[0], secret_access_key=keys[1]))


@contextmanager
def cloud(folder: Path) -> Iterator[CloudBench]:
    """A bench whose sandbox runs until the end of the block."""
    sandbox = Sandbox(folder / "sandbox")
    sandbox.start()
    try:
        yield CloudBench(sandbox, folder)
    finally:
        sandbox.stop()


def _found(findings: Iterable[Finding], _release: Release) -> Iterable[Finding]:
    return findings


def _gone(what: str) -> Any:
    raise AssertionError(f"{what} is not asked here")


def listed(values: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as AWS takes them."""
    return [{"Key": key, "Value": value} for key, value in values.items()]
