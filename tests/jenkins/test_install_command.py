"""`deliverkit jenkins install`, typed: what it shows, asks and answers."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from jenkins_controller import ALICE, TOKEN, Controller, Interference, running_controller
from jenkins_rest import page

from deliverkit.cli.main import run
from deliverkit.cli.streams import Console

FOLDER = "<com.cloudbees.hudson.plugins.folder.Folder>{}</com.cloudbees.hudson.plugins.folder.Folder>"
JOB = "<flow-definition><description>{}</description></flow-definition>"


@dataclass
class Shop:
    """Definitions on a disk, a controller, and a terminal."""

    root: Path
    controller: Controller

    @property
    def environ(self) -> dict[str, str]:
        return {"JENKINS_URL": self.controller.url, "JENKINS_USER_ID": ALICE, "JENKINS_API_TOKEN": TOKEN}

    def write(self, name: str, content: str) -> None:
        path = self.root / f"{name}.xml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(content, encoding="utf-8")

    def type(self, *words: str, **environ: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        console = Console(out, err, {**self.environ, **environ})
        code = run(["jenkins", "install", os.fspath(self.root), *words], console)
        return code, out.getvalue(), err.getvalue()

    def type_json(self, *words: str) -> tuple[int, Any]:
        code, out, _ = self.type("--output", "json", *words)
        return code, json.loads(out)

    @property
    def changes(self) -> list[str]:
        return [each for each in self.controller.seen if each.startswith("POST")]


@pytest.fixture(scope="module")
def listening() -> Iterator[Controller]:
    with running_controller() as controller:
        controller.rewrites_xml = True
        yield controller


@pytest.fixture
def shop(listening: Controller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    monkeypatch.chdir(tmp_path)  # away from any deliverkit.yml
    listening.jobs.clear()
    listening.seen.clear()
    listening.interfere()
    shop = Shop(tmp_path / "jobs", listening)
    shop.write("shop", FOLDER.format(""))
    shop.write("shop/smoke", JOB.format("tests"))
    return shop


def test_a_plan_shows_everything_and_changes_nothing(shop: Shop) -> None:
    code, out, err = shop.type("--plan")
    assert code == 0
    assert "+++ shop/smoke (file)" in out.splitlines()
    assert "+  <description>tests</description>" in out.splitlines()
    assert out.splitlines()[-2:] == ["create     shop  folder", "create     shop/smoke  pipeline job"]
    assert err.splitlines() == [
        "2 to create",
        f"next: deliverkit jenkins install {shop.root} --yes",
    ]
    assert shop.changes == []


def test_yes_makes_it_once(shop: Shop) -> None:
    code, out, err = shop.type("--yes")
    assert (code, out) == (0, "created    shop  folder\ncreated    shop/smoke  pipeline job\n")
    assert "+  <description>tests</description>" in err
    assert err.splitlines()[-1] == "2 created"
    made = list(shop.changes)
    assert shop.type("--yes") == (
        0,
        "unchanged  shop  folder\nunchanged  shop/smoke  pipeline job\n",
        "nothing to do: 2 as defined\n",
    )
    assert shop.type() == shop.type("--yes"), "where there is nothing to do there is nothing to ask"
    assert shop.changes == made


def test_without_a_terminal_nothing_is_done_and_the_script_learns_it(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # `<&-`
    code, out, err = shop.type()
    assert (code, out) == (2, "")
    assert err.splitlines()[-2:] == [
        "error: 2 to create, and there is nobody to ask; nothing was changed",
        f"  next: deliverkit jenkins install {shop.root} --yes",
    ]
    assert shop.changes == []


@pytest.mark.parametrize(("answer", "code", "made"), [("y", 0, 2), ("", 2, 0), ("no", 2, 0)])
def test_a_person_is_asked_after_the_differences(shop: Shop, answer: str, code: int, made: int) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "deliverkit", "jenkins", "install", os.fspath(shop.root)]
    environ = {**os.environ, **shop.environ}
    os.write(master, f"{answer}\n".encode())
    done = subprocess.run(
        command, stdin=slave, capture_output=True, text=True, env=environ, cwd=shop.root, timeout=60, check=False
    )
    os.close(slave)
    os.close(master)
    assert done.returncode == code, done.stderr
    before, question, _ = done.stderr.partition("2 to create. Install? [y/N] ")
    assert question
    assert "+  <description>tests</description>" in before
    assert len(shop.controller.jobs) == made


def test_documents_for_programs(shop: Shop) -> None:
    code, planned = shop.type_json("--plan")
    assert (code, [job["fate"] for job in planned["jobs"]]) == (0, ["create", "create"])
    assert planned["jobs"][1]["diff"][:2] == ["--- (nothing)", "+++ shop/smoke (file)"]
    code, made = shop.type_json("--yes")
    assert (code, [job["fate"] for job in made["jobs"]], made["exit_code"]) == (0, ["created", "created"], 0)
    assert made["jobs"][1] == {
        "name": "shop/smoke",
        "kind": "pipeline job",
        "file": os.fspath(shop.root / "shop/smoke.xml"),
        "fate": "created",
        "diff": planned["jobs"][1]["diff"],
        "reason": "",
    }


def test_a_failed_one_is_told_on_one_line_and_in_the_exit_code(shop: Shop) -> None:
    shop.write("other", JOB.format("o"))
    oops = Interference(500, page("Oops!", "A problem occurred while processing the request"))
    shop.controller.interfere(oops, oops, concerns=lambda asked: "createItem?name=smoke" in asked)
    code, out, _ = shop.type("--yes")
    assert code == 1
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines] == [["created", "other"], ["created", "shop"], ["failed", "shop/smoke"]]
    assert "Jenkins does not accept the definition of shop/smoke (500)" in lines[2]
    assert "<" not in lines[2]
    code, document = shop.type_json("--yes")
    assert (code, document["exit_code"], document["jobs"][2]["fate"]) == (1, 1, "failed")


@pytest.mark.parametrize(
    ("environ", "code", "message"),
    [
        ({"JENKINS_API_TOKEN": "wrong"}, 8, "Jenkins does not accept user alice"),
        ({"JENKINS_API_TOKEN": ""}, 2, "JENKINS_API_TOKEN is not set"),
        ({"JENKINS_URL": "http://127.0.0.1:1/"}, 8, "connection refused"),
    ],
)
def test_a_server_that_does_not_let_us_in(shop: Shop, environ: dict[str, str], code: int, message: str) -> None:
    ended, out, err = shop.type("--yes", **environ)
    assert (ended, out) == (code, "")
    assert message in err
    assert TOKEN not in err
    assert len(err.splitlines()) == 2


def test_a_login_page_is_no_definition(shop: Shop) -> None:
    login = Interference(200, "<html><head><title>Sign in</title></head><body>SSO</body></html>")
    shop.controller.interfere(login, concerns=lambda asked: "config.xml" in asked)
    code, out, err = shop.type("--yes")
    assert (code in {1, 8}, "<html" in out + err) == (True, False)
    assert not any("createItem?name=shop" in each for each in shop.changes)


def test_plan_and_yes_contradict_each_other(shop: Shop) -> None:
    code, _, err = shop.type("--plan", "--yes")
    assert (code, err.splitlines()[0]) == (2, "error: --plan changes nothing, and --yes wants it done")


def test_all_faults_of_the_files_before_anything_is_asked(shop: Shop) -> None:
    shop.write("broken", "<flow-definition>")
    shop.write("bomb", "<!DOCTYPE x [<!ENTITY a 'aaaa'>]><x>&a;</x>")
    code, out, err = shop.type("--yes")
    assert (code, out) == (2, "")
    assert "broken.xml:1: not XML" in err
    assert "bomb.xml:1: a document type declaration" in err
    assert shop.controller.seen == []


def test_what_is_secret_reaches_neither_terminal_nor_document(shop: Shop) -> None:
    secret = "<flow-definition><authToken>open-sesame</authToken></flow-definition>"
    shop.write("shop/smoke", secret)
    shown = "".join(shop.type("--plan")[1:]) + json.dumps(shop.type_json("--plan")[1])
    assert "<authToken>***</authToken>" in shown
    assert "open-sesame" not in shown
    assert shop.type("--yes")[0] == 0
    assert "open-sesame" in shop.controller.jobs["shop/smoke"].xml
