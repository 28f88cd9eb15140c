"""Deliveries that lose something: an answer, an agent, a command, the build itself. With a recorder as deliverkit."""

from __future__ import annotations

import pytest
from bench import Case, Ended, play
from deliveries import (
    ALL_THE_WAY,
    APPROVAL,
    ASKED,
    BEGUN,
    BUILDABLE,
    DECIDED,
    OFFER,
    OFFERED,
    PLAIN,
    PLAN,
    REACH,
    STATUS,
    answered,
    approval,
    decision,
    jenkinsfile,
    leg,
    state,
)

PROMOTED = {"DELIVERKIT_PROMOTION": "p-1"}
MAIN = {"BRANCH_NAME": "main"}
SILENT = {"silent": True}
OPEN = (0, state(17))
ABORT = ["abort", "p-1", "--rollback"]
HOUR = 3600_000


def options(words: str) -> str:
    return APPROVAL.replace("stage:", f"{words}, stage:")


def stage(*replies: tuple[int, object], words: str = "") -> Case:
    script = f"node('a') {{ deliverkitStage('Deploy-Production'{words}) }}\necho 'went on'"
    return Case(script, list(replies), [], dict(PROMOTED))


DELIVERY = "deliverkitDelivery(env: 'production', submitter: 'rm'{})"
CASES: dict[str, Case] = {
    # An answer of which Jenkins is not told, or none.
    "told elsewhere": Case(BUILDABLE, [*BEGUN, ASKED, OFFERED, OPEN, DECIDED, DECIDED, (0, {})], [SILENT, SILENT]),
    "nobody": approval(ASKED, OFFERED, answers=[], script=options("lookEvery: 600")),
    "nobody in two hours": approval(ASKED, OFFERED, answers=[], script=options("hours: 2, lookEvery: 45")),
    "at the last moment": approval(
        ASKED, OFFERED, DECIDED, DECIDED, answers=[], script=options("hours: 1, lookEvery: 90")
    ),
    "out of sight": approval(
        ASKED, OFFERED, (8, ""), (143, ""), (0, {}), DECIDED, answers=[SILENT, SILENT, answered()]
    ),
    "button": approval(ASKED, OFFERED, OPEN, answers=[SILENT, {"abort": "joe"}]),
    "outer limit": approval(
        ASKED, OFFERED, answers=[], script=f"timeout(time: 5, unit: 'MINUTES') {{ {APPROVAL} }}"
    ),
    "not a manager": approval(
        ASKED, OFFERED, (0, {}), DECIDED,
        answers=[answered(APPROVER="eve") | {"by": ["eve"]}, answered() | {"by": ["mary", "release-managers"]}],
    ),
    # A command that is killed or reaches nothing.
    "look killed": approval((143, ""), ASKED, OFFERED, (0, {}), DECIDED, answers=[answered()]),
    "nothing comes up": approval((5, state(None)), answers=[]),
    "record killed": approval(ASKED, OFFERED, (143, ""), (8, ""), (130, ""), (0, {}), DECIDED, answers=[answered()]),
    "record in vain": approval(ASKED, OFFERED, *[(8, "")] * 11, answers=[answered()]),
    "status": Case("deliverkitStatus()", [(143, "")] * 2, [], dict(PROMOTED)),
    "status unknown": Case("deliverkitStatus()", [(137, "")], [], dict(PROMOTED)),
    "report": Case("deliverkitReport()", [(130, ""), (137, "")], [], dict(PROMOTED)),
    "status hides nothing": Case(BUILDABLE, [*BEGUN[:3], (4, {"reason": "no way back"}), (143, "")]),
    # A question where none was expected.
    "stage asks": stage((5, state(18))),
    "stage asks, given back": stage((5, state(18)), words=", on: [5: 'RETURN']"),
    "stage asks, unstable": stage((5, state(18)), words=", on: ['5': 'UNSTABLE']"),
    "stage goes on": stage((5, state(None)), (143, ""), (0, {}), words=", timeout: '30m'"),
    "another question": approval(
        ASKED, OFFERED, (0, {}), (0, state(18)), (5, state(18)), OFFERED, (0, {}), (0, state(18, "approved")),
        answers=[answered(), answered()],
    ),
    "a gate asks": Case(
        BUILDABLE, [*BEGUN[:3], (5, state(17)), ASKED, OFFERED, (0, {}), DECIDED, (0, {}), (0, {}), (0, {})],
        [answered()],
    ),
    "second wave asks": Case(
        DELIVERY.format(""),
        [(0, {"version": "1.2"}), (0, {"legs": [leg("Deploy-Production"), leg("Deploy-Production", 1)]}),
         (0, {"promotion": "p-1"}), ASKED, OFFERED, (0, {}), DECIDED, (0, {})],
        [answered()],
    ),
    # An agent that is deleted.
    "agent lost": Case(
        BUILDABLE, [*BEGUN, (0, {}), ASKED, OFFERED, (0, {}), DECIDED, (0, {})], [answered()], removed=["wait p-1"]
    ),
    "agents lost": Case(BUILDABLE, list(BEGUN[:3]), removed=["wait p-1"] * 3),
    "agent lost while packaging": Case(BUILDABLE, removed=["built 1.0"]),
    "library, agent lost": Case(
        jenkinsfile("Jenkinsfile.library"), [*ALL_THE_WAY[:2], *[(0, {})] * 3, *ALL_THE_WAY[4:]], [answered()],
        removed=["wait p-1"],
    ),
    "library, agents lost": Case(jenkinsfile("Jenkinsfile.library"), ALL_THE_WAY[:2], removed=["wait p-1"] * 3),
    # A newer build.
    "superseded": Case(
        jenkinsfile("Jenkinsfile.multibranch"), ALL_THE_WAY[:6], [answered()], dict(MAIN), overtaken=[2]
    ),
    "superseded while it asks": Case(
        jenkinsfile("Jenkinsfile.multibranch"), ALL_THE_WAY[:6], [{"abort": "#8", "result": "NOT_BUILT"}], dict(MAIN)
    ),
    "frozen": Case(jenkinsfile("Jenkinsfile.multibranch"), [*ALL_THE_WAY[:2], (7, {"reason": "no"})], [], dict(MAIN)),
    "rejected": Case(
        jenkinsfile("Jenkinsfile.multibranch"), [*ALL_THE_WAY[:7], (0, state(17, "rejected")), (6, {})],
        [answered(DECISION="reject")], dict(MAIN), overtaken=[2],
    ),
    # Nothing to go on with.
    "no release": Case("node('a') { deliverkitPromote(env: 'production') }"),
    "no package": Case(
        "node('a') { deliverkitPackage(on: [1: 'UNSTABLE']); deliverkitPromote(env: 'p') }", [(1, {"version": None})]
    ),
    "no plan": Case(DELIVERY.format(", on: [1: 'UNSTABLE']"), [BEGUN[0], (1, "")]),
    "locked": Case(DELIVERY.format(", on: [7: 'UNSTABLE']"), [*BEGUN[:2], (7, "")]),
    "two promotions": Case(
        f"{APPROVAL}\nnode('a') {{ deliverkitPromote(env: 'eu', release: '1.2'); deliverkitStage('EU') }}",
        [ASKED, OFFERED, (0, {}), DECIDED, (0, {"promotion": "p-2"}), (0, {})], [answered()], dict(PROMOTED),
    ),
    "plain, typed by hand": Case(
        jenkinsfile("Jenkinsfile"), [*PLAIN, OPEN, (0, "")], [answered(DECISION="reject", RECORDED_BY="mary")]
    ),
    "plain, told": Case(
        jenkinsfile("Jenkinsfile"), [*PLAIN, DECIDED, (0, "")], [answered(DECISION="reject", RECORDED_BY="joe")]
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    return play(tmp_path_factory.mktemp("troubles"), CASES)[0]


def test_a_decision_of_which_jenkins_is_not_told_is_found_in_the_ledger(ended: dict[str, Ended]) -> None:
    found = ended["told elsewhere"]
    assert (found.result, len(found.asked)) == ("SUCCESS", 2)
    assert not any(words[0] in ("abort", "approve") for words in found.deeds)
    assert found.deeds.count(OFFER) == 1
    assert [each["executors"] for each in found.asked] == [0, 0]
    assert ended["at the last moment"].result == "SUCCESS"
    assert ended["out of sight"].result == "SUCCESS"
    assert decision() in ended["out of sight"].commands


@pytest.mark.parametrize(("name", "hours", "asked"), [("nobody", 24, 3), ("nobody in two hours", 2, 3)])
def test_a_question_without_an_answer_ends_with_its_hours(
    ended: dict[str, Ended], name: str, hours: int, asked: int
) -> None:
    found = ended[name]
    assert (found.result, len(found.asked)) == ("ABORTED", asked)
    assert hours * HOUR - 60_000 < found.waited <= hours * HOUR
    assert found.commands[2:] == [STATUS] * asked


def test_somebodys_abort_and_outer_limits_are_no_turn_of_the_question(ended: dict[str, Ended]) -> None:
    assert (ended["button"].result, len(ended["button"].asked)) == ("ABORTED", 2)
    assert ended["button"].commands == [REACH, OFFER, STATUS]
    assert (ended["outer limit"].result, ended["outer limit"].commands) == ("ABORTED", [REACH, OFFER])


def test_only_who_is_named_may_answer(ended: dict[str, Ended]) -> None:
    assert "You need to be release-managers" in ended["not a manager"].log
    assert ended["not a manager"].commands[2] == decision()


def test_who_looks_for_a_question_is_not_made_to_wait_for_its_answer(ended: dict[str, Ended]) -> None:
    assert ended["look killed"].commands == [REACH, REACH, OFFER, decision(), STATUS]
    assert (ended["nothing comes up"].result, ended["nothing comes up"].commands) == ("SUCCESS", [REACH])
    assert "no question came up within 4 h" in ended["nothing comes up"].log


def test_a_decision_survives_what_kills_its_record(ended: dict[str, Ended]) -> None:
    assert ended["record killed"].commands == [REACH, OFFER, *[decision()] * 4, STATUS]
    assert ended["record killed"].result == "SUCCESS"
    assert ended["record in vain"].commands[2:] == [decision()] * 11
    assert (ended["record in vain"].result, "out of reach" in ended["record in vain"].failure) == ("FAILURE", True)


def test_what_only_tells_never_fails_a_build_or_hides_why_it_failed(ended: dict[str, Ended]) -> None:
    for name, times in (("status", 1), ("status unknown", 1), ("report", 2)):
        assert (ended[name].result, len(ended[name].commands)) == ("SUCCESS", times), name
    assert "ended with 4" in ended["status hides nothing"].failure


def test_a_stage_that_comes_to_a_question_says_so_and_holds_nothing(ended: dict[str, Ended]) -> None:
    found = ended["stage asks"]
    assert (found.result, len(found.commands)) == ("FAILURE", 1)
    assert "people have to answer production/1 first: deliverkitApproval(stage: 'Deploy-Production'" in found.failure
    for name, result in (("stage asks, given back", "SUCCESS"), ("stage asks, unstable", "UNSTABLE")):
        assert (ended[name].result, len(ended[name].commands), "went on" in ended[name].log) == (result, 1, True)
    repeated = ended["stage goes on"]
    assert repeated.result == "SUCCESS"
    assert repeated.commands[0] == repeated.commands[1] == repeated.commands[2]


def test_whatever_is_asked_on_the_way_to_a_stage_is_asked_in_the_build(ended: dict[str, Ended]) -> None:
    assert ended["another question"].commands[4:6] == [REACH, [*OFFER[:5], "18", "--input", "Gate-production-1-18"]]
    assert [each["id"] for each in ended["another question"].asked] == ["Gate-production-1-17", "Gate-production-1-18"]
    gate = ended["a gate asks"]
    assert gate.result == "SUCCESS", gate.failure
    assert gate.stages[1:4] == ["Deploy-Dev", "Approve Deploy-Dev", "Deploy-Dev"]
    assert [each["executors"] for each in gate.asked] == [0]
    wave = ended["second wave asks"]
    assert (wave.result, wave.stages) == ("SUCCESS", ["Package", "Approve Deploy-Production", "Deploy-Production"])


def test_a_deleted_agent_takes_nothing_back(ended: dict[str, Ended]) -> None:
    for name in ("agent lost", "library, agent lost"):
        assert ended[name].result == "SUCCESS", ended[name].failure
        assert "Retrying" in ended[name].log
    for name in ("agents lost", "library, agents lost"):
        found = ended[name]
        assert (found.result, found.deeds[-1]) == ("FAILURE", STATUS), name
        assert "its agent was lost, 3 in a row" in found.failure
        assert ABORT not in found.deeds
    packaging = ended["agent lost while packaging"]
    assert (packaging.result, packaging.deeds) == ("FAILURE", [])
    assert packaging.log.count("+ echo built 1.0") == 1, "a build is not repeated"


def test_a_build_that_a_newer_one_supersedes_gives_its_promotion_up(ended: dict[str, Ended]) -> None:
    for name in ("superseded", "superseded while it asks"):
        found = ended[name]
        assert (found.result, found.deeds[-1]) == ("NOT_BUILT", ["abort", "p-1"]), name
        assert not any(words[0] == "approve" for words in found.deeds), "recorded too late"
    assert not any(words[0] == "abort" for words in ended["frozen"].deeds)
    assert (ended["frozen"].result, "deliverkit itself has ended" in ended["frozen"].log) == ("NOT_BUILT", True)
    assert ended["rejected"].deeds[-1] == ["wait", "p-1"]


def test_nobody_elses_release_is_promoted_and_no_other_promotions_plan_is_asked_for(ended: dict[str, Ended]) -> None:
    assert (ended["no release"].result, ended["no release"].commands) == ("FAILURE", [])
    assert "deliverkitPromote knows no release" in ended["no release"].failure
    assert (ended["no package"].result, ended["no package"].commands) == ("FAILURE", [["package"]])
    assert (ended["no plan"].result, len(ended["no plan"].commands)) == ("FAILURE", 2)
    assert "gave no plan" in ended["no plan"].failure
    assert (ended["locked"].result, len(ended["locked"].commands)) == ("UNSTABLE", 3)
    assert "--plan" not in ended["two promotions"].commands[-1]


def test_a_name_typed_by_hand_is_no_decision(ended: dict[str, Ended]) -> None:
    [reject] = [words for words in ended["plain, typed by hand"].commands if words[0] == "reject"]
    assert PLAN in reject
    assert ended["plain, typed by hand"].result == "FAILURE"
    assert not any(words[0] == "reject" for words in ended["plain, told"].commands)
    assert ended["plain, told"].result == "SUCCESS"
