"""The appspec's lint: each rule has a case here, told with file and line before anything is packed."""

from __future__ import annotations

from pathlib import Path

import pytest

from deliverkit.errors import UsageError
from deliverkit.packaging.collect import collect
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.lint import lint
from deliverkit.packaging.package import build_bundle
from deliverkit.packaging.rules import RULES

GOOD = """version: 0.0
os: linux
files:
  - source: app
    destination: /opt/app
hooks:
  AfterInstall:
    - location: scripts/run.sh
      timeout: 60
"""

CASES: list[tuple[str, str, str, int]] = [
    # rule, what is replaced in GOOD, by what, line of the finding
    ("version", "version: 0.0", "version: 1.0", 1),
    ("os", "os: linux", "os: solaris", 2),
    ("key-unknown", "destination: /opt/app", "destination: /opt/app\n    destnation: /x", 6),
    ("hook-unknown", "AfterInstall:", "AfterInstal:", 7),
    ("hook-not-scriptable", "AfterInstall:", "Install:", 7),
    ("location-required", "- location: scripts/run.sh\n      timeout: 60", "- timeout: 60", 8),
    ("location-arguments", "scripts/run.sh", "scripts/run.sh --now", 8),
    ("location-absolute", "scripts/run.sh", "/scripts/run.sh", 8),
    ("location-escapes", "scripts/run.sh", "../scripts/run.sh", 8),
    ("script-missing", "scripts/run.sh", "scripts/walk.sh", 8),
    ("timeout", "timeout: 60", "timeout: 5m", 9),
    ("timeout", "timeout: 60", "timeout: 0", 9),
    ("timeout-total", "timeout: 60", "timeout: 3000\n    - location: scripts/run.sh\n      timeout: 3000", 7),
    ("file-incomplete", "- source: app\n    destination: /opt/app", "- source: app", 4),
    ("source-escapes", "source: app", "source: ../../../etc/passwd", 4),
    ("source-missing", "source: app", "source: nothing", 4),
    ("destination-relative", "destination: /opt/app", "destination: opt/app", 5),
    (
        "destination-duplicate",
        "destination: /opt/app",
        "destination: /opt/app\n  - source: app\n    destination: /opt/app",
        7,
    ),
    ("object-required", "hooks:", "permissions:\n  - mode: 755\nhooks:", 7),
    ("mode", "hooks:", "permissions:\n  - object: /opt\n    mode: 98765\nhooks:", 8),
    ("mode-octal", "hooks:", "permissions:\n  - object: /opt\n    mode: 0644\nhooks:", 8),
    ("permission-type", "hooks:", "permissions:\n  - object: /opt\n    type: [folder]\nhooks:", 8),
    ("permission-os", "os: linux\n", "os: windows\npermissions:\n  - object: c:\\x\n    mode: 755\n", 4),
    ("file-exists-behavior", "os: linux", "os: linux\nfile_exists_behavior: overwrite", 3),
    ("yaml-syntax", "os: linux", "os: [linux", 3),
    ("yaml-syntax", "os: linux", "os: linux\x01", 2),
    ("yaml-syntax", "os: linux", "os: &a [*a]", 2),
    ("key-unknown", "os: linux", "os: linux\n<<: 5", 3),
    ("appspec-shape", "os: linux", "os: linux\n? [a]\n: b", 3),
    ("yaml-duplicate-key", "os: linux", "os: linux\nos: linux", 3),
    ("yaml-alias", "source: app\n    destination: /opt/app", "source: &a app\n    destination: *a", 4),
    ("appspec-shape", "files:\n  - source: app\n    destination: /opt/app\n", "files: none\n", 3),
    ("sudo", "timeout: 60", "timeout: 60\n      sudo: true", 10),
    ("application-stop", "AfterInstall:", "ApplicationStop:", 7),
]


def tree_at(root: Path, appspec: str | None) -> Path:
    (root / "app").mkdir(parents=True)
    (root / "app" / "main.py").write_text("print()\n")
    script = root / "scripts" / "run.sh"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\ntrue\n")
    script.chmod(0o755)
    if appspec is not None:
        (root / "appspec.yml").write_text(appspec, encoding="utf-8")
    return root


def findings(tree: Path) -> list[Finding]:
    return list(lint(collect(tree), shown_at=tree))


