"""The appspec's lint: each rule has a case, told with file and line before anything is packed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lint_cases import CASES, ECS, GOOD, KEYS, LAMBDA, PERMISSION, VALUES, WINDOWS, Case, findings, tree_at
from ruamel.yaml import YAML

from deliverkit.errors import UsageError
from deliverkit.packaging.appspec import parse_appspec
from deliverkit.packaging.collect import collect
from deliverkit.packaging.finding import Severity
from deliverkit.packaging.lint import lint
from deliverkit.packaging.package import build_bundle
from deliverkit.packaging.rules import RULES
from deliverkit.packaging.yaml11 import retyped


@pytest.mark.parametrize(
    "appspec", [GOOD, PERMISSION, WINDOWS, LAMBDA, ECS], ids=["linux", "permission", "windows", "lambda", "ecs"]
)
def test_a_good_appspec_has_nothing_to_say(appspec: str, tmp_path: Path) -> None:
    assert [str(each) for each in findings(tree_at(tmp_path / "tree", appspec))] == []


@pytest.mark.parametrize("case", CASES, ids=[f"{case.rule}-{number}" for number, case in enumerate(CASES)])
def test_a_case_of_each_rule(case: Case, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    everything = case.findings(tree)
    found = [each for each in everything if each.rule == case.rule]
    assert [each.place.line for each in found][:1] == [case.line], [str(each) for each in everything]
    assert str(found[0]).startswith(f"{tree}/{case.file}:{case.line}:")
    destination = tmp_path / "out.zip"
    if any(each.is_error for each in everything):
        with pytest.raises(UsageError) as caught:
            build_bundle(tree, destination=destination, policy=case.policy, format=case.format)
        assert f"{case.file}:{case.line}:" in caught.value.message or not found[0].is_error
        assert len(caught.value.message.splitlines()) < 24
        assert not destination.exists()
    else:
        told = {
            each.rule
            for each in build_bundle(tree, destination=destination, policy=case.policy, format=case.format).findings
        }
        assert (case.rule in told) is (found[0].severity is Severity.WARNING)


def test_every_rule_has_a_case() -> None:
    tested = {case.rule for case in CASES}
    tested |= {"appspec-missing", "appspec-name", "appspec-nested", "appspec-several", "appspec-empty", "appspec-size"}
    tested |= {"script-not-executable", "link-dangles"}
    # Those about the build itself: test_packaging_unfit.py.
    tested |= {"build-unfit", "unreadable", "not-a-file", "link-leaves", "name-unfit", "secret", "changed"}
    tested |= {"appspec-elsewhere", "allow-file-unused"}
    assert {rule.id for rule in RULES} == tested
    assert len({rule.id for rule in RULES}) == len(RULES)


def test_rules_speak_in_sentences() -> None:
    for rule in RULES:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", rule.id)
        assert rule.why.endswith("."), rule.id
        assert not rule.fix.endswith("."), rule.id
        assert rule.is_allowable or rule.severity is Severity.ERROR or rule.id.startswith("allow-")


# --- scripts -----------------------------------------------------------------------------------------


def test_a_script_that_is_not_executable(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", GOOD)
    (tree / "scripts" / "run.sh").chmod(0o644)
    assert [each.rule for each in findings(tree)] == ["script-not-executable"]


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\nserver >/dev/null 2>&1 &\n",
        "#!/bin/sh\nexec >/var/log/x 2>&1\nserver &\n",
        '#!/bin/sh\ncd "$(dirname "$0")"\n./start\n',
        "#!/bin/sh\ncd /opt/shop && ./start\n",
        "#!/bin/sh\necho starts app/main.py\n",
        "#!/bin/sh\n# ./start and server &\ncat <<EOF\n./x &\nBUNDLE_COMMIT\nEOF\n",
        "#!/usr/bin/env python3\nimport os\nos.system('./start')\n",
        "#!/bin/sh\nfind / -name x\ntar -C /opt -xf a.tar\n",
        "#!/bin/sh\napt-get -qq install x\nyum install -y x\n",
        "#!/bin/sh\nDEBIAN_FRONTEND=x apt-get install --yes y\nyes | apt-get install z\n",
        "#!/bin/sh\nwhile read -r line; do echo $line; done </etc/hosts\n",
    ],
)
def test_scripts_that_are_fine(text: str, tmp_path: Path) -> None:
    assert findings(tree_at(tmp_path / "tree", GOOD, {"scripts/run.sh": text})) == []


def test_a_program_is_not_read_as_a_script(tmp_path: Path) -> None:
    assert findings(tree_at(tmp_path / "tree", GOOD, {"scripts/run.sh": "\x7fELF\0\0 server &\r\n"})) == []


# --- links -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "target", "is_whole"),
    [
        ("app/current", "main.py", True),
        ("app/lib/up", "../main.py", True),
        ("app/back", ".", True),
        ("app/aside", "../scripts/run.sh", False),
    ],
)
def test_links_whose_target_does_not_come_along(link: str, target: str, is_whole: bool, tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", GOOD)
    (tree / link).symlink_to(target)
    assert [(each.rule, each.place.line) for each in findings(tree)] == ([] if is_whole else [("link-dangles", 4)])
    # The whole bundle has every target.
    (tree / "appspec.yml").write_text(GOOD.replace("source: app", "source: /"))
    assert findings(tree) == []


def test_a_link_that_is_copied_alone(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", GOOD.replace("source: app", "source: app/current"))
    (tree / "app" / "current").symlink_to("main.py")
    assert [each.rule for each in findings(tree)] == ["link-dangles"]


# --- the file ----------------------------------------------------------------------------------------


def test_a_tree_without_an_appspec(tmp_path: Path) -> None:
    assert [each.rule for each in findings(tree_at(tmp_path / "tree", None))] == ["appspec-missing"]


@pytest.mark.parametrize("name", ["appspec.yaml", "appspec.json", "AppSpec.yml"])
def test_an_appspec_that_only_half_of_the_agent_finds(name: str, tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", GOOD)
    (tree / "appspec.yml").rename(tree / name)
    assert [each.rule for each in findings(tree)] == ["appspec-name"]


def test_an_appspec_beside_another_one(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", GOOD, {"appspec.yaml": GOOD})
    assert [(each.rule, each.place.file) for each in findings(tree)] == [("appspec-several", f"{tree}/appspec.yaml")]


def test_an_appspec_in_the_only_folder(tmp_path: Path) -> None:
    tree_at(tmp_path / "tree" / "build", GOOD)
    (found,) = findings(tmp_path / "tree")
    assert (found.rule, found.place.file) == ("appspec-nested", f"{tmp_path}/tree/build/appspec.yml")


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        ("", "appspec-empty"),
        ("# nothing\n", "appspec-empty"),
        ("---\n", "appspec-empty"),
        ("x" * 2_000_000, "appspec-size"),
    ],
)
def test_an_appspec_that_is_none(tmp_path: Path, content: str, rule: str) -> None:
    assert [each.rule for each in findings(tree_at(tmp_path / "tree", content))] == [rule]


BILLION = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
BAD = {
    "noise": bytes(range(256)) * 64,
    "utf-16": GOOD.encode("utf-16"),
    "latin-1": GOOD.replace("app", "äpp").encode("latin-1"),
    "billion laughs": BILLION.encode(),
    "deep list": b"[" * 50_000,
    "deep mapping": b"".join(b" " * n + b"a:\n" for n in range(1200)),
    "10 MB": b"- a\n" * 2_500_000,
    "a script": b"#!/bin/sh\ntrue\n",
    "json with a key twice": b'{"version": 0.0, "os": "linux", "os": "linux"}',
    "a text": b"hello",
    "a list": b"- a\n- b\n",
    "carriage returns": GOOD.replace("\n", "\r").replace("source: app", "source: ../x").encode(),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_whatever_is_no_appspec_is_told_in_a_moment(content: bytes, tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", None)
    (tree / "appspec.yml").write_bytes(content)
    found = findings(tree)
    assert any(each.is_error for each in found)
    assert_inside(content, found)


def test_a_byte_order_mark_is_no_trouble(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", "\ufeff" + GOOD.replace("os: linux", "os: linus"))
    assert [(each.rule, each.place.line, each.place.column) for each in findings(tree)] == [("os", 2, 5)]


def test_an_appspec_that_is_a_directory(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", None, {"appspec.yml/x": ""})
    assert [each.rule for each in findings(tree)] == ["appspec-missing"]


@pytest.mark.parametrize("appspec", [GOOD, LAMBDA, ECS], ids=["server", "lambda", "ecs"])
@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json_is_as_good_as_yaml(appspec: str, indent: int | str | None, tmp_path: Path) -> None:
    text = json.dumps(YAML(typ="safe").load(appspec), indent=indent)
    assert findings(tree_at(tmp_path / "tree", text)) == []


def test_a_lambda_appspec_as_the_guide_spells_it(tmp_path: Path) -> None:
    text = LAMBDA
    for key in ("Resources", "Hooks", "Type", "Properties", "Name", "Alias", "CurrentVersion", "TargetVersion"):
        text = re.sub(rf"\b{key}:", f"{key.lower()}:", text)
    assert findings(tree_at(tmp_path / "tree", text)) == []


def test_codepipeline_may_fill_in_the_task_definition(tmp_path: Path) -> None:
    text = re.sub("TaskDefinition: .*", "TaskDefinition: <TASK_DEFINITION>", ECS)
    assert findings(tree_at(tmp_path / "tree", text)) == []


# --- what is said ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "word"),
    [
        ("AfterInstall", "AfterInstal", "AfterInstall"),
        ("scripts/run.sh", "scripts/rum.sh", "scripts/run.sh"),
        ("scripts/run.sh", "Scripts/run.sh", "capitals"),
        ("scripts/run.sh", "scripts\\run.sh", "/"),
        ("source: app", "source: main.py", "app/main.py"),
        ("source: app", "source: app/*", "wildcards"),
    ],
)
def test_the_nearest_right_spelling_is_told(before: str, after: str, word: str, tmp_path: Path) -> None:
    (found,) = findings(tree_at(tmp_path / "tree", GOOD.replace(before, after)))
    assert word in found.message


def test_what_a_file_holds_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    text = GOOD.replace("source: app", 'source: "\\e[2Jhidden\\nline"').replace("AfterInstall", "x" * 5000)
    for found in findings(tree_at(tmp_path / "tree", text)):
        assert str(found).isprintable()
        assert len(found.message) < 400
    odd = tmp_path / "tree" / "scripts" / "a\nb.sh"
    odd.write_text("true\n")
    odd.chmod(0o755)
    (found,) = findings(tree_at(tmp_path / "tree", GOOD.replace("scripts/run.sh", '"scripts/a\\nb.sh"')))
    assert found.rule == "location-arguments"


def test_all_errors_are_told_at_once(tmp_path: Path) -> None:
    appspec = GOOD.replace("0.0", "2.0").replace("AfterInstall", "AfterInstal").replace("source: app", "source: ../x")
    with pytest.raises(UsageError, match="3 errors"):
        build_bundle(tree_at(tmp_path / "tree", appspec), destination=tmp_path / "out.zip")


def test_windows_finds_files_whatever_their_capitals(tmp_path: Path) -> None:
    text = WINDOWS.replace("scripts/run.ps1", "Scripts\\RUN.PS1").replace("source: app", "source: APP")
    assert findings(tree_at(tmp_path / "tree", text)) == []


# --- laws --------------------------------------------------------------------------------------------


def assert_inside(content: bytes, found: object) -> None:
    lines = content.decode("utf-8-sig", "replace").split("\n")
    for each in found:  # type: ignore[attr-defined]
        assert 1 <= each.place.line <= len(lines), str(each)
        assert 1 <= each.place.column <= len(lines[each.place.line - 1]) + 1, str(each)
        assert "\n" not in each.message


@pytest.fixture(scope="module")
def module_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree_at(tmp_path_factory.mktemp("law") / "tree", GOOD)


def lint_text(tree: Path, content: bytes) -> None:
    (tree / "appspec.yml").write_bytes(content)
    assert_inside(
        content, [each for each in lint(collect(tree), shown_at=tree) if each.place.file.endswith("appspec.yml")]
    )


@settings(deadline=None)
@given(st.dictionaries(KEYS, VALUES, max_size=6))
def test_no_structure_breaks_the_lint(module_tree: Path, value: object) -> None:
    lint_text(module_tree, json.dumps(value).encode())
    text = re.sub(r'"([\w./:*&<-]+)"', r"\1", json.dumps(value))
    lint_text(module_tree, text.encode())


@settings(deadline=None)
@given(st.binary(max_size=60), st.integers(0, len(GOOD)))
def test_no_bytes_break_the_lint(module_tree: Path, noise: bytes, at: int) -> None:
    lint_text(module_tree, noise)
    lint_text(module_tree, GOOD.encode()[:at] + noise + GOOD.encode()[at:])


@settings(deadline=None)
@given(st.sampled_from([GOOD, PERMISSION, ECS, LAMBDA]), st.integers(0, 400), st.integers(0, 30), st.text(max_size=8))
def test_no_slip_of_the_pen_breaks_the_lint(module_tree: Path, text: str, at: int, gone: int, instead: str) -> None:
    lint_text(module_tree, (text[:at] + instead + text[at + gone :]).encode("utf-8", "surrogatepass"))


@settings(deadline=None)
@given(st.text(max_size=50))
def test_any_plain_value_is_retyped_or_stays(text: str) -> None:
    became = retyped(text)
    assert became is None or became.kind.startswith("a ")


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("yes", "true"), ("Off", "false"), ("010", "8"), ("1_000", "1000"), ("1.10", "1.1"), ("1:30", "90"),
        ("0x1F", "31"), ("0b11", "3"), (":name", "name"), ("123", "123"),
    ],
)  # fmt: skip
def test_what_yaml_makes_of_values_without_quotes(text: str, becomes: str) -> None:
    became = retyped(text)
    assert became is not None
    assert became.text == becomes


@pytest.mark.parametrize("text", ["app", "1.2.3", "v1", "08", "1e3", ".", "y", "a:b", "0644x", "10.0.0.1", "/"])
def test_what_stays_a_text(text: str) -> None:
    assert retyped(text) is None


def test_the_parser_gives_the_finding_of_an_unreadable_byte_its_place() -> None:
    spec, (found,) = parse_appspec(b"version: 0.0\nos: \xff\n", "appspec.yml")
    assert spec is None
    assert (found.rule, found.place.line, found.place.column) == ("yaml-syntax", 2, 5)
