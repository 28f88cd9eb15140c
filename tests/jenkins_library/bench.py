"""Runs Jenkinsfiles and the shared library without Jenkins: Groovy and steps of our own, whose `sh` is a real shell."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "jenkins" / "vars"
HARNESS = Path(__file__).parent / "harness"
MISSING = "groovy is not installed: `scripts/ci-packages` does it"

# A deliverkit that writes down what it is asked and answers what the case lays out: reply N is the file N, whose first
# line is the exit code and the rest stdout. Without a reply it ends with 0 and says nothing.
RECORDER = """#!/bin/sh
if [ "$*" = --version ]; then echo "deliverkit ${RECORDED_VERSION:-0.1.0}"; exit 0; fi
count=$(($(cat "$RECORDS/count" 2>/dev/null || echo 0) + 1))
echo "$count" >"$RECORDS/count"
for word; do printf '%s\\0' "$word"; done >"$RECORDS/asked.$count"
reply="$RECORDS/reply.$count"
[ -f "$reply" ] || exit 0
tail -n +2 "$reply"
exit "$(head -n 1 "$reply")"
"""


@dataclass
class Case:
    """One build.

    Attributes:
        script: The Jenkinsfile.
        replies: For the recorder: what each call of deliverkit ends with and writes.
        answers: For `input`: None as after `proceedEmpty`; {"answer": {...}, "run": command meanwhile, "by": names of
            who answers and of their groups}; {"abort": who, "result": of the build}; {"silent": True} until a timeout
            around it ends, as is what comes after the last of them.
        environ: More variables of the build.
        abort: {"when": text in the log of a step, "stage": its stage, "gap": ms until the main process is told as well,
            "patience": ms until the step ends all the same}.
        place: Where it works; one of its own under the bench's otherwise.
        records_on_path: Whether the recorder is deliverkit here.
        causes: Why it runs, as `getBuildCauses` gives it.
        lacks: Steps whose plugins are not installed.
        removed: A step whose log has the first of these texts loses its agent; the next one is for a later step.
        overtaken: Milestones that a newer build has passed.
    """

    script: str
    replies: list[tuple[int, Any]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)
    environ: dict[str, str] = field(default_factory=dict)
    abort: dict[str, Any] | None = None
    place: Path | None = None
    records_on_path: bool = True
    causes: list[dict[str, str]] = field(default_factory=list)
    lacks: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    overtaken: list[int] = field(default_factory=list)


@dataclass
class Ended:
    """How a build ended; the attributes are those of `Build.run`; `waited` is in milliseconds."""

    place: Path
    records: Path
    result: str
    failure: str
    log: str
    env: dict[str, str]
    trace: list[dict[str, Any]]
    asked: list[dict[str, Any]]
    published: list[dict[str, str]]
    shown: list[dict[str, str]]
    description: str | None
    stages: list[str]
    held: int
    waited: int

    @property
    def commands(self) -> list[list[str]]:
        """What deliverkit was asked, without `--output json`."""
        found = []
        for number in range(1, 1 + len(list(self.records.glob("asked.*")))):
            words = (self.records / f"asked.{number}").read_bytes().decode().split("\0")[:-1]
            found.append(words[2:] if words[:2] == ["--output", "json"] else words)
        return found

    @property
    def deeds(self) -> list[list[str]]:
        """The same without what only tells of it afterwards."""
        return [words for words in self.commands if words[0] != "report"]

    def steps(self, name: str) -> list[dict[str, str]]:
        """The parameters of every call of a step."""
        return [each["given"] for each in self.trace if each["step"] == name]


def require_groovy() -> str:
    """The command; where continuous integration lacks it, that is a failure."""
    found = shutil.which("groovy")
    if found and shutil.which("java"):
        return found
    if os.environ.get("CI"):
        pytest.fail(MISSING)
    pytest.skip(MISSING)


def play(directory: Path, cases: dict[str, Case], scans: dict[str, str] | None = None) -> tuple[dict[str, Ended], Any]:
    """Run all cases in one Java machine; give how they ended, and what the scan found in each text."""
    groovy = require_groovy()
    orders: dict[str, Any] = {"library": str(LIBRARY), "order": list(cases), "cases": {}, "scans": scans or {}}
    for name, case in cases.items():
        orders["cases"][name] = _prepared(directory / name, case)
    (directory / "orders.json").write_text(json.dumps(orders), encoding="utf-8")
    java = Path(os.path.realpath(shutil.which("java") or "")).parents[1]
    opens = [f"--add-opens=java.base/{each}=ALL-UNNAMED" for each in ("java.lang", "java.io", "java.util")]
    ran = subprocess.run(
        [groovy, "-cp", str(HARNESS), str(HARNESS / "Main.groovy"), "orders.json", "results.json"],
        cwd=directory,
        env={
            **os.environ,
            "JAVA_HOME": str(java),
            "JAVA_OPTS": " ".join(["-Xshare:auto", "-XX:TieredStopAtLevel=1", *opens]),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    results = json.loads((directory / "results.json").read_text(encoding="utf-8"))
    ended = {}
    for name, result in results["cases"].items():
        ended[name] = Ended(cases[name].place or directory / name / "shop", directory / name / "records", **result)
    return ended, results["scans"]


def _prepared(own: Path, case: Case) -> dict[str, Any]:
    place, records = case.place or own / "shop", own / "records"
    place.mkdir(parents=True, exist_ok=True)
    records.mkdir(parents=True)
    for number, (code, document) in enumerate(case.replies, start=1):
        text = document if isinstance(document, str) else json.dumps(document)
        (records / f"reply.{number}").write_text(f"{code}\n{text}\n", encoding="utf-8")
    environ = {"HOME": str(own), "PATH": os.environ["PATH"], "RECORDS": str(records), **case.environ}
    if case.records_on_path:
        command = own / "bin" / "deliverkit"
        command.parent.mkdir()
        command.write_text(RECORDER, encoding="utf-8")
        command.chmod(command.stat().st_mode | stat.S_IXUSR)
        environ["PATH"] = f"{command.parent}{os.pathsep}{environ['PATH']}"
    answers = list(case.answers)
    build = {"script": case.script, "workspace": str(place), "env": environ, "answers": answers, "abort": case.abort}
    others = {"removed": list(case.removed), "overtaken": case.overtaken}
    return build | others | {"causes": case.causes, "lacks": case.lacks}


def python_path() -> str:
    """A PATH on which `deliverkit` is the one under test."""
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
