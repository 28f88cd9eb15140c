"""Packages with plug-ins, installed as pip leaves them: modules, and a `dist-info` beside them, on the path."""

from __future__ import annotations

import configparser
import shutil
from collections.abc import Mapping
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "examples" / "check-plugin"
BAD = """
import sys, threading
from deliverkit.check_plugins import Assessment, CheckPlugin, Observation, Verdict

class Plain(CheckPlugin):
    def observe(self, spec, context):
        return Observation({"spec": dict(spec)}, "asked", (0.1,))
    def assess(self, spec, seen, state):
        return Assessment(Verdict.PASSED, "fine", 1.0)

class Raising(Plain):
    kind = "bad-raising"
    def observe(self, spec, context):
        raise RuntimeError("no such service")

class Leaving(Plain):
    kind = "bad-leaving"
    def observe(self, spec, context):
        sys.exit(0)

class Hanging(Plain):
    kind = "bad-hanging"
    timeout = 0.2
    asked = 0
    release = threading.Event()
    def observe(self, spec, context):
        type(self).asked += 1
        self.release.wait(30)

class Rubbish(Plain):
    kind = "bad-rubbish"
    def observe(self, spec, context):
        return True

class Endless(Plain):
    kind = "bad-endless"
    def observe(self, spec, context):
        return Observation({"page": "x" * 1_000_000})

class Nan(Plain):
    kind = "bad-nan"
    def observe(self, spec, context):
        return Observation({"value": float("nan")})

class Judging(Plain):
    kind = "bad-judging"
    answers = {
        "nan": Assessment(Verdict.PASSED, "fine", float("nan")),
        "true": True,
        "none": None,
        "outcome": Assessment("passed", "fine"),
        "silent": Assessment(Verdict.PASSED, " "),
        "state": Assessment(Verdict.PASSED, "fine", state={1, 2}),
        "huge": Assessment(Verdict.PASSED, "fine", 10**400),
        "ajar": Assessment(Verdict.INCONCLUSIVE, "not yet", is_open="yes"),
        "open": Assessment(Verdict.FAILED, "down", is_open=True),
        "bytes": Assessment(Verdict.PASSED, "caf\\udce9 is there", 3),
    }
    def assess(self, spec, seen, state):
        return self.answers[spec["how"]]

class Reading(Plain):
    kind = "bad-reading"
    def read(self, settings):
        return {"set": {1, 2}} if settings else 1 / 0

class Secretive(Plain):
    kind = "good-secretive"
    is_stateful = True
    def observe(self, spec, context):
        return Observation({"told": spec["token"], spec["token"]: [spec["token"]]}, "GET " + spec["token"])
    def assess(self, spec, seen, state):
        return Assessment(Verdict.PASSED, f"told {seen['told']}", state=(state or 0) + 1)

class Patient(Plain):
    kind = "good-patient"
    asked = 0
    def observe(self, spec, context):
        type(self).asked += 1
        return None if type(self).asked % 3 else Observation({})

class Nameless(Plain):
    kind = "another-kind"

class Unmade(Plain):
    kind = "bad-unmade"
    def __init__(self):
        raise OSError("no licence")

class Stranger:
    kind = "bad-stranger"
"""


def install(site: Path, package: str, version: str, entry_points: Mapping[str, str]) -> None:
    """A package's description, with what it offers."""
    folder = site / f"{package.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
    lines = [f"{name} = {value}" for name, value in entry_points.items()]
    (folder / "entry_points.txt").write_text("\n".join(["[deliverkit.checks]", *lines, ""]))


def install_example(site: Path) -> None:
    """The example, as its own setup.cfg describes it."""
    setup = configparser.ConfigParser()
    setup.read(EXAMPLE / "setup.cfg")
    shutil.copytree(EXAMPLE / "acme_checks", site / "acme_checks")
    offered = dict(
        line.split(" = ") for line in setup["options.entry_points"]["deliverkit.checks"].strip().splitlines()
    )
    install(site, setup["metadata"]["name"], setup["metadata"]["version"], offered)


def install_bad(site: Path) -> None:
    """A package full of plug-ins that do what they must not."""
    (site / "bad_checks.py").write_text(BAD)
    names = {
        **{f"bad-{name}": name.title() for name in ("raising", "leaving", "hanging", "rubbish", "endless", "nan")},
        **{f"bad-{name}": name.title() for name in ("judging", "reading", "unmade", "stranger", "nameless")},
        "bad-absent": "NotThere",
        "good-secretive": "Secretive",
        "good-patient": "Patient",
        "nohyphen": "Plain",
    }
    install(site, "bad-checks", "0.1", {name: f"bad_checks:{value}" for name, value in names.items()})
