"""Findings that somebody lives with, and what the lint reports to people and programs."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from lint_cases import CASES, GOOD, findings, tree_at
from sarif_subset import SARIF

from deliverkit.domain.linting import AllowedRule, LintPolicy
from deliverkit.errors import UsageError
from deliverkit.packaging.package import PackingRules, build_bundle, check
from deliverkit.packaging.report import Report
from deliverkit.packaging.rules import RULES

STOP = GOOD.replace("AfterInstall", "ApplicationStop")
ALLOW = "  # deliverkit: allow application-stop it cannot fail"


def allowed(rule: str, reason: str = "we know") -> LintPolicy:
    return LintPolicy(allow=(AllowedRule(rule, reason, "deliverkit.yml", 9, 7),))


def reported(tree: Path, policy: LintPolicy | None = None) -> Report:
    return check(tree, PackingRules(policy=policy))


@pytest.mark.parametrize(
    "text",
    [
        STOP.replace("Stop:", f"Stop:{ALLOW}"),
        STOP.replace("  ApplicationStop", f"{ALLOW}\n  ApplicationStop"),
        STOP.replace("  ApplicationStop", f"{ALLOW}\n\n  # something else\n  ApplicationStop"),
    ],
)
def test_a_comment_allows_a_finding_with_its_reason(text: str, tmp_path: Path) -> None:
    (found,) = findings(tree_at(tmp_path / "tree", text))
    assert found.allowance is not None
    assert (found.rule, found.allowance.reason) == ("application-stop", "it cannot fail")
    assert not found.is_error
    assert build_bundle(tmp_path / "tree", destination=tmp_path / "out.zip").findings == ()


def test_a_comment_does_not_reach_further(tmp_path: Path) -> None:
    text = STOP.replace("hooks:", f"hooks:{ALLOW}")
    found = {each.rule: each.allowance for each in findings(tree_at(tmp_path / "tree", text))}
    assert found == {"application-stop": None, "allow-unused": None}


def test_a_comment_in_a_script(tmp_path: Path) -> None:
    text = "#!/bin/sh\n# deliverkit: allow script-background the agent waits for it on purpose\nserver &\n"
    (found,) = findings(tree_at(tmp_path / "tree", GOOD, {"scripts/run.sh": text}))
    assert found.rule == "script-background"
    assert found.allowance is not None


def test_a_comment_in_the_first_line_allows_what_is_said_of_the_whole_script(tmp_path: Path) -> None:
    text = "# deliverkit: allow script-no-shebang run by sh everywhere\ntrue\n"
    (found,) = findings(tree_at(tmp_path / "tree", GOOD, {"scripts/run.sh": text}))
    assert found.allowance is not None


def test_the_configuration_allows_a_rule_everywhere(tmp_path: Path) -> None:
    (found,) = findings(tree_at(tmp_path / "tree", STOP), allowed("application-stop"))
    assert found.allowance is not None
    assert not found.allowance.is_in_source


@pytest.mark.parametrize(
    ("rule", "reason", "told"),
    [
        ("application-stopp", "typed wrongly", "allow-unknown"),
        ("os", "we like it", "allow-refused"),
        ("sudo", "long gone", "allow-unused"),
    ],
)
def test_allowances_that_allow_nothing_are_told(rule: str, reason: str, told: str, tmp_path: Path) -> None:
    found = {each.rule: str(each.place) for each in findings(tree_at(tmp_path / "tree", GOOD), allowed(rule, reason))}
    assert found == {told: "deliverkit.yml:9:7"}


@pytest.mark.parametrize(
    "case", [case for case in CASES if not case.rule.startswith("allow-")], ids=lambda case: case.rule
)
def test_only_what_may_turn_out_well_can_be_allowed(case: Any, tmp_path: Path) -> None:
    rule = {rule.id: rule for rule in RULES}[case.rule]
    tree = case.build(tmp_path / "tree")
    policy = LintPolicy(case.policy.hosts, allowed(case.rule).allow)
    found = check(tree, PackingRules(case.format, policy=policy)).findings
    assert all((each.allowance is not None) is rule.is_allowable for each in found if each.rule == case.rule)
    assert ("allow-refused" in {each.rule for each in found}) is not rule.is_allowable


def test_an_allowed_error_lets_the_build_through(tmp_path: Path) -> None:
    text = GOOD.replace("files:", "x-notes: {}  # deliverkit: allow key-unknown for people\nfiles:")
    assert build_bundle(tree_at(tmp_path / "tree", text), destination=tmp_path / "out.zip").findings == ()
    with pytest.raises(UsageError, match="key-unknown"):
        build_bundle(
            tree_at(tmp_path / "tree", text.replace("  # deliverkit: allow key-unknown for people", "")),
            destination=tmp_path / "o.zip",
        )


def test_nothing_is_unused_in_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    text = STOP.replace("Stop:", f"Stop:{ALLOW}") + "\n]"
    assert [each.rule for each in findings(tree_at(tmp_path / "tree", text), allowed("sudo"))] == ["yaml-syntax"]


# --- reports -----------------------------------------------------------------------------------------


def sarif_of(tree: Path, destination: Path, policy: LintPolicy | None = None) -> Any:
    reported(tree, policy).write_sarif(destination)
    log = json.loads(destination.read_text(encoding="utf-8"))
    jsonschema.Draft7Validator(SARIF, format_checker=jsonschema.FormatChecker()).validate(log)
    return log["runs"][0]


def test_text_and_data_say_the_same(tmp_path: Path) -> None:
    text = STOP.replace("Stop:", f"Stop:{ALLOW}").replace("60", "5m").replace("os: linux", "os: linux\nfoo: 1")
    report = reported(tree_at(tmp_path / "tree", text))
    document = report.to_document()
    assert (document["errors"], document["warnings"], document["notes"], document["allowed"]) == (2, 0, 0, 1)
    assert report.summary == "2 errors, 1 allowed"
    told = [each for each in document["findings"] if "allowed" not in each]
    heads = [line for line in report.to_text().splitlines() if not line.startswith(" ")]
    assert heads == [
        f"{each['file']}:{each['line']}:{each['column']}: {each['severity']}: {each['message']} [{each['rule']}]"
        for each in told
    ]
    (silent,) = [each for each in document["findings"] if "allowed" in each]
    assert silent["allowed"] == {"reason": "it cannot fail", "at": f"{tmp_path}/tree/appspec.yml:8:21"}


def test_sarif_for_code_scanning(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    text = STOP.replace("Stop:", f"Stop:{ALLOW}").replace("timeout: 60", "timeout: 5m")
    run = sarif_of(tree_at(tmp_path / "a build/#1", text), tmp_path / "x.sarif", allowed("timeout-total"))
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [rule.id for rule in RULES]
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
    by_rule = {result["ruleId"]: result for result in run["results"]}
    physical = by_rule["timeout"]["locations"][0]["physicalLocation"]
    assert physical["artifactLocation"] == {"uri": "a%20build/%231/appspec.yml", "uriBaseId": "%SRCROOT%"}
    assert unquote(physical["artifactLocation"]["uri"]) == "a build/#1/appspec.yml"
    assert physical["region"] == {"startLine": 9, "startColumn": 16}
    assert by_rule["timeout"]["level"] == "error"
    (suppression,) = by_rule["application-stop"]["suppressions"]
    assert (suppression["kind"], suppression["justification"]) == ("inSource", "it cannot fail")
    assert "suppressions" not in by_rule["timeout"]
    assert str(tmp_path) not in json.dumps(by_rule["timeout"])


def test_sarif_of_an_allowance_in_the_configuration(tmp_path: Path) -> None:
    run = sarif_of(tree_at(tmp_path / "tree", STOP), tmp_path / "x.sarif", allowed("application-stop"))
    (suppression,) = run["results"][0]["suppressions"]
    assert (suppression["kind"], suppression["justification"]) == ("external", "we know")


def test_fingerprints_outlive_moved_lines_and_tell_equal_findings_apart(tmp_path: Path) -> None:
    twice = GOOD.replace("timeout: 60", "timeout: 5m\n    - location: scripts/run.sh\n      timeout: 5m")
    runs = [sarif_of(tree_at(tmp_path / "tree", text), tmp_path / "x.sarif") for text in (twice, f"# moved\n\n{twice}")]
    first, second = ([each["partialFingerprints"] for each in run["results"]] for run in runs)
    assert first == second
    assert len({json.dumps(each) for each in first}) == len(first) == 2


@pytest.mark.parametrize("number", range(0, len(CASES), 7))
def test_sarif_of_all_kinds_of_findings_is_valid(number: int, tmp_path: Path) -> None:
    case = CASES[number]
    run = sarif_of(case.build(tmp_path / "tree"), tmp_path / "x.sarif", case.policy)
    assert case.rule in {each["ruleId"] for each in run["results"]}


def test_sarif_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"x\.sarif cannot be written"):
        reported(tree_at(tmp_path / "tree", GOOD)).write_sarif(tmp_path / "nowhere" / "x.sarif")
