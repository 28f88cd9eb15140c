"""The sandbox's host agent as the oracle: what the lint says of a deployment is what becomes of it there."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from lint_cases import CASES, ECS, GOOD, KEYS, LAMBDA, PERMISSION, RESOURCES, VALUES, WINDOWS, Case, tree_at

from deliverkit.packaging.collect import collect
from deliverkit.packaging.finding import Outcome, Severity
from deliverkit.packaging.lint import lint
from deliverkit.packaging.rules import RULES
from deliverkit.sandbox.agent.appspec import parse_appspec as parse_for_agent
from deliverkit.sandbox.agent.errors import AgentError, AppSpecError, ScriptError
from deliverkit.sandbox.agent.executor import Executor
from deliverkit.sandbox.agent.host import make_host
from deliverkit.sandbox.agent.specification import parse_specification
from deliverkit.sandbox.codedeploy.serverless.appspec import AppspecError, parse

EVENTS = ("BeforeInstall", "Install", "AfterInstall")
BY_ID = {rule.id: rule for rule in RULES}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
# What the sandbox leaves to machines that are hosts: it sets labels and access lists with the machine's own tools.
NOT_MODELLED = {"acl", "context", "windows-name", "os-fleet"}
FAILING = [
    case
    for case in CASES
    if case not in RESOURCES
    and BY_ID[case.rule].severity is Severity.ERROR
    and BY_ID[case.rule].outcome is Outcome.FAILS
    and case.rule not in NOT_MODELLED
    and case.appspec is not WINDOWS
    and "pattern: 1" not in case.after  # the real agent fails over a number when it comes to match names with it
]


def deploy(tree: Path, place: Path) -> None:
    """Bring the tree to a host of the sandbox as a bundle, and run every event there."""
    shutil.make_archive(str(place / "bundle"), "zip", tree)
    host = make_host("arn:aws:ec2:us-east-1:123456789012:instance/i-1", place / "root", "127.0.0.1", lambda: NOW)

    def fetch(_bucket: str, _key: str, _version: str | None, into: Path) -> str:
        shutil.copyfile(place / "bundle.zip", into)
        return "etag"

    executor = Executor(host, fetch)
    specification = parse_specification(
        {
            "DeploymentId": "d-1",
            "DeploymentGroupId": "group",
            "DeploymentGroupName": "shop",
            "ApplicationName": "shop",
            "Revision": {
                "RevisionType": "S3",
                "S3Revision": {"Bucket": "releases", "Key": "bundle", "BundleType": "zip"},
            },
            # The service sends them, and the agent refuses hooks that are none of them.
            "AllPossibleLifecycleEvents": ["ApplicationStop", *EVENTS, "ApplicationStart", "ValidateService"],
        }
    )
    executor.execute("DownloadBundle", specification)
    for event in EVENTS:
        executor.execute(event, specification)


@pytest.mark.parametrize("case", FAILING, ids=[f"{case.rule}-{number}" for number, case in enumerate(FAILING)])
def test_the_agent_refuses_what_the_lint_says_it_refuses(case: Case, tmp_path: Path) -> None:
    with pytest.raises((AgentError, AppSpecError, ScriptError)):
        deploy(case.build(tmp_path / "tree"), tmp_path)


@pytest.mark.parametrize("appspec", [GOOD, PERMISSION, GOOD.replace("version: 0.0", "version: 0")])
def test_the_agent_takes_what_the_lint_takes(appspec: str, tmp_path: Path) -> None:
    deploy(tree_at(tmp_path / "tree", appspec), tmp_path)
    assert (tmp_path / "root/opt/shop/main.py").read_text(encoding="utf-8") == "print()\n"


SCRIPT = st.dictionaries(st.sampled_from(["location", "timeout", "runas", "sudo"]), VALUES, max_size=4)
ENTRY = st.dictionaries(
    st.sampled_from(["source", "destination", "object", "mode", "except", "type"]), VALUES, max_size=5
)
SERVER = st.fixed_dictionaries(
    {"version": st.sampled_from(["0.0", 0, 0.0, 1]), "os": st.sampled_from(["linux", "linux", "Linux"])},
    optional={
        "files": st.lists(ENTRY, max_size=2) | VALUES,
        "permissions": st.lists(ENTRY, max_size=2) | VALUES,
        "hooks": st.dictionaries(KEYS, st.lists(SCRIPT, max_size=2) | VALUES, max_size=3) | VALUES,
        "file_exists_behavior": st.sampled_from(["RETAIN", "retain", "", 5]),
    },
)


@settings(deadline=None)
@given(SERVER, st.booleans())
def test_what_the_agent_cannot_parse_is_an_error_of_the_lint(document: object, is_plain: bool) -> None:
    text = json.dumps(document)
    if is_plain:
        text = re.sub(r'"([\w./:*-]+)"', r"\1", text)
    try:
        parse_for_agent(text)
    except AppSpecError:
        with tempfile.TemporaryDirectory() as place:
            tree = tree_at(Path(place), text)
            assert any(each.is_error for each in lint(collect(tree), shown_at=tree)), text
    except (ValueError, TypeError):
        assume(False)  # the sandbox's own parser stumbles over what no agent would read either


REFUSED = [
    case
    for case in RESOURCES
    if BY_ID[case.rule].severity is Severity.ERROR
    and case.rule in {"version", "resource", "lambda-version", "hook-unknown", "hook-duplicate", "appspec-shape"}
]


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case.rule)
def test_the_service_refuses_what_the_lint_refuses(case: Case) -> None:
    with pytest.raises(AppspecError):
        parse(case.text, "Lambda" if case.appspec is LAMBDA else "ECS")


@pytest.mark.parametrize(("appspec", "platform"), [(LAMBDA, "Lambda"), (ECS, "ECS")])
def test_the_service_takes_what_the_lint_takes(appspec: str, platform: str) -> None:
    assert parse(appspec, platform).properties
