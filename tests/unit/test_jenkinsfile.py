"""The Jenkinsfile, read without Jenkins: its structure, its quoting, and every shell snippet in it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
JENKINSFILE = ROOT / "jenkins/Jenkinsfile"

TOKEN = re.compile(
    r"""
    (?P<comment>//[^\n]*|/\*.*?\*/)
  | (?P<plain>'''(?:\\.|[^\\])*?'''|'(?:\\.|[^'\\\n])*')
  | (?P<gstring>\"\"\"(?:\\.|[^\\])*?\"\"\"|"(?:\\.|[^"\\\n])*")
  | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
  | (?P<number>\d+)
  | (?P<newline>\n)
  | (?P<space>[ \t]+)
  | (?P<mark>==|!=|<=|>=|\|\||&&|[^\s\w'"])
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    line: int


@dataclass
class Block:
    """`head { body }`: the tokens before the brace on its line, and what lies inside."""

    head: list[Token] = field(default_factory=list)
    own: list[Token] = field(default_factory=list)
    blocks: list[Block] = field(default_factory=list)

    @property
    def title(self) -> str:
        return " ".join(token.text for token in self.head)

    def all(self) -> list[Block]:
        return [self, *(inner for block in self.blocks for inner in block.all())]

    def get(self, title: str) -> Block:
        [found] = [block for block in self.blocks if block.title == title]
        return found

    def has(self, title: str) -> bool:
        return any(block.title == title for block in self.blocks)

    def text(self) -> str:
        return " ".join(token.text for token in self.own)

    def tokens(self) -> list[Token]:
        return sorted((token for block in self.all() for token in block.own), key=lambda token: token.line)


def tokens_of(source: str) -> list[Token]:
    found, position, line = [], 0, 1
    while position < len(source):
        match = TOKEN.match(source, position)
        assert match, f"line {line}: cannot read {source[position : position + 20]!r}"
        if match.lastgroup not in ("comment", "space"):
            found.append(Token(str(match.lastgroup), match[0], line))
        line += match[0].count("\n")
        position = match.end()
    return found


def parse(source: str) -> Block:
    """The blocks of a Jenkinsfile; brackets of every kind have to pair."""
    top = Block()
    stack, open_brackets, line_head = [top], [], 0
    pairs = {")": "(", "]": "[", "}": "{"}
    for token in tokens_of(source):
        here = stack[-1]
        if token.kind == "newline":
            line_head = len(here.own)
            continue
        if token.kind == "mark" and token.text in "([{":
            open_brackets.append(token)
        if token.kind == "mark" and token.text in ")]}":
            opened = open_brackets.pop().text if open_brackets else "nothing"
            assert opened == pairs[token.text], f"line {token.line}: unpaired {token.text}"
        if token.text == "{" and token.kind == "mark":
            block = Block(head=here.own[line_head:])
            here.blocks.append(block)
            stack.append(block)
            line_head = 0
        elif token.text == "}" and token.kind == "mark":
            stack.pop()
            line_head = len(stack[-1].own)
        else:
            here.own.append(token)
    assert open_brackets == []
    return top


def value(token: Token) -> str:
    """What a literal in single quotes stands for."""
    assert token.kind == "plain"
    body = token.text[3:-3] if token.text.startswith("'''") else token.text[1:-1]
    return re.sub(r"\\(.)", r"\1", body)


SOURCE = JENKINSFILE.read_text(encoding="utf-8")
[PIPELINE] = parse(SOURCE).blocks
STAGES = {value(stage.head[2]): stage for stage in PIPELINE.get("stages").blocks}


def shell_steps(block: Block) -> list[Token]:
    """The script argument of every `sh` step inside a block."""
    found = []
    tokens = block.tokens()
    for position, token in enumerate(tokens):
        if (token.kind, token.text) != ("word", "sh"):
            continue
        rest = tokens[position + 1 :]
        if rest[0].text == "(":
            names = [index for index, other in enumerate(rest[:12]) if other.text == "script"]
            assert names, f"line {token.line}: no script argument"
            rest = rest[names[0] + 2 :]
        found.append(rest[0])
    return found


ALL_SHELL = shell_steps(PIPELINE)
SNIPPETS = [value(token) for token in ALL_SHELL if token.kind == "plain"]


def test_every_shell_step_is_a_literal_that_groovy_does_not_touch() -> None:
    assert len(ALL_SHELL) == len(re.findall(r"(?<![\w.])sh\b *[('\"]", SOURCE)) >= 12
    assert [f"line {token.line}: {token.text}" for token in ALL_SHELL if token.kind != "plain"] == []


def test_the_only_interpolations_are_a_number_and_digests_in_messages() -> None:
    interpolated = [token.text for token in PIPELINE.tokens() if token.kind == "gstring" and "$" in token.text]
    assert [re.findall(r"\$\{([\w.]+)\}", text) for text in interpolated] == [
        ["status"],
        ["env.BUNDLE", "env.PLAN"],
        ["env.RECORDED_BY"],
    ]
    assert all("sh" not in text for text in interpolated)


@pytest.mark.parametrize("snippet", SNIPPETS)
def test_shell_snippets_parse_and_quote_every_value(snippet: str) -> None:
    parsed = subprocess.run(["sh", "-n", "-c", snippet], capture_output=True, text=True, check=False)
    assert (parsed.returncode, parsed.stderr) == (0, "")
    unquoted = re.sub(r"""'[^']*'|"[^"]*\"""", "", snippet)
    unquoted = re.sub(r"\$\{\w+:\+\}", "", unquoted)  # ${NAME:+"..."}: that word, or none
    assert "$" not in unquoted, "a value outside double quotes would be split into words"


def test_user_input_reaches_deliverkit_as_one_word(tmp_path: Path) -> None:
    """Runs the two decision commands with a hostile reason and looks at the arguments that arrive."""
    recorder = tmp_path / "deliverkit"
    recorder.write_text('#!/bin/sh\nfor argument; do printf "%s\\n--end--\\n" "$argument"; done\n')
    recorder.chmod(0o755)
    reason = """--yes"; touch owned; $(touch owned) `touch owned` 'x' ü\nsecond line"""
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PROMOTION": "p-1",
        "APPROVER": "mary o'neil; touch owned",
        "BUILD_TAG": "jenkins-shop-7",
        "REASON": reason,
        "QUESTION": "17",
        "PLAN": "sha256:ab; touch owned",
    }
    decisions = [snippet for snippet in SNIPPETS if "--reason" in snippet]
    assert len(decisions) == 2
    for snippet, verb in zip(decisions, ("approve", "reject"), strict=True):
        run = ["sh", "-xe", "-c", snippet]
        out = subprocess.run(run, env=environment, cwd=tmp_path, check=True, capture_output=True, text=True).stdout
        assert out.split("\n--end--\n") == [
            *[verb, "p-1", "--gate", "production", "--question", "17", "--plan", "sha256:ab; touch owned"],
            *[f"--reason={reason}", "--on-behalf-of=mary o'neil; touch owned", "--via=jenkins-shop-7"],
            *["--profile", "jenkins-approvals"],
            "",
        ]
    assert not (tmp_path / "owned").exists()


def test_no_executor_is_held_across_stages_or_by_the_approval() -> None:
    assert re.search(r"\bagent none\b", PIPELINE.text())
    assert not PIPELINE.has("agent")
    for name, stage in STAGES.items():
        asks = any(token.text == "input" for token in stage.tokens())
        assert asks == (name == "Approve production")
        assert stage.has("agent") != asks
        assert bool(re.search(r"\bagent none\b", stage.text())) == asks
        assert not (asks and shell_steps(stage)), "sh needs an agent"


def test_every_stage_and_the_build_have_a_time_limit_and_builds_do_not_overlap() -> None:
    options = PIPELINE.get("options").text()
    assert "disableConcurrentBuilds ( )" in options
    assert "skipStagesAfterUnstable ( )" in options
    assert "disableRestartFromStage ( )" in options, "it would know neither its promotion nor its plan"
    hours = {"MINUTES": 1 / 60, "HOURS": 1.0}
    limits = []
    for block in (PIPELINE, *STAGES.values()):
        [found] = re.findall(r"timeout \( time : (\d+) , unit : '(\w+)' \)", block.get("options").text())
        limits.append(int(found[0]) * hours[found[1]])
    outermost, *inner = limits
    assert outermost < sum(inner) + 1, "the outermost limit is for what the stages' own limits miss"
    assert outermost > max(inner)


def test_a_stage_that_loses_its_agent_goes_on_with_another_one() -> None:
    again = [name for name, stage in STAGES.items() if "retry (" in stage.get("options").text()]
    assert again == [name for name in STAGES if name.startswith("Deploy-")], "only what may be repeated"
    assert all(
        "retry ( count : 3 , conditions : [ agent ( ) ] )" in STAGES[name].get("options").text() for name in again
    )


def test_there_is_one_wait_for_each_stage_of_the_pipeline_in_its_order() -> None:
    declared = YAML(typ="safe").load((ROOT / "pipelines/delivery.yml").read_text(encoding="utf-8"))
    deploying = [stage["name"] for stage in declared["stages"][1:]]
    waits = [
        (name, re.findall(r"--stage (\S+) (?:--plan \S+ )?--junit (\S+)", value(step)))
        for name in STAGES
        for step in shell_steps(STAGES[name])
    ]
    judged = [(name, found[0]) for name, found in waits if found]
    assert judged == [(stage, (stage, "deliverkit-gates.xml")) for stage in deploying]
    for stage in deploying:
        steps = [value(step) for step in shell_steps(STAGES[stage])]
        assert steps[0] == "rm -f deliverkit-gates.xml", "a report of an earlier build must not count"
        published = STAGES[stage].get("post").get("always").text()
        assert published == "junit testResults : 'deliverkit-gates.xml' , allowEmptyResults : true"


def test_production_gets_what_was_approved_and_nothing_else() -> None:
    waits = [value(step) for step in shell_steps(STAGES["Deploy-Production"])]
    assert '--plan "$PLAN"' in waits[-1]


def test_production_comes_after_staging_the_question_and_the_recorded_answer() -> None:
    assert list(STAGES) == [
        "Package",
        "Deploy-Dev",
        "Deploy-Staging",
        "Reach production",
        "Approve production",
        "Record the decision",
        "Deploy-Production",
    ]


def test_the_promotion_is_started_detached_and_followed_by_its_first_line() -> None:
    package = STAGES["Package"]
    promote, digests = [value(step) for step in shell_steps(package)][-2:]
    asked = '"1.0.$BUILD_NUMBER" --to production --detach ${REQUESTER:+"--on-behalf-of=$REQUESTER"}'
    assert " ".join(promote.replace("\\\n", " ").split()) == f"deliverkit promote {asked}"
    assert re.search(
        r"returnStdout : true , script : '''\s+deliverkit promote", package.get("steps").get("script").text()
    )
    assert r"env . PROMOTION = printed . split ( '\n' ) [ 0 ] . trim ( )" in package.get("steps").get("script").text()
    followers = [snippet for snippet in SNIPPETS if re.match(r"deliverkit (?!package|promote|jenkins)", snippet)]
    assert len(followers) == 6, "the other three are written in several lines"
    assert "env . PLAN = digests [ 0 ]" in package.get("steps").get("script").text()
    assert 'print(it["plan_digest"], it["release"]["digest"])' in digests
    assert all(re.match(r'deliverkit \w+ "\$PROMOTION"', snippet) for snippet in followers)


def test_no_environment_block_shadows_a_value_that_a_stage_sets() -> None:
    assigned = set(re.findall(r"\benv\.(\w+) =", re.sub(r"//[^\n]*", "", SOURCE)))
    answered = {"DECISION", "REASON", "APPROVER", "RECORDED_BY"}
    assert assigned == {"REQUESTER", "PROMOTION", "PLAN", "BUNDLE", "APPROVAL", "QUESTION"} | answered
    declared = {token.text for block in PIPELINE.all() if block.title == "environment" for token in block.own}
    assert not assigned & declared


def test_waiting_for_a_human_is_told_from_a_failure() -> None:
    steps = STAGES["Reach production"].get("steps").get("script")
    assert "def status = sh ( returnStatus : true ," in steps.text()
    assert [block.title for block in steps.blocks] == ["if ( status == 5 )", "else if ( status != 0 )"]
    assert steps.blocks[0].text().startswith("env . APPROVAL = 'needed' env . QUESTION = sh ( returnStdout : true")
    assert "sh ( returnStatus : true , script : 'deliverkit jenkins input offer" in steps.blocks[0].text()
    assert steps.blocks[1].text().startswith("error ( ")
    for name in ("Approve production", "Record the decision"):
        assert "environment name : 'APPROVAL' , value : 'needed'" in STAGES[name].get("when").text()


def test_an_answer_without_values_or_reason_is_no_answer_and_a_hasty_click_rejects() -> None:
    script = STAGES["Approve production"].get("steps").get("script")
    [loop] = script.blocks
    given = "answer [ 'REASON' ] ? . trim ( ) || answer [ 'RECORDED_BY' ] ? . trim ( )"
    assert loop.title == f"while ( ! ( answer instanceof Map ) || ! ( {given} ) )"
    asked = loop.text()
    assert "submitter : 'release-managers' , submitterParameter : 'APPROVER'" in asked
    assert "choice ( name : 'DECISION' , choices : [ 'reject' , 'approve' ]" in asked
    assert re.search(r"id : '[A-Z]", asked), "Jenkins upper-cases the first letter in its URLs"


def test_only_an_explicit_approval_approves_and_a_rejection_ends_the_build() -> None:
    script = STAGES["Record the decision"].get("steps").get("script")
    looked, settled, approve, reject = script.blocks
    assert looked.title == "if ( env . RECORDED_BY )", "a name that was typed by hand is no decision"
    assert 'deliverkit status "$PROMOTION" --output json' in value(shell_steps(looked)[0])
    assert settled.title == "if ( answer != 'None' || ! env . REASON ? . trim ( ) )"
    assert shell_steps(settled) == []
    assert (approve.title, reject.title) == ("else if ( env . DECISION == 'approve' )", "else")
    assert [value(step).split()[1] for step in shell_steps(approve)] == ["approve"]
    assert [value(step).split()[1] for step in shell_steps(reject)] == ["reject"]
    assert "error ( " in reject.text()


def test_the_approver_and_the_gate_are_those_of_the_storefront() -> None:
    settings = YAML(typ="safe").load((ROOT / "examples/storefront/deliverkit.yml").read_text(encoding="utf-8"))
    [bridge] = settings["environments"]["production"]["approvals"]["bridges"]
    decisions = [value(step) for step in shell_steps(STAGES["Record the decision"])][1:]
    assert [f"--profile {bridge}" in snippet for snippet in decisions] == [True, True]
    [guarded] = [name for name, environment in settings["environments"].items() if "approvals" in environment]
    assert all(f"--gate {guarded} " in snippet for snippet in SNIPPETS if "--gate" in snippet)
    assert all(f"--to {guarded} " in snippet for snippet in SNIPPETS if "--to" in snippet)


def test_only_an_abort_rolls_back_and_post_brings_its_own_agent_and_sources() -> None:
    post = PIPELINE.get("post")
    assert [block.title for block in post.blocks] == ["aborted", "failure"]
    assert [value(step) for step in shell_steps(post.get("aborted"))] == ['deliverkit abort "$PROMOTION" --rollback']
    assert [value(step) for step in shell_steps(post.get("failure"))] == ['deliverkit status "$PROMOTION"']
    assert [snippet for snippet in SNIPPETS if "rollback" in snippet] == ['deliverkit abort "$PROMOTION" --rollback']
    for block in post.blocks:
        node = block.get("script").get("if ( env . PROMOTION )").get("node ( 'deliverkit' )")
        assert node.text().startswith("checkout scm sh")


def test_the_folder_does_not_hide_the_jenkins_module() -> None:
    assert list((ROOT / "jenkins").rglob("__init__.py")) == []


@pytest.mark.parametrize("broken", ["pipeline { stages { }", "a ( ]", "x }", "sh 'unfinished"])
def test_the_reader_notices_what_is_broken(broken: str) -> None:
    with pytest.raises((AssertionError, IndexError)):
        parse(broken)
