"""The shared library's steps with a recorder in place of deliverkit: what is asked, and what becomes of the build."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench import LIBRARY, Case, Ended, play

from deliverkit import __version__
from deliverkit.errors import ExitCode

HOSTILE = [
    "it's $(touch owned) `touch owned`",
    "--yes",
    'a "quoted" \\ $HOME ${HOME} *',
    "two\nlines; touch owned\n",
    "ü € 'x' # no comment",
    "'; touch owned; '",
    "-",
]
REPORT = '<testsuite><testcase name="up"/></testsuite>'


def groovy(words: list[str]) -> str:
    """A list of texts as Groovy writes it: the escapes of JSON are its own, but for the dollar."""
    return json.dumps(words).replace("$", "\\$")


def on_agent(script: str) -> str:
    return f"node('deliverkit') {{\n{script}\n}}"


def build(words: str, **cases: Any) -> Case:
    return Case(on_agent(words), **cases)


CASES: dict[str, Case] = {
    "hostile": build(f"deliverkit({groovy(HOSTILE)})"),
    "parsed": build(
        "def ran = deliverkit(['status', 'p-1'])\necho 'seen ' + ran.json.gates[0].name + ' ' + ran.exitCode",
        replies=[(0, {"gates": [{"name": "up"}]})],
    ),
    "not JSON": build("echo 'seen ' + deliverkit(['status', 'p-1']).json", replies=[(0, "{ no JSON")]),
    "text": build("deliverkit(['status', 'p-1'], text: true)", replies=[(0, "p-1: all is well")]),
    "waits": build(
        "deliverkit(['wait', 'p-1', '--timeout', '1h'])", replies=[(5, {"promotion": "p-1"}), (-1 % 256, ""), (0, {})]
    ),
    "attached": build(
        "deliverkit(['wait', 'p-1'])", replies=[(5, {}), (143, ""), (130, ""), (5, {}), (0, {"done": 1})]
    ),
    "always killed": build("deliverkit(['wait', 'p-1'])", replies=[(143, "")] * 9),
    "promoted": build(
        "deliverkit(['promote', '--to', 'dev'])", replies=[(5, {"promotion": "p-7"}), (0, {"promotion": "p-7"})]
    ),
    "killed while packaging": build("deliverkit(['package'])", replies=[(143, ""), (0, {})]),
    "unstable": build("deliverkit(['wait', 'p-1'], on: [6: 'UNSTABLE'])\necho 'went on'", replies=[(6, {})]),
    "given back": build("echo 'code ' + deliverkit(['plan'], on: [7: 'RETURN']).exitCode", replies=[(7, {})]),
    "as text": build("deliverkit(['plan'], on: ['8': 'ABORTED'])", replies=[(8, {})]),
    "unknown outcome": build("deliverkit(['plan'], on: [7: 'NOTBUILT'])"),
    "unknown parameter": build("deliverkit(['plan'], onn: [7: 'RETURN'])"),
    "null argument": build("deliverkit(['wait', env.NEVER_SET])"),
    "no list": build("deliverkit(args: 'status')"),
    "another command": build("deliverkit(['doctor'], command: '/no/such/deliverkit')"),
    "agent's command": Case(
        on_agent("deliverkit(['doctor'], text: true)"),
        environ={"DELIVERKIT_COMMAND": "/bin/echo"},
        records_on_path=False,
    ),
    "package": build(
        "echo deliverkitPackage(path: 'out') + ' ' + env.DELIVERKIT_RELEASE", replies=[(0, {"version": "1.2"})]
    ),
    "promote": build(
        "env.DELIVERKIT_RELEASE = '1.2'\ndeliverkitPromote(env: 'production', onBehalfOf: 'mary')",
        replies=[(0, {"promotion": "p-9"})],
    ),
    "promote nowhere": build("deliverkitPromote(release: '1.2')"),
    "promote frozen": build(
        "deliverkitPromote(env: 'production', release: '1')\necho 'went on'", replies=[(7, {"reason": "frozen"})]
    ),
    "promote, locked and let go on": build(
        "deliverkitPromote(env: 'production', release: '1', on: [7: 'UNSTABLE'])\ndeliverkitAbort()\necho 'went on'",
        replies=[(7, "")],
    ),
    "stage": build("deliverkitStage('Deploy-Dev')", replies=[(0, {})], environ={"DELIVERKIT_PROMOTION": "p-1"}),
    "approved stage": build(
        "deliverkitStage('Deploy Prod/1', timeout: '2h')",
        replies=[(0, {})],
        environ={"DELIVERKIT_PROMOTION": "p-1", "DELIVERKIT_PLAN": "sha256:aa"},
    ),
    "failed stage": build(
        "deliverkitStage('Deploy-Dev', promotion: 'p-2')\necho 'went on'", replies=[(3, {"reason": "gate up failed"})]
    ),
    "stage of nothing": build("deliverkitStage('Deploy-Dev')"),
    "abort": Case("deliverkitAbort()", environ={"DELIVERKIT_PROMOTION": "p-1"}, replies=[(5, {}), (0, {})]),
    "abort of nothing": Case("deliverkitAbort()\ndeliverkitStatus()"),
    "status": Case("deliverkitStatus()", environ={"DELIVERKIT_PROMOTION": "p-1"}, replies=[(8, "")]),
}
CODES = {
    1: "FAILURE", 2: "FAILURE", 3: "FAILURE", 4: "FAILURE", 6: "NOT_BUILT", 7: "NOT_BUILT", 8: "FAILURE", 9: "FAILURE",
    70: "FAILURE", 99: "FAILURE",
}  # fmt: skip
CASES |= {
    f"code {code}": build(
        "deliverkit(['package'])\necho 'went on'", replies=[(code, {"reason": "because", "next": ["type this"]})]
    )
    for code in CODES
}


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ended]:
    directory = tmp_path_factory.mktemp("library")
    stale = directory / "stage" / "shop@tmp" / "deliverkit-gates-Deploy-Dev.xml"
    stale.parent.mkdir(parents=True)
    stale.write_text(REPORT)
    return play(directory, CASES)[0]


def test_no_value_is_ever_shell_syntax(ended: dict[str, Ended]) -> None:
    assert ended["hostile"].commands == [HOSTILE]
    assert ended["hostile"].result == "SUCCESS"
    assert not (ended["hostile"].place / "owned").exists()


def test_the_answer_is_parsed_and_nothing_is_left_in_the_workspace(ended: dict[str, Ended]) -> None:
    assert "seen up 0" in ended["parsed"].log
    assert list(ended["parsed"].place.iterdir()) == []
    assert list(Path(f"{ended['parsed'].place}@tmp").glob("*.json")) == []
    assert "seen null" in ended["not JSON"].log
    assert ended["not JSON"].result == "SUCCESS"
    assert ended["text"].commands == [["status", "p-1"]]
    assert "p-1: all is well" in ended["text"].log


@pytest.mark.parametrize("code", CODES)
def test_exit_codes_become_results_with_a_reason_and_the_build_ends(ended: dict[str, Ended], code: int) -> None:
    found = ended[f"code {code}"]
    assert found.result == CODES[code]
    assert f"deliverkit package ended with {code}: " in found.failure
    assert "because" in found.failure
    assert found.failure.endswith("Next: type this")
    assert ("not an exit code" in found.failure) == (code == 99)
    assert "went on" not in found.log


def test_every_exit_code_has_an_outcome() -> None:
    source = (LIBRARY / "deliverkit.groovy").read_text(encoding="utf-8")
    for code in ExitCode:
        assert f" {int(code)}: '" in source, code


def test_what_still_runs_is_attached_to_again_and_never_begun_again(ended: dict[str, Ended]) -> None:
    wait = ["wait", "p-1"]
    assert ended["attached"].result == "SUCCESS"
    assert ended["attached"].commands == [wait, *[[*wait, "--through-approvals"]] * 4]
    assert len(ended["attached"].steps("sleep")) == 4
    assert ended["promoted"].commands == [["promote", "--to", "dev"], ["wait", "p-7", "--through-approvals"]]
    assert ended["promoted"].result == "SUCCESS"
    assert ended["killed while packaging"].commands == [["package"]]
    assert ended["killed while packaging"].result == "FAILURE"


def test_a_command_that_is_killed_each_time_is_given_up(ended: dict[str, Ended]) -> None:
    assert ended["always killed"].result == "FAILURE"
    assert len(ended["always killed"].commands) == 4
    assert "ended with 143" in ended["always killed"].failure


def test_what_becomes_of_a_code_is_configured(ended: dict[str, Ended]) -> None:
    assert (ended["unstable"].result, "went on" in ended["unstable"].log) == ("UNSTABLE", True)
    assert (ended["given back"].result, "code 7" in ended["given back"].log) == ("SUCCESS", True)
    assert ended["as text"].result == "ABORTED"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("unknown outcome", "on: 7: 'NOTBUILT' is not understood; write an exit code and one of RETURN, AGAIN"),
        ("unknown parameter", "deliverkit does not know the parameter onn; it knows args, on,"),
        ("null argument", "argument 2 of deliverkit (wait) is null, empty or not a text: a value that was never set?"),
        ("no list", "deliverkit takes its arguments as a list: deliverkit(['status', id])"),
        ("promote nowhere", "deliverkitPromote needs the environment: deliverkitPromote(env: 'production')"),
        ("stage of nothing", "deliverkitStage knows no promotion: call deliverkitPromote before it"),
    ],
)
def test_bad_input_is_told_in_one_line_and_nothing_is_run(ended: dict[str, Ended], name: str, words: str) -> None:
    assert ended[name].result == "FAILURE"
    assert words in ended[name].failure
    assert "\n" not in ended[name].failure
    assert ended[name].commands == []


def test_a_command_of_the_agents_own_is_used_as_it_is(ended: dict[str, Ended]) -> None:
    assert ended["another command"].result == "FAILURE"
    assert "there is no command /no/such/deliverkit on this agent" in ended["another command"].log
    assert "ended with 2" in ended["another command"].failure
    assert "\ndoctor\n" in ended["agent's command"].log


def test_package_and_promote_keep_what_later_steps_need(ended: dict[str, Ended]) -> None:
    assert ended["package"].commands == [["package", "out"]]
    assert "1.2 1.2" in ended["package"].log
    promote = ["promote", "1.2", "--to", "production", "--detach", "--on-behalf-of=mary"]
    assert ended["promote"].commands == [promote]
    assert ended["promote"].env["DELIVERKIT_PROMOTION"] == "p-9"
    assert ended["promote frozen"].result == "NOT_BUILT"
    assert "went on" not in ended["promote frozen"].log
    assert "DELIVERKIT_PROMOTION" not in ended["promote frozen"].env
    locked = ended["promote, locked and let go on"]
    assert (locked.result, "went on" in locked.log, len(locked.commands)) == ("UNSTABLE", True, 1)


def test_a_stage_publishes_its_own_report_however_it_ends(ended: dict[str, Ended]) -> None:
    report = "deliverkit-gates-Deploy-Dev.xml"
    assert ended["stage"].published == [{"report": report, "text": ""}], "the report of an earlier build counted"
    assert ended["failed stage"].published == [{"report": report, "text": ""}]
    assert ended["failed stage"].result == "FAILURE"
    assert "gate up failed" in ended["failed stage"].failure
    assert "went on" not in ended["failed stage"].log
    [[*words]] = ended["failed stage"].commands
    assert words == ["wait", "p-2", "--stage", "Deploy-Dev", "--junit", f"{ended['failed stage'].place}@tmp/{report}"]


def test_a_stage_deploys_only_what_was_approved(ended: dict[str, Ended]) -> None:
    [[*words]] = ended["approved stage"].commands
    assert words[:4] == ["wait", "p-1", "--stage", "Deploy Prod/1"]
    assert words[5].endswith("@tmp/deliverkit-gates-Deploy-Prod-1.xml")
    assert words[6:] == ["--plan", "sha256:aa", "--timeout", "2h"]


def test_abort_and_status_bring_their_own_agent_and_sources(ended: dict[str, Ended]) -> None:
    assert ended["abort"].commands == [["abort", "p-1", "--rollback"]] * 2
    assert ended["abort"].result == "SUCCESS"
    for name in ("abort", "status"):
        assert [each["label"] for each in ended[name].steps("node")] == ["deliverkit"]
        assert len(ended[name].steps("checkout")) == 1
    assert ended["status"].commands == [["status", "p-1"]]
    assert ended["status"].result == "SUCCESS", "what only prints never fails a build"
    assert ended["abort of nothing"].commands == []
    assert ended["abort of nothing"].steps("node") == []


def test_the_library_installs_its_own_version_and_explains_each_step() -> None:
    assert f"return '{__version__}'" in (LIBRARY / "deliverkit.groovy").read_text(encoding="utf-8")
    for script in LIBRARY.glob("*.groovy"):
        told = script.with_suffix(".txt").read_text(encoding="utf-8")
        assert f"<code>{script.stem}(" in told, script.stem
