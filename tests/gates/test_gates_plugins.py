"""Kinds of checks that installed packages add: found by entry points, read, measured, judged, and never trusted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from plugin_bench import install, install_bad, install_example
from web_bench import Site, context, measured, served, taken_over

from deliverkit import check_plugins
from deliverkit.check_plugins import CheckPlugin
from deliverkit.config import load
from deliverkit.domain.checks import assess, carry_on, measurement
from deliverkit.domain.foreign import ask_also
from deliverkit.domain.gate import Check, Gate, Measurement, Policy, Verdict
from deliverkit.domain.rollout import Outcome
from deliverkit.errors import UsageError
from deliverkit.gate_assembly import Checkers, plugged
from deliverkit.testing.clock import FakeClock
from deliverkit.testing.contracts import PluginContract
from deliverkit.testing.contracts.checks import Case

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "how-to" / "write-a-check.md").read_text(encoding="utf-8")
TOKEN = "acme-token-0815"
HEAD = """application: shop
release: {bundle: {path: build/}, store: s3://releases/shop}
environments: {dev: {deploy: {codedeploy: {group: dev}}, gates: {after: [g]}}}
gates:
  g:
"""


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages: the example, and a bad one."""
    site = tmp_path / "site-packages"
    site.mkdir()
    install_example(site)
    install_bad(site)
    monkeypatch.syspath_prepend(site)
    before = ask_also(check_plugins.assessor_of)
    check_plugins._loaded.clear()
    yield site
    ask_also(before)
    check_plugins._loaded.clear()
    for name in ("acme_checks", "bad_checks"):
        sys.modules.pop(name, None)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with served() as one:
        one.says("/good/budgets/shop", json.dumps({"left": 64.5}))
        one.says("/bad/budgets/shop", json.dumps({"left": 3}))
        one.says("/odd/budgets/shop", json.dumps({"left": None}))
        yield one


def checkers(environ: dict[str, str] | None = None) -> Checkers:
    clock = FakeClock()
    return Checkers({}, lambda kind: plugged(kind, clock=clock, environ=environ or {"ACME_TOKEN": TOKEN}))


def ask(kind: str, spec: dict[str, Any] | None = None) -> Measurement:
    return measured(checkers()(kind), kind, spec or {})


class TestTheExample(PluginContract):
    """The plug-in of the how-to guide, held to the contract, as its author would do it."""

    kind = "acme-budget"

    @pytest.fixture
    def plugin(self, packages: Path) -> CheckPlugin:
        found = check_plugins.find(self.kind)
        assert found is not None
        return found.implementation

    @pytest.fixture
    def environ(self) -> dict[str, str]:
        return {"ACME_TOKEN": TOKEN}

    @pytest.fixture
    def passing(self, site: Site) -> Case:
        spec = {"url": f"{site.url}/good", "token": "${env.ACME_TOKEN}", "at_least": 10}
        return Case(spec, context(), (TOKEN,))

    @pytest.fixture
    def failing(self, site: Site, passing: Case) -> Case:
        return Case({**passing.spec, "url": f"{site.url}/bad"}, context(), (TOKEN,))

    @pytest.fixture
    def unaskable(self, site: Site, passing: Case) -> Case:
        return Case({**passing.spec, "url": f"{site.url}/nowhere"}, context(), (TOKEN,))

    def test_the_token_went_out(self, checker: Any, passing: Case, site: Site) -> None:
        self.sample(checker, passing)
        assert site.headers[-1]["authorization"] == f"Bearer {TOKEN}"


def test_a_gate_of_a_plug_in_s_kind_is_read_by_the_plug_in(packages: Path, tmp_path: Path) -> None:
    file = tmp_path / "deliverkit.yml"
    file.write_text(HEAD + "    acme-budget: {url: 'http://budget.example', token: '${env.T}'}\n    passes: 3\n")
    gate = load(file).gates["g"]
    spec = {"url": "http://budget.example", "token": "${env.T}", "at_least": 10}
    assert gate == Gate.of("g", "acme-budget", spec, Policy(passes=3))
    file.write_text(HEAD + "    checks: {a: {acme-budget: {url: 'http://b', at_least: 5.5}}, b: {targets: {}}}\n")
    assert [check.kind for check in load(file).gates["g"].checks] == ["acme-budget", "targets"]


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("{acme-budget: {url: ftp://x}}", "6:6 gates.g.acme-budget: url has to be the address of the budget service"),
        ("{acme-budget: {url: http://x, atleast: 5}}", "6:6 gates.g.acme-budget: unknown key atleast; known are"),
        ("{acme-budget: 5}", "6:19 gates.g.acme-budget: expected the settings of acme-budget: a mapping"),
        ("{acme-budget: {url: 'http://${nope}'}}", "6:25 gates.g.acme-budget.url: ${nope} is no placeholder"),
        ("{acme-budget: {url: 'http://${target.id}'}}", "6:25 gates.g.acme-budget.url: it is used once"),
        ("{acme-budgte: {}}", "6:6 gates.g.acme-budgte: unknown key; did you mean 'acme-budget'?"),
        ("{acme-budget: {url: http://x}, http: {url: http://x}}", "6:36 gates.g.http: acme-budget is given already"),
        (
            "{zzz-qqq: {}}",
            "6:6 gates.g.zzz-qqq: no installed package offers the kind zzz-qqq, installed are acme-budget",
        ),
        ("{nohyphen: {}}", "6:6 gates.g.nohyphen: unknown key"),
        ("{bad-absent: {}}", "6:6 gates.g.bad-absent: plug-in bad-absent (bad-checks 0.1) cannot be loaded: Attribute"),
        (
            "{bad-unmade: {}}",
            "6:6 gates.g.bad-unmade: plug-in bad-unmade (bad-checks 0.1) cannot be loaded: OSError: no",
        ),
        ("{bad-stranger: {}}", "bad_checks:Stranger is no class derived from CheckPlugin"),
        ("{bad-nameless: {}}", "calls its own kind 'another-kind'"),
        ("{bad-reading: {}}", "6:6 gates.g.bad-reading: the plug-in cannot read this: ZeroDivisionError"),
        ("{bad-reading: {a: 1}}", "6:6 gates.g.bad-reading: the plug-in cannot read this: TypeError"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(packages: Path, tmp_path: Path, gate: str, said: str) -> None:
    file = tmp_path / "deliverkit.yml"
    file.write_text(HEAD.rstrip("\n") + "\n    " + gate + "\n")
    with pytest.raises(UsageError) as refusal:
        load(file)
    assert said in refusal.value.message


def test_an_endpoint_that_differs_from_instance_to_instance_is_refused(packages: Path, tmp_path: Path) -> None:
    file = tmp_path / "deliverkit.yml"
    file.write_text(HEAD + "    acme-budget: {url: 'http://b', token: '${endpoint}'}\n")
    with pytest.raises(UsageError, match=r"gate 'g' names \$\{endpoint\}, which stands for each instance here"):
        load(file)


def test_settings_arrive_as_yaml_means_them(packages: Path, tmp_path: Path) -> None:
    file = tmp_path / "deliverkit.yml"
    settings = "{a: 1, b: 1.5, c: true, d: null, e: 'yes', f: [1, {g: no}], h: .nan, i: 2026-01-01, j: 0x10, k: '1'}"
    file.write_text(HEAD + f"    bad-raising: {settings}\n")
    (check,) = load(file).gates["g"].checks
    expected = {"a": 1, "b": 1.5, "c": True, "d": None, "e": "yes", "f": [1, {"g": "no"}], "h": ".nan"}
    assert check.spec == {**expected, "i": "2026-01-01", "j": "0x10", "k": "1"}


def test_two_packages_that_offer_a_kind_are_both_named(packages: Path, tmp_path: Path) -> None:
    second = tmp_path / "more"
    install(second, "other-checks", "3.0", {"acme-budget": "other_checks:Budget"})
    sys.path.insert(0, str(second))
    try:
        with pytest.raises(ValueError, match=r"offered by acme-checks 1\.0 and other-checks 3\.0; uninstall one"):
            check_plugins.find("acme-budget")
        with pytest.raises(LookupError, match="uninstall one"):
            checkers()("acme-budget")
    finally:
        sys.path.remove(str(second))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("bad-raising", "cannot be asked: RuntimeError: no such service"),
        ("bad-leaving", "cannot be asked: SystemExit: 0"),
        ("bad-rubbish", "cannot be asked: TypeError: it gave no observation, but bool"),
        ("bad-endless", "are recorded at most"),
        ("bad-nan", "Out of range float values are not JSON compliant"),
    ],
)
def test_a_plug_in_that_fails_is_an_error_that_names_it(packages: Path, kind: str, said: str) -> None:
    found = ask(kind)
    assert found.outcome is Verdict.ERROR
    assert f"plug-in {kind} (bad-checks 0.1)" in found.reason
    assert said in found.reason


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("nan", "gave nan for a value, which is no number"),
        ("true", "gave no assessment, but bool"),
        ("none", "gave no assessment, but NoneType"),
        ("outcome", "gave 'passed' for an outcome"),
        ("silent", "gave no reason"),
        ("state", "gave a state that JSON cannot hold"),
        ("huge", "cannot judge: OverflowError"),
        ("ajar", "gave 'yes' for is_open, which is neither True nor False"),
        ("open", "gave failed and is_open together"),
        ("unheard of", "cannot judge: KeyError"),
    ],
)
def test_a_judgement_that_is_none_never_passes(packages: Path, how: str, said: str) -> None:
    found = ask("bad-judging", {"how": how})
    assert found.outcome is Verdict.ERROR
    assert f"plug-in bad-judging (bad-checks 0.1) {said}" in found.reason
    assert found.value is None
    again = assess(Check("up", "", "bad-judging", {"how": how}), found.seen or {})
    assert (again.outcome, again.reason) == (found.outcome, found.reason)


