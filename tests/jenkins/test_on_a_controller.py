"""Whole ways through `deliverkit jenkins`, on the controller of tests, and on a real one where one is named.

JENKINS_URL, JENKINS_USER_ID (who may create jobs at the top) and JENKINS_API_TOKEN name it. It needs the plugins of
jenkins/plugins.txt, and no agent: what runs here waits for an answer and writes to its log. What is made there stays
there, in the folder `deliverkit-test`.
"""

from __future__ import annotations

import io
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jenkins_controller import ALICE, TOKEN, Asked, Controller, running_controller
from real_jenkins import NO_JENKINS, VARIABLES

from deliverkit.cli.main import run
from deliverkit.cli.streams import Console

ROOT = Path(__file__).parents[2]
FOLDER = "deliverkit-test"
JOB = f"{FOLDER}/ask"
FOLDER_XML = (
    "<com.cloudbees.hudson.plugins.folder.Folder><description>Tests of deliverkit</description>"
    "</com.cloudbees.hudson.plugins.folder.Folder>\n"
)
SCRIPT = """echo "VERSION is ${params.VERSION}"
def reason = input(id: 'ship-it', message: 'Ship it?', ok: 'Ship', parameters: [string(name: 'REASON')])
echo "because ${reason}"
"""
JOB_XML = f"""<?xml version='1.1' encoding='UTF-8'?>
<flow-definition>
  <description>Asks whether to go on; tests answer.</description>
  <properties>
    <hudson.model.ParametersDefinitionProperty>
      <parameterDefinitions>
        <hudson.model.StringParameterDefinition><name>VERSION</name></hudson.model.StringParameterDefinition>
        <hudson.model.StringParameterDefinition><name>DELIVERKIT_REQUEST</name></hudson.model.StringParameterDefinition>
      </parameterDefinitions>
    </hudson.model.ParametersDefinitionProperty>
  </properties>
  <definition class="org.jenkinsci.plugins.workflow.cps.CpsFlowDefinition">
    <script><![CDATA[{SCRIPT}]]></script>
    <sandbox>true</sandbox>
  </definition>
</flow-definition>
"""


@dataclass
class Bench:
    """A controller that is meant, and the command line."""

    environ: dict[str, str]
    controller: Controller | None
    """The one of tests; None for a real one."""

    def type(self, *words: str) -> tuple[int, Any, str]:
        out, err = io.StringIO(), io.StringIO()
        code = run(["jenkins", *words, "--output", "json"], Console(out, err, self.environ))
        return code, json.loads(out.getvalue() or "null"), err.getvalue()

    def rehearse(self) -> None:
        """Tell the controller of tests what the script of the job would do."""
        if self.controller:
            job = self.controller.jobs[JOB]
            job.log = b"VERSION is 1.2.3\nbecause tests are green\n"
            job.asks = (Asked(parameters={"REASON": ""}),)

    def until_asked(self, request: str) -> int:
        """Number of the build of a request, once it asks."""
        if self.controller:
            self.controller.settle_queue()
        for _ in range(60):
            _, seen, _ = self.type("status", JOB)
            if seen and seen["parameters"].get("DELIVERKIT_REQUEST") == request and seen["questions"]:
                return int(seen["number"])
            if self.controller is None:
                time.sleep(1)
        raise AssertionError("it asks nothing")


@pytest.fixture(scope="module", params=["rehearsed", "real"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    if request.param == "real":
        if not all(os.environ.get(name) for name in VARIABLES):
            pytest.skip(NO_JENKINS)
        yield Bench({name: os.environ[name] for name in VARIABLES}, None)
        return
    with running_controller() as controller:
        controller.rewrites_xml = True
        yield Bench(dict(zip(VARIABLES, (controller.url, ALICE, TOKEN), strict=True)), controller)


@pytest.fixture(scope="module")
def definitions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("jobs")
    (root / FOLDER).mkdir()
    (root / f"{FOLDER}.xml").write_text(FOLDER_XML)
    (root / f"{JOB}.xml").write_text(JOB_XML)
    return root


def asked_for(bench: Bench, definitions: Path) -> tuple[str, int]:
    """A request whose build asks, and the build's number."""
    code, made, told = bench.type("install", os.fspath(definitions), "--yes")
    assert code == 0, (made, told)
    bench.rehearse()
    request = secrets.token_hex(8)
    code, _, told = bench.type("trigger", JOB, "-p", "VERSION=1.2.3", "--request", request, "--detach")
    assert code == 0, told
    return request, bench.until_asked(request)


def test_installed_triggered_asked_approved_and_followed(bench: Bench, definitions: Path) -> None:
    request, number = asked_for(bench, definitions)
    code, _, told = bench.type("input", "approve", JOB, str(number), "-p", "REASON=tests are green")
    assert code == 0, told
    code, ended, told = bench.type("trigger", JOB, "--attach", "--request", request, "--every", "1s")
    assert (code, ended["number"], ended["result"]) == (0, number, "SUCCESS"), told
    assert "VERSION is 1.2.3" in told
    assert "because tests are green" in told
    code, seen, _ = bench.type("status", JOB, str(number))
    assert (code, seen["result"], seen["questions"]) == (0, "SUCCESS", [])


def test_rejected(bench: Bench, definitions: Path) -> None:
    request, number = asked_for(bench, definitions)
    code, _, told = bench.type("input", "reject", JOB, str(number))
    assert code == 0, told
    code, ended, _ = bench.type("trigger", JOB, "--attach", "--request", request, "--every", "1s")
    assert (code, ended["result"]) == (1, "ABORTED")


def test_definitions_of_the_storefront_are_taken_and_kept(bench: Bench, tmp_path: Path) -> None:
    """What a controller makes of a definition is no difference: the second installation finds nothing to do."""
    (tmp_path / f"{FOLDER}.xml").write_text(FOLDER_XML)
    shutil.copytree(ROOT / "jenkins/jobs", tmp_path / FOLDER)
    code, made, told = bench.type("install", os.fspath(tmp_path), "--yes")
    assert (code, [job["reason"] for job in made["jobs"]]) == (0, [""] * len(made["jobs"])), told
    code, again, told = bench.type("install", os.fspath(tmp_path))
    assert (code, {job["fate"] for job in again["jobs"]}) == (0, {"unchanged"}), told
