"""Approvals and whole deliveries with a recorder in place of deliverkit, and every Jenkinsfile that users copy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from bench import LIBRARY, ROOT, Case, Ended, play
from deliveries import (
    ALL_THE_WAY,
    APPROVAL,
    APPROVE,
    ASKED,
    BEGUN,
    BUILDABLE,
    BUNDLE,
    DECIDED,
    MINIMAL,
    OFFER,
    OFFERED,
    PASSED,
    PLAIN,
    PLAN,
    REACH,
    STATUS,
    VIA,
    WAIT,
    answered,
    approval,
    decision,
    jenkinsfile,
    state,
)

CASES: dict[str, Case] = {
    "approved": approval(ASKED, OFFERED, (0, {}), DECIDED, answers=[answered()]),
    "empty answers": approval(
        ASKED, OFFERED, (0, {}), DECIDED,
        answers=[None, {"answer": {}}, answered(REASON=" "), answered(APPROVER=""), answered()],
    ),
    "two approvers": approval(
        ASKED, OFFERED, (0, {}), (0, state(17)), OFFERED, (0, {}), DECIDED,
        answers=[answered(), answered(APPROVER="joe")],
    ),
    "not entitled": approval(
        ASKED, OFFERED, (6, ""), (0, state(17)), OFFERED, (0, {}), DECIDED,
        answers=[answered(), answered(APPROVER="joe")],
    ),
    "elsewhere": approval(ASKED, OFFERED, DECIDED, answers=[answered(REASON="", APPROVER="", RECORDED_BY="joe")]),
    "next question": approval(ASKED, OFFERED, (0, {}), (0, state(18)), (0, {}), answers=[answered()]),
    "rejected": approval(
        ASKED, OFFERED, (0, {}), (0, state(17, "rejected")), (6, {"reason": "rejected by mary"}),
        answers=[answered(DECISION="reject")],
    ),
    "rejected elsewhere": approval(
        ASKED, OFFERED, (6, ""), (0, state(None, exit_code=6)), (6, {"reason": "rejected by joe"}), answers=[answered()]
    ),
    "another plan": approval(ASKED, OFFERED, (9, {"reason": "not what was agreed to"}), answers=[answered()]),
    "nothing to ask": approval(PASSED, answers=[]),
    "bad before it": approval((3, {"reason": "gate up failed"}), answers=[]),
    "button": approval(ASKED, OFFERED, answers=[{"abort": "joe"}]),
    "nobody named": approval(answers=[], script="deliverkitApproval(stage: 'x')"),
    "holding": approval(
        ASKED, OFFERED, (0, {}), DECIDED, answers=[answered()], script=f"node('a') {{ {APPROVAL} }}"
    ),
    "profile": approval(
        (0, state(17)), OFFERED, (0, {}), DECIDED, answers=[answered()],
        script="deliverkitApproval(submitter: 'rm', profile: 'jenkins-approvals', hours: 2)",
    ),
}  # fmt: skip
CASES |= {
    "delivered": Case(BUILDABLE, [*BEGUN, ASKED, OFFERED, (0, {}), DECIDED, (0, {})], [answered()]),
    "refused": Case(
        BUILDABLE, [*BEGUN, ASKED, OFFERED, (0, {}), (0, state(17, "rejected")), (6, {})], [answered(DECISION="reject")]
    ),
    "bad": Case(BUILDABLE, [*BEGUN[:3], (3, {"reason": "gate up failed"})]),
    "stopped": Case(BUILDABLE, [*BEGUN, ASKED, OFFERED, (0, {})], [{"abort": "joe"}]),
    "not taken back": Case(
        BUILDABLE, [*BEGUN, ASKED, OFFERED, (4, {"reason": "no earlier release"})], [{"abort": "joe"}]
    ),
    "frozen": Case(BUILDABLE, [*BEGUN[:2], (7, {"reason": "frozen until Monday"})]),
    "no submitter": Case("deliverkitDelivery(env: 'production')", BEGUN[:2]),
}


BRANCH = {"BRANCH_NAME": "main"}
REPORTED = {"report": "1.2 to production: Succeeded (p-1)", "file": None}
PERSON = [
    {"shortDescription": "Started by user Mary \u00fc", "userId": "mary", "_class": "hudson.model.Cause$UserIdCause"}
]
MORE = {
    "reported": Case("deliverkitReport()", [(0, REPORTED), (0, {"file": "x"})], [], {"DELIVERKIT_PROMOTION": "p-1"}),
    "no plugin": Case(
        "deliverkitReport()", [(0, REPORTED), (0, {})], [], {"DELIVERKIT_PROMOTION": "p-1"}, lacks=["publishHTML"]
    ),
    "no report": Case("deliverkitReport()", [(8, ""), (8, "")], [], {"DELIVERKIT_PROMOTION": "p-1"}),
    "nothing to report": Case("deliverkitReport()"),
    "started": Case(
        "node { deliverkitPackage(); deliverkitPromote(env: 'production') }", BEGUN[:1], [], {}, causes=PERSON
    ),
    "for nobody": Case("node { deliverkitPromote(env: 'production', release: '1', onBehalfOf: '') }", causes=PERSON),
    "pushed": Case("node { deliverkitPromote(env: 'p', release: '1') }", causes=[{"shortDescription": "Branch event"}]),
}
CASES |= MORE
CASES |= {
    "plain": Case(
        jenkinsfile("Jenkinsfile"), [*PLAIN, (0, ""), (0, "")], [None, answered(REASON=" "), answered()], causes=PERSON
    ),
    "plain, rejected": Case(jenkinsfile("Jenkinsfile"), [*PLAIN, (0, ""), (0, "")], [answered(DECISION="reject")]),
    "plain, elsewhere": Case(
        jenkinsfile("Jenkinsfile"),
        [*PLAIN, DECIDED, (0, "")],
        [{"answer": {"REASON": "", "RECORDED_BY": "joe", "DECISION": "reject"}}],
    ),
    "plain, stopped": Case(jenkinsfile("Jenkinsfile"), [*PLAIN, (0, "")], [{"abort": "joe"}]),
    "plain, bad": Case(jenkinsfile("Jenkinsfile"), [*PLAIN[:3], (3, "")]),
    "library": Case(jenkinsfile("Jenkinsfile.library"), list(ALL_THE_WAY), [answered()]),
    "library, stopped": Case(jenkinsfile("Jenkinsfile.library"), [*ALL_THE_WAY[:6], (0, {})], [{"abort": "joe"}]),
    "library, bad": Case(jenkinsfile("Jenkinsfile.library"), [*ALL_THE_WAY[:2], (3, {"reason": "bad"})]),
    "main": Case(jenkinsfile("Jenkinsfile.multibranch"), list(ALL_THE_WAY), [answered()], dict(BRANCH)),
    "pull request": Case(jenkinsfile("Jenkinsfile.multibranch"), [], [], {"BRANCH_NAME": "PR-5", "CHANGE_ID": "5"}),
}

SINS = {
    "each": "void call(List names) { names.each { sh it } }",
    "collect": "List call(List names) { return names.collect { it + 1 } }",
    "sort": "List call(List names) { return names.sort { a, b -> a <=> b } }",
    "slurper": "import groovy.json.JsonSlurperClassic\nvoid call(String t) { new JsonSlurperClassic().parseText(t) }",
    "execute": "Object call() { return 'ls'.execute() }",
    "file": "Object call() { return new File('/etc/passwd').text }",
    "system": "Object call() { return System.getenv('HOME') }",
    "environment": "Object call(String name) { return env[name] }",
    "grown step": "void call() { ssh 'ls' }",
    "step in NonCPS": "@NonCPS\nvoid call() { sh 'ls' }",
    "library in NonCPS": "@NonCPS\nvoid call() { deliverkit.promotion('x', [:]) }",
    "CPS in NonCPS": "void run1() { sh 'ls' }\n@NonCPS\nvoid call() { run1() }",
    "matcher": "void call(String t) { def m = t =~ /x/\n sh 'ls' }",
    "map loop": "void call(Map all) { for (entry in all) { sh entry.key } }",
    "throwable": "void call() { try { sh 'ls' } catch (Throwable t) { echo 'x' } }",
    "raw build": "Object call() { return currentBuild.rawBuild }",
    "computed": 'Object call(String name) { return "${name}"() }',
    "exception": "void call() { throw new IllegalStateException('x') }",
    "spread": "List call(List legs) { return legs*.name }",
    "import": "import jenkins.model.Jenkins\nObject call() { return 1 }",
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Ended], Any]:
    scans = SINS | {script.name: script.read_text(encoding="utf-8") for script in LIBRARY.glob("*.groovy")}
    return play(tmp_path_factory.mktemp("deliveries"), CASES, scans)


@pytest.fixture(scope="module")
def ended(played: tuple[dict[str, Ended], Any]) -> dict[str, Ended]:
    return played[0]


def test_an_approval_is_asked_without_an_executor_and_recorded_under_the_persons_name(ended: dict[str, Ended]) -> None:
    found = ended["approved"]
    assert found.commands == [REACH, OFFER, decision(), STATUS]
    assert "went on" in found.log
    [asked] = found.asked
    assert asked["executors"] == 0
    assert (asked["id"], asked["submitter"], asked["submitterParameter"]) == (
        "Gate-production-1-17",
        "release-managers",
        "APPROVER",
    )
    assert [each["first"] for each in asked["parameters"]] == ["reject", "", ""]
    assert [each["name"] for each in asked["parameters"]] == ["DECISION", "REASON", "RECORDED_BY"]
    for shown in ("1.2", BUNDLE, PLAN, "p-1"):
        assert shown in asked["message"]
    assert found.env["DELIVERKIT_PLAN"] == PLAN
    assert not (found.place / "owned").exists()


def test_no_answer_is_not_a_yes(ended: dict[str, Ended]) -> None:
    assert len(ended["empty answers"].asked) == 5
    assert ended["empty answers"].commands == ended["approved"].commands


def test_it_asks_while_the_same_question_is_open(ended: dict[str, Ended]) -> None:
    for name in ("two approvers", "not entitled"):
        assert ended[name].result == "SUCCESS"
        assert [words for words in ended[name].commands if words[0] == "approve"] == [
            decision(),
            decision(person="joe"),
        ]
    assert "mary may not decide this" in ended["not entitled"].log
    assert len(ended["next question"].asked) == 1


def test_what_was_recorded_elsewhere_is_not_recorded_again(ended: dict[str, Ended]) -> None:
    assert ended["elsewhere"].commands == [REACH, OFFER, STATUS]
    assert "Recorded already, by joe" in ended["elsewhere"].log
    assert "went on" in ended["elsewhere"].log


def test_a_rejection_ends_the_build_as_configured_wherever_it_was_given(ended: dict[str, Ended]) -> None:
    assert decision("reject") in ended["rejected"].commands
    for name, who in (("rejected", "mary"), ("rejected elsewhere", "joe")):
        assert ended[name].result == "NOT_BUILT"
        assert ended[name].commands[-1] == ["wait", "p-1"]
        assert f"rejected by {who}" in ended[name].failure
        assert "went on" not in ended[name].log


@pytest.mark.parametrize(
    ("name", "result", "words"),
    [
        ("another plan", "FAILURE", "not what was agreed to"),
        ("bad before it", "FAILURE", "gate up failed"),
        ("button", "ABORTED", "Rejected by joe"),
        ("nobody named", "FAILURE", "deliverkitApproval needs submitter"),
    ],
)
def test_an_approval_that_does_not_come_to_an_answer_ends_the_build(
    ended: dict[str, Ended], name: str, result: str, words: str
) -> None:
    assert (ended[name].result, words in ended[name].failure) == (result, True)
    assert "went on" not in ended[name].log
    assert ended[name].held == 0


def test_nothing_is_asked_when_nothing_is_open_and_a_held_executor_is_told(ended: dict[str, Ended]) -> None:
    assert ended["nothing to ask"].commands == [REACH]
    assert ended["nothing to ask"].asked == []
    assert ended["holding"].asked[0]["executors"] == 1
    assert "holds this executor" in ended["holding"].log
    assert "holds this executor" not in ended["approved"].log
    assert ended["profile"].commands[0] == STATUS
    assert ended["profile"].commands[2] == [*decision(), "--profile", "jenkins-approvals"]


def test_five_lines_are_a_whole_delivery(ended: dict[str, Ended]) -> None:
    assert len(MINIMAL.splitlines()) == 5
    found = ended["delivered"]
    assert found.result == "SUCCESS", found.failure
    assert found.stages == ["Package", "Deploy-Dev", "Approve Deploy-Production", "Deploy-Production"]
    verbs = [" ".join(words[:2]) for words in found.deeds]
    assert verbs == [
        *[
            "package",
            "plan 1.2",
            "promote 1.2",
            "wait p-1",
            "wait p-1",
            "jenkins input",
            "approve p-1",
            "status p-1",
            "wait p-1",
        ]
    ]
    assert found.deeds[2] == ["promote", "1.2", "--to", "production", "--detach"]
    assert found.deeds[-1][-2:] == ["--plan", PLAN]
    assert "built 1.0.7" in found.log
    assert [each["executors"] for each in found.asked] == [0]


def test_a_delivery_takes_back_what_is_aborted_and_only_that(ended: dict[str, Ended]) -> None:
    abort = ["abort", "p-1", "--rollback"]
    assert (ended["stopped"].result, ended["stopped"].deeds[-1]) == ("ABORTED", abort)
    assert ended["not taken back"].result == "ABORTED"
    assert "THE ABORT DID NOT END WELL" in ended["not taken back"].log
    assert "no earlier release" in ended["not taken back"].log
    for name, result in (("bad", "FAILURE"), ("refused", "NOT_BUILT")):
        assert (ended[name].result, ended[name].deeds[-1]) == (result, STATUS)
        assert abort not in ended[name].deeds
    assert (ended["frozen"].result, len(ended["frozen"].deeds)) == ("NOT_BUILT", 3)
    assert "name who may answer" in ended["no submitter"].failure
    assert [words[0] for words in ended["no submitter"].deeds] == ["package", "plan"], "before anything is promoted"


def test_the_plain_jenkinsfile_delivers(ended: dict[str, Ended]) -> None:
    found = ended["plain"]
    assert found.result == "SUCCESS", found.log
    assert found.commands[1][-1] == "--on-behalf-of=mary", "who asked may not approve"
    assert ended["plain, rejected"].commands[1][-1] == "--detach", "nobody asked"
    assert len(found.asked) == 3
    assert PLAN in found.asked[0]["message"]
    assert BUNDLE in found.asked[0]["message"]
    assert found.commands[8][:8] == ["approve", "p-1", "--gate", "production", "--question", "17", "--plan", PLAN]
    assert found.commands[8][8:] == [
        f"--reason={APPROVE['REASON']}",
        "--on-behalf-of=mary",
        VIA,
        "--profile",
        "jenkins-approvals",
    ]
    assert found.commands[-1][:6] == [*WAIT, "--plan", PLAN]


def test_the_plain_jenkinsfile_ends_as_people_and_gates_say(ended: dict[str, Ended]) -> None:
    assert ended["plain, rejected"].commands[8][0] == "reject"
    assert ended["plain, rejected"].result == "FAILURE"
    assert [words[0] for words in ended["plain, elsewhere"].commands[8:]] == ["status", "wait"], (
        "recorded a second time"
    )
    assert ended["plain, stopped"].result == "ABORTED"
    assert ended["plain, stopped"].commands[-1] == ["abort", "p-1", "--rollback"]
    assert ended["plain, bad"].result == "FAILURE"
    assert ended["plain, bad"].commands[-1] == STATUS


def test_the_library_jenkinsfile_does_what_the_plain_one_does(ended: dict[str, Ended]) -> None:
    found = ended["library"]
    assert found.result == "SUCCESS", found.log
    assert found.stages == ["Package", "Deploy-Dev", "Deploy-Staging", "Approve production", "Deploy-Production"]
    assert [*decision(), "--profile", "jenkins-approvals"] in found.deeds
    assert found.deeds[-1][-2:] == ["--plan", PLAN]
    assert [each["executors"] for each in found.asked] == [0]
    assert ended["library, stopped"].deeds[-1] == ["abort", "p-1", "--rollback"]
    assert ended["library, bad"].deeds[-1] == STATUS


def test_only_main_is_delivered_and_builds_do_not_overtake(ended: dict[str, Ended]) -> None:
    assert ended["pull request"].deeds == [["package", "--check"]]
    assert ended["pull request"].stages == ["Check"]
    assert [each["label"] for each in ended["pull request"].steps("node")] == ["build"]
    assert ended["main"].result == "SUCCESS", ended["main"].log
    assert [words[:4] for words in ended["main"].deeds] == [words[:4] for words in ended["library"].deeds]
    assert [each["ordinal"] for each in ended["main"].steps("milestone")] == ["1", "2"]
    assert "Check" not in ended["main"].stages


def test_a_report_is_shown_beside_the_build_and_never_fails_it(ended: dict[str, Ended]) -> None:
    found = ended["reported"]
    assert (found.result, found.description) == ("SUCCESS", "1.2 to production: Succeeded (p-1)")
    assert [each["name"] for each in found.shown] == ["Release"]
    assert found.commands[0] == ["report", "p-1", "--as", "description"]
    assert found.commands[1][:3] == ["report", "p-1", "--to-file"]
    assert "@tmp/" in found.commands[1][3], "outside the workspace"
    assert [each["artifacts"] for each in ended["no plugin"].steps("archiveArtifacts")] == ["index.html"]
    assert (ended["no report"].result, ended["no report"].shown) == ("SUCCESS", [])
    assert (ended["nothing to report"].result, ended["nothing to report"].commands) == ("SUCCESS", [])


def test_a_delivery_is_reported_last_of_all(ended: dict[str, Ended]) -> None:
    for name in ("delivered", "stopped", "bad", "library", "library, stopped", "main"):
        reports = [words[0] == "report" for words in ended[name].commands]
        assert reports[-2:] == [True, True], name
        assert not any(reports[:-2]), name


def test_whoever_started_the_build_asked_for_the_promotion(ended: dict[str, Ended]) -> None:
    found = ended["started"]
    assert found.commands[-1][-1] == "--on-behalf-of=mary"
    [causes] = found.steps("withEnv")
    assert "DELIVERKIT_CAUSE=Started by user Mary \u00fc" in causes["overrides"]
    for name in ("for nobody", "pushed"):
        assert not any("behalf" in word for word in ended[name].commands[-1]), name


def test_the_library_calls_nothing_that_the_sandbox_is_not_known_to_allow(played: tuple[dict[str, Ended], Any]) -> None:
    scripts = {script.name for script in LIBRARY.glob("*.groovy")}
    assert {name: played[1][name] for name in scripts} == {name: [] for name in scripts}


@pytest.mark.parametrize("sin", SINS)
def test_the_scan_notices(played: tuple[dict[str, Ended], Any], sin: str) -> None:
    assert played[1][sin] != []


def test_the_folder_of_the_library_has_nothing_else() -> None:
    assert {path.suffix for path in LIBRARY.iterdir()} <= {".groovy", ".txt", ".md"}
    assert sorted(path.name for path in Path(ROOT / "jenkins/resources/deliverkit").iterdir()) == [
        "command.sh",
        "install.py",
    ]