def test_what_no_ledger_can_hold_is_replaced(packages: Path) -> None:
    found = ask("bad-judging", {"how": "bytes"})
    assert (found.outcome, found.reason, found.value) == (Verdict.PASSED, "caf? is there", 3.0)
    check = Check("up", "", "bad-judging", {"how": "bytes"})
    assert measurement(check, found.at, {}, query="cat caf\udce9").query == "cat caf?"


def test_a_plug_in_that_hangs_is_not_asked_again_before_it_comes_back(packages: Path) -> None:
    made = checkers()
    began = time.monotonic()
    first, second = (measured(made("bad-hanging"), "bad-hanging", {}) for _ in range(2))
    assert time.monotonic() - began < 10
    assert (first.outcome, second.outcome) == (Verdict.ERROR, Verdict.ERROR)
    assert first.reason == "plug-in bad-hanging (bad-checks 0.1) gave no answer within 0.2 s"
    assert "it is still busy with what it was asked at 09:00:00 UTC" in second.reason
    hanging = sys.modules["bad_checks"].Hanging
    assert hanging.asked == 1
    hanging.release.set()


def test_an_interruption_waits_for_no_plug_in(packages: Path) -> None:
    import threading  # noqa: PLC0415

    made = checkers()
    checker: Any = made("bad-hanging")
    hanging = sys.modules["bad_checks"].Hanging
    hanging.timeout = 60.0
    checker._timeout = 60.0
    found: list[Measurement] = []
    thread = threading.Thread(target=lambda: found.append(measured(checker, "bad-hanging", {})))
    thread.start()
    while not hanging.asked:
        assert thread.is_alive()
    checker.interrupt()
    thread.join(10)
    hanging.release.set()
    assert found[0].reason == "plug-in bad-hanging (bad-checks 0.1) was interrupted"


