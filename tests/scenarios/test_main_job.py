"""The main job, as people and Jenkins type it, on real processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from jenkins_controller import ALICE, TOKEN, Asked, running_controller
from shop import Shop

APPROVER = "arn:aws:iam::123456789012:user/approver"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    opened = Shop.open(Path(tmp_path_factory.mktemp("shop")))
    opened.start(instances=("1", "production=3"))
    yield opened
    opened.stop()


def approve_what_a_build_asks_too(shop: Shop, promotion: str) -> None:
    """A build of Jenkins asks for the same approval; whoever gives it at the command line answers the build, too."""
    with running_controller() as jenkins:
        asked = Asked("gate-production", parameters={"RECORDED_BY": "", "DECISION": ("reject", "approve")})
        jenkins.add_job("shop/delivery", parameters=None, asks=(asked,))
        jenkins.enqueue("shop/delivery", {})
        jenkins.settle_queue()
        question = str(shop.must("status", promotion, "--output", "json").document["question"]["number"])
        build = {"JOB_NAME": "shop/delivery", "BUILD_NUMBER": "1"}
        offer = ("jenkins", "input", "offer", promotion, "--question", question, "--input", "gate-production")
        assert shop.run(*offer, **build).code == 0
        access = {"JENKINS_URL": jenkins.url, "JENKINS_USER_ID": ALICE, "JENKINS_API_TOKEN": TOKEN}
        approve = ("approve", promotion, "--reason", "looks good", "--profile", "approver")
        approved = shop.run(*approve, **access)
        assert (approved.code, "shop/delivery #1 goes on" in approved.err) == (0, True), approved
        [answered] = jenkins.builds("shop/delivery")[0].asked
        assert (answered.answer, answered.given) == ("submit", {"RECORDED_BY": APPROVER, "DECISION": "reject"})
    # The build comes back with the answer that it was given; nothing is recorded twice.
    again = shop.must(*approve, "--question", question)
    assert again.code == 0
    events = shop.must("ledger", "log", promotion, "--output", "json").document
    assert [each["payload"]["by"] for each in events if each["kind"] == "approval.decided"] == [APPROVER]


def test_the_main_job(shop: Shop) -> None:
    # A good release goes through dev and staging and waits for a release manager.
    shop.release("1.0.0")
    ran = shop.run("promote", "1.0.0", "--to", "production")
    assert ran.code == 5, ran
    promotion = ran.out.splitlines()[0]
    assert re.fullmatch(r"production-\d+", promotion)
    assert shop.serving("dev") == shop.serving("staging") == {"1.0.0"}
    assert "1.0.0" not in shop.serving("production")

    # Only somebody else may approve, and only a release manager.
    refused = shop.run("approve", promotion, "--gate", "production", "--reason", "mine", "--profile", "developer")
    assert refused.code == 6, refused
    shop.must("approve", promotion, "--gate", "production", "--reason", "looks good", "--profile", "approver")
    report = shop.directory / "gates.xml"
    ran = shop.run("wait", promotion, "--junit", str(report))
    assert ran.code == 0, ran
    assert shop.serving("production") == {"1.0.0"}
    assert len(shop.addresses("production")) == 3
    assert {case.get("name") for case in ET.parse(report).iter("testcase")} >= {"up (after)"}

    # The next one is healthy at first and fails under its gate: it goes back by itself.
    shop.release("2.0.0", "--faulty-after", "4", "--faulty-in", "storefront-production")
    ran = shop.run("promote", "2.0.0", "--to", "production")
    assert ran.code == 5, ran
    promotion = ran.out.splitlines()[0]
    approve_what_a_build_asks_too(shop, promotion)
    ran = shop.run("wait", promotion)
    assert ran.code == 3, ran
    assert "failed 2 times, 1 is tolerated" in ran.out + ran.err
    assert shop.serving("production") == {"1.0.0"}
    assert shop.serving("staging") == {"2.0.0"}

    # Nobody is told that it was a success.
    status = shop.must("status", promotion)
    assert "rolled" in status.out
    executions = shop.aws("codepipeline", "list-pipeline-executions", "--pipeline-name", "storefront-delivery")
    by_source = {
        each["sourceRevisions"][0]["revisionId"]: each["status"]
        for each in reversed(executions["pipelineExecutionSummaries"])
        if each.get("sourceRevisions") and each.get("executionType") != "ROLLBACK"
    }
    assert sorted(by_source.values()) == ["Failed", "Succeeded"]
    assert shop.run("promote", "2.0.0", "--to", "dev").code == 7
    shop.must("ledger", "verify")
    an_independent_client_sees_the_same(shop)


def an_independent_client_sees_the_same(shop: Shop) -> None:
    groups = shop.aws("deploy", "list-deployment-groups", "--application-name", "storefront")["deploymentGroups"]
    assert set(groups) == {"storefront-dev", "storefront-staging", "storefront-production"}
    listed = shop.aws(
        "deploy", "list-deployments", "--application-name", "storefront", "--deployment-group-name", "storefront-dev"
    )
    assert listed["deployments"]
    newest = shop.aws("deploy", "get-deployment", "--deployment-id", listed["deployments"][0])["deploymentInfo"]
    assert newest["status"] == "Succeeded"
    state = shop.aws("codepipeline", "get-pipeline-state", "--name", "storefront-delivery")
    assert [stage["stageName"] for stage in state["stageStates"]][:2] == ["Source", "Deploy-Dev"]
