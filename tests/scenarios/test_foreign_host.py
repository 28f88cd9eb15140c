"""A host with an agent that is not the sandbox's own, configured with what `sandbox instance add --external` prints."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop import Shop

from deliverkit.errors import ExitCode
from deliverkit.sandbox.agent.configuration import AgentConfiguration
from deliverkit.sandbox.agent.remote import Endpoint

ROLE = "arn:aws:iam::123456789012:role/deliverkit-sandbox"
GROUP = ("--application-name", "shop", "--deployment-group-name", "garage")
APPSPEC = """version: 0.0
os: linux
files:
  - source: index.html
    destination: /srv/shop
hooks:
  AfterInstall:
    - location: hook.sh
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    shop = Shop.open(tmp_path_factory.mktemp("shop"))
    shop.start(instances=("0",))
    yield shop
    shop.stop()


def kinds(shop: Shop) -> dict[str, str]:
    return {each["id"]: each["kind"] for each in shop.must("sandbox", "instance", "list", "--output", "json").document}


@pytest.fixture
def enforced(shop: Shop) -> Iterator[None]:
    shop.must("sandbox", "up", "--enforce-iam")
    yield
    shop.must("sandbox", "up", "--no-enforce-iam")


def agent(shop: Shop, told: dict[str, str], root: Path) -> subprocess.Popen[bytes]:
    """An agent process of ours, on a host that the sandbox knows nothing of."""
    endpoint = Endpoint(told["endpoint"], told["region"], told["access_key"], told["secret_key"])
    root.mkdir()
    path = root / "agent.json"
    AgentConfiguration(told["iam_user_arn"], str(root), "127.0.0.1", endpoint).write(path)
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DELIVERKIT_"))}
    return subprocess.Popen([sys.executable, "-m", "deliverkit.sandbox.agent", str(path)], env=environ)


@pytest.mark.usefixtures("enforced")
def test_a_foreign_host_is_deployed_to_over_the_protocol(shop: Shop, tmp_path: Path) -> None:
    told = shop.must("sandbox", "instance", "add", "box-1", "--external", "--tag", "place=garage", "--output", "json")
    assert kinds(shop)["box-1"] == "on-premises"

    shop.aws("s3api", "create-bucket", "--bucket", "bundles")
    shop.aws("deploy", "create-application", "--application-name", "shop")
    shop.aws("deploy", "create-deployment-group", *GROUP, "--service-role-arn", ROLE,
             "--on-premises-instance-tag-filters", "Key=place,Value=garage,Type=KEY_AND_VALUE")  # fmt: skip
    build = tmp_path / "build"
    build.mkdir()
    (build / "appspec.yml").write_text(APPSPEC)
    (build / "index.html").write_text("welcome")
    (build / "hook.sh").write_text("#!/bin/sh\necho at $LIFECYCLE_EVENT\n")
    environment = {**shop.environ}
    command = [Path(sys.executable).parent / "aws", "deploy", "push", "--application-name", "shop"]
    subprocess.run(
        [*command, "--s3-location", "s3://bundles/b.zip", "--source", str(build)], env=environment, check=True
    )
    location = "bucket=bundles,key=b.zip,bundleType=zip"
    deployment = shop.aws("deploy", "create-deployment", *GROUP, "--s3-location", location)["deploymentId"]

    root = tmp_path / "box-1"
    foreign = agent(shop, told.document, root)
    try:
        wait_for_success(shop, deployment)
        assert (root / "srv/shop/index.html").read_text() == "welcome"
    finally:
        foreign.kill()
        foreign.wait()
    shop.must("sandbox", "instance", "remove", "box-1")
    assert "box-1" not in kinds(shop)


def wait_for_success(shop: Shop, deployment: str) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        info = shop.aws("deploy", "get-deployment", "--deployment-id", deployment)["deploymentInfo"]
        if info["status"] not in {"Created", "Queued", "InProgress"}:
            assert info["status"] == "Succeeded", info
            return
    raise AssertionError("the deployment did not end")


def test_the_printed_files_are_those_of_the_agent(shop: Shop) -> None:
    shown = shop.must("sandbox", "instance", "add", "box-2", "--external").out
    assert ':deploy_control_endpoint: "http://127.0.0.1:' in shown
    assert ':s3_endpoint_override: "http://127.0.0.1:' in shown
    assert 'iam_user_arn: "arn:aws:iam::123456789012:user/' in shown
    again = shop.run("sandbox", "instance", "add", "box-2", "--external")
    assert again.code == ExitCode.FAILED
    assert "box-2" in again.err
    assert "internal error" not in again.err


def users(shop: Shop) -> set[str]:
    return {each["UserName"] for each in shop.aws("iam", "list-users")["Users"]}


def test_a_registration_that_fails_leaves_nothing_behind(shop: Shop) -> None:
    for name, *more in (("i-1",), ("box 3",), ("box-3", "--tag", f"k={'v' * 300}")):
        refused = shop.run("sandbox", "instance", "add", name, "--external", *more)
        assert refused.code != 0
        assert "internal error" not in refused.err
    shop.must("sandbox", "instance", "add", "box-3", "--external")
    assert users(shop) & {"i-1", "box 3", "box-3"} == {"box-3"}


def test_a_host_that_others_registered_is_removed_without_its_user(shop: Shop) -> None:
    user = shop.aws("iam", "create-user", "--user-name", "box-4")["User"]["Arn"]
    shop.aws("deploy", "register-on-premises-instance", "--instance-name", "box-4", "--iam-user-arn", user)
    session = "arn:aws:sts::123456789012:assumed-role/hosts/box-5"
    shop.aws("deploy", "register-on-premises-instance", "--instance-name", "box-5", "--iam-session-arn", session)
    for name in ("box-4", "box-5"):
        shop.must("sandbox", "instance", "remove", name)
    assert not {"box-4", "box-5"} & kinds(shop).keys()
    assert "box-4" in users(shop)


def test_an_instance_of_the_sandbox_comes_and_goes(shop: Shop) -> None:
    identifier = shop.must("sandbox", "instance", "add", "web-1", "--tag", "role=web").out.strip()
    listed = shop.must("sandbox", "instance", "list", "--output", "json").document
    [host] = [each for each in listed if each["name"] == "web-1"]
    assert (host["id"], host["tags"]["role"]) == (identifier, "web")
    assert "role=web" in shop.must("sandbox", "instance", "list").out
    shop.must("sandbox", "instance", "remove", "web-1")
    gone = shop.run("sandbox", "instance", "remove", "web-1")
    assert gone.code == 2
    assert "no instance is called web-1" in gone.err
    assert shop.run("sandbox", "instance", "add", "web-2", "--tag", "nonsense").code == 2