def test_secrets_of_the_settings_are_masked_in_all_that_comes_back(packages: Path) -> None:
    found = ask("good-secretive", {"token": "${env.ACME_TOKEN}"})
    assert found.outcome is Verdict.PASSED
    assert TOKEN not in repr(found)
    assert found.query == "GET ${env.ACME_TOKEN}"
    absent = ask("good-secretive", {"token": "${env.NOT_SET}"})
    assert absent.reason == "cannot be asked: the environment variable NOT_SET is not set"


def test_a_state_is_carried_on_from_the_record(packages: Path) -> None:
    check = Check("up", "", "good-secretive", {"token": "x"})
    state = None
    for number in (1, 2, 3):
        state = carry_on(check, ask("good-secretive", {"token": "x"}), state)
        assert state == number


def test_one_that_takes_its_time_is_asked_again(packages: Path) -> None:
    checker = checkers()("good-patient")
    check = Check("up", "", "good-patient", {})
    found = [checker.measure(check, context()) for _ in range(3)]
    assert [each and each.outcome for each in found] == [None, None, Verdict.PASSED]


def test_a_kind_that_nobody_knows_lists_those_that_are_known(packages: Path) -> None:
    with pytest.raises(
        LookupError, match=r"nobody can measure checks of kind no-such; known are acme-budget, bad-absent"
    ):
        checkers()("no-such")