def test_a_good_appspec_has_nothing_to_say(tmp_path: Path) -> None:
    assert findings(tree_at(tmp_path / "tree", GOOD)) == []


@pytest.mark.parametrize(("rule", "before", "after", "line"), CASES, ids=[f"{c[0]}-{n}" for n, c in enumerate(CASES)])
def test_a_case_of_each_rule(tmp_path: Path, rule: str, before: str, after: str, line: int) -> None:
    assert before in GOOD
    tree = tree_at(tmp_path / "tree", GOOD.replace(before, after, 1))
    found = [each for each in findings(tree) if each.rule == rule]
    assert [each.place.line for each in found][:1] == [line], [str(each) for each in findings(tree)]
    assert str(found[0]).startswith(f"{tree}/appspec.yml:{line}:")
    if found[0].is_error:
        with pytest.raises(UsageError) as caught:
            build_bundle(tree, destination=tmp_path / "out.zip")
        assert f"appspec.yml:{line}:" in caught.value.message
        assert len(caught.value.message.splitlines()) < 24
        assert not (tmp_path / "out.zip").exists()
    else:
        assert rule in {each.rule for each in build_bundle(tree, destination=tmp_path / "out.zip").findings}


SCRIPTS = [
    ("script-no-shebang", b"true\n", 0o755),
    ("script-crlf", b"#!/bin/sh\r\ntrue\r\n", 0o755),
    ("script-background", b"#!/bin/sh\nserver &\n", 0o755),
    ("script-not-executable", b"#!/bin/sh\ntrue\n", 0o644),
]


@pytest.mark.parametrize(("rule", "content", "mode"), SCRIPTS)
def test_scripts_that_will_hurt_are_warned_of(tmp_path: Path, rule: str, content: bytes, mode: int) -> None:
    tree = tree_at(tmp_path / "tree", GOOD)
    script = tree / "scripts" / "run.sh"
    script.write_bytes(content)
    script.chmod(mode)
    assert [each.rule for each in findings(tree)] == [rule]


def test_a_background_process_whose_output_goes_elsewhere_is_fine(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", GOOD)
    (tree / "scripts" / "run.sh").write_text("#!/bin/sh\nserver >/dev/null 2>&1 &\n")
    assert findings(tree) == []


def test_a_tree_without_an_appspec(tmp_path: Path) -> None:
    assert [each.rule for each in findings(tree_at(tmp_path / "tree", None))] == ["appspec-missing"]


def test_an_appspec_that_only_half_of_the_agent_finds(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", GOOD)
    (tree / "appspec.yml").rename(tree / "appspec.yaml")
    assert "appspec-name" in {each.rule for each in findings(tree)}


@pytest.mark.parametrize(
    ("content", "rule"), [("", "appspec-empty"), ("# nothing\n", "appspec-empty"), ("x" * 2_000_000, "appspec-size")]
)
def test_an_appspec_that_is_none(tmp_path: Path, content: str, rule: str) -> None:
    assert [each.rule for each in findings(tree_at(tmp_path / "tree", content))] == [rule]


def test_a_lambda_appspec_is_checked_too(tmp_path: Path) -> None:
    appspec = "version: 0.0\nResources:\n  - shop:\n      Type: AWS::Lambda::Function\n      Properties: {Name: shop}\n"
    assert "resource" in {each.rule for each in findings(tree_at(tmp_path / "tree", appspec))}


def test_an_unknown_hook_is_told_with_the_nearest_one(tmp_path: Path) -> None:
    (found,) = findings(tree_at(tmp_path / "tree", GOOD.replace("AfterInstall", "AfterInstal")))
    assert "AfterInstall" in found.message


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    appspec = GOOD.replace("0.0", "2.0").replace("AfterInstall", "AfterInstal").replace("source: app", "source: ../x")
    with pytest.raises(UsageError, match="3 errors"):
        build_bundle(tree_at(tmp_path / "tree", appspec), destination=tmp_path / "out.zip")


def test_every_rule_has_a_case() -> None:
    tested = {case[0] for case in CASES} | {case[0] for case in SCRIPTS}
    tested |= {"appspec-missing", "appspec-name", "appspec-empty", "appspec-size", "resource"}
    assert {rule.id for rule in RULES} == tested
