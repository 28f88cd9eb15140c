"""Two builds with the real deliverkit against the sandbox: one is delivered, one is aborted while production bakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from bench import ROOT, Case, play, require_groovy
from shop import Shop


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    require_groovy()
    opened = Shop.open(tmp_path)
    opened.start(instances=("1",))
    yield opened
    opened.stop()


def jenkinsfile(name: str) -> str:
    return (ROOT / "jenkins" / name).read_text(encoding="utf-8")


def decisions(shop: Shop, promotion: str) -> list[Any]:
    """What is on record of people's decisions."""
    events = shop.must("ledger", "log", promotion, "--output", "json").document
    return [each["payload"] for each in events if each["kind"] == "approval.decided"]


def test_a_build_from_package_to_production_and_one_that_is_aborted(shop: Shop, tmp_path: Path) -> None:
    mary = {"DECISION": "approve", "REASON": "--notes read", "RECORDED_BY": "", "APPROVER": "mary"}
    approve = "deliverkit approve --gate production --reason='typed elsewhere' --profile approver"
    joe = {"DECISION": "reject", "REASON": "", "RECORDED_BY": "joe", "APPROVER": "joe"}
    common = {"place": shop.directory, "records_on_path": False}
    ended, _ = play(
        tmp_path,
        {
            "delivered": Case(
                jenkinsfile("Jenkinsfile"),
                answers=[None, {"answer": mary}],
                environ=shop.environ | {"BUILD_NUMBER": "1"},
                **common,
            ),
            # Approved at the command line while the build asks; then somebody aborts the build.
            "aborted": Case(
                jenkinsfile("Jenkinsfile.minimal"),
                answers=[{"run": f"cd {shop.directory} && {approve}", "answer": joe}],
                environ=shop.environ | {"BUILD_NUMBER": "2"},
                abort={"when": "bakes until", "stage": "Deploy-Production", "gap": 1000},
                **common,
            ),
        },
    )
    delivered, aborted = ended["delivered"], ended["aborted"]
    assert delivered.result == "SUCCESS", delivered.log
    assert len(delivered.asked) == 2
    for published in delivered.published:
        assert ET.fromstring(published["text"]).findall(".//testcase")
    assert len(delivered.published) == 3
    [by_mary] = decisions(shop, delivered.env["PROMOTION"])
    assert (by_mary["person"], by_mary["reason"], by_mary["via"]) == ("mary", "--notes read", "jenkins-shop-7")

    assert aborted.result == "ABORTED", aborted.log
    assert aborted.stages[-1] == "Deploy-Production"
    assert "Recorded already, by joe" in aborted.log
    assert "script returned exit code 143" in aborted.log
    [by_joe] = decisions(shop, aborted.env["DELIVERKIT_PROMOTION"])
    assert by_joe["reason"] == "typed elsewhere"
    assert shop.serving("production") == {"1.0.1"}
    assert shop.run("wait", aborted.env["DELIVERKIT_PROMOTION"]).code == 3
    # Jenkins may run the post step again; there is nothing left to do.
    assert shop.run("abort", aborted.env["DELIVERKIT_PROMOTION"], "--rollback").code == 0
    assert shop.must("lock", "show", "production").out.strip() == "production is free"