def test_a_promotion_is_judged_by_the_plug_in_in_whatever_process(packages: Path, site: Site) -> None:
    spec = {"url": f"{site.url}/good", "token": "${env.ACME_TOKEN}", "at_least": 10}
    gate = Gate.of("budget", "acme-budget", spec, Policy(passes=3))
    environ = {"ACME_TOKEN": TOKEN}
    rollout, recorded = taken_over(gate, lambda clock: plugged("acme-budget", clock=clock, environ=environ))  # type: ignore[arg-type,return-value]
    assert rollout.outcome is Outcome.SUCCEEDED
    assert [each["value"] for each in recorded] == [64.5] * 3
    assert TOKEN not in repr(recorded)


def test_a_wrong_kind_ends_the_command_line_with_exit_code_2(packages: Path, tmp_path: Path) -> None:
    file = tmp_path / "deliverkit.yml"
    file.write_text(HEAD + "    acme-budgte: {url: 'http://b'}\n")
    environ = {**os.environ, "PYTHONPATH": f"{packages}{os.pathsep}{ROOT}"}
    words = [sys.executable, "-m", "deliverkit", "--config", str(file), "status"]
    ran = subprocess.run(words, capture_output=True, text=True, check=False, env=environ, cwd=tmp_path)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "gates.g.acme-budgte: unknown key; did you mean 'acme-budget'?" in ran.stderr


class TestTheGuide(PluginContract):
    """What `docs/how-to/write-a-check.md` shows is a plug-in, and its YAML is a gate."""

    kind = "acme-budget"

    @pytest.fixture
    def plugin(self) -> CheckPlugin:
        code = next(block for block in GUIDE.split("```python\n")[1:] if "class ErrorBudget" in block)
        names: dict[str, Any] = {}
        exec(code.partition("```")[0], names)
        found = names["ErrorBudget"]()
        assert isinstance(found, CheckPlugin)
        return found

    @pytest.fixture
    def passing(self, site: Site) -> Case:
        return Case({"url": f"{site.url}/good", "at_least": 10}, context())

    @pytest.fixture
    def failing(self, site: Site) -> Case:
        return Case({"url": f"{site.url}/bad", "at_least": 10}, context())

    @pytest.fixture
    def unaskable(self, site: Site) -> Case:
        return Case({"url": f"{site.url}/nowhere", "at_least": 10}, context())


def test_the_gate_of_the_guide_loads(packages: Path, tmp_path: Path) -> None:
    gates = GUIDE.partition("```yaml\n")[2].partition("```")[0]
    file = tmp_path / "deliverkit.yml"
    file.write_text(HEAD.partition("gates:\n")[0].replace("[g]", "[budget]") + gates)
    (check,) = load(file).gates["budget"].checks
    assert (check.kind, check.spec["at_least"]) == ("acme-budget", 20)
