"""What every kind of check must do, ours and those of plug-ins."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest

from deliverkit.adapters.clock import Stopwatch, pause
from deliverkit.adapters.plugins import PluginCheck
from deliverkit.check_plugins import CheckPlugin
from deliverkit.check_ports import CheckContext, Checker
from deliverkit.domain.analysis import Analysis
from deliverkit.domain.checks import assess
from deliverkit.domain.checks.guarded import Guarded
from deliverkit.domain.foreign import ask_also
from deliverkit.domain.gate import Check, Measurement, Verdict
from deliverkit.testing.clock import FakeClock

REASON_LIMIT = 1000
SEEN_LIMIT = 64 * 1024
PATIENCE = timedelta(seconds=60)
"""Real time that a measurement which takes its time is given."""
_LOOK_AGAIN = timedelta(milliseconds=50)
GATE, NAME = "gate-under-test", "check-under-test"


def context(**values: str) -> CheckContext:
    """What a check may ask about, in a delivery that has nothing special."""
    usual = {
        "application": "shop",
        "environment": "production",
        "region": "us-east-1",
        "release.version": "1.2.3",
        "release.digest": "sha256:00",
        "release.commit": "",
        "promotion.id": "production-1",
    }
    return CheckContext({**usual, **values}, "http://shop.example.com", ("us-east-1",), "shop", "shop-production")


@dataclass(frozen=True)
class Case:
    """A check in a world where its outcome is known.

    Attributes:
        spec: The check's settings, as they are after reading.
        context: What it may ask about.
        secrets: Texts that must not appear in what is recorded.
    """

    spec: Mapping[str, Any]
    context: CheckContext
    secrets: tuple[str, ...] = ()


class CheckContract:
    """Subclass it, name the kind, and give the fixtures `checker`, `passing`, `failing` and `unaskable`.

    For a plug-in, `PluginContract` gives the checker.
    """

    kind: str

    @pytest.fixture
    def checker(self) -> Checker:
        """What measures checks of the kind."""
        raise NotImplementedError("the subclass gives the checker")

    @pytest.fixture
    def passing(self) -> Case:
        """A check that passes."""
        raise NotImplementedError("the subclass gives a case that passes")

    @pytest.fixture
    def failing(self) -> Case:
        """A check that fails: it was measured, and is bad."""
        raise NotImplementedError("the subclass gives a case that fails")

    @pytest.fixture
    def unaskable(self) -> Case:
        """A check that cannot be measured: nobody is there to ask, or nothing comes of it."""
        raise NotImplementedError("the subclass gives a case that cannot be asked")

    def check(self, case: Case) -> Check:
        """The check of a case."""
        return Check(GATE, NAME, self.kind, case.spec)

    def sample(self, checker: Checker, case: Case) -> Measurement:
        """One measurement, waited for as the engine does."""
        return _patiently(checker, self.check(case), case.context)

    def test_good_passes_bad_fails_and_what_cannot_be_asked_is_an_error(
        self, checker: Checker, passing: Case, failing: Case, unaskable: Case
    ) -> None:
        """The three never mix, and none of them is an exception."""
        outcomes = [self.sample(checker, case).outcome for case in (passing, failing, unaskable)]
        assert outcomes == [Verdict.PASSED, Verdict.FAILED, Verdict.ERROR]

    def test_a_measurement_says_what_it_is_of_and_why(
        self, checker: Checker, passing: Case, failing: Case, unaskable: Case
    ) -> None:
        """Gate, check and moment; one printable line of bounded length; a number that is one."""
        for case in (passing, failing, unaskable):
            found = self.sample(checker, case)
            assert (found.gate, found.check) == (GATE, NAME)
            assert found.at.utcoffset() == timedelta(0)
            assert found.reason.strip()
            assert found.reason.isprintable()
            assert len(found.reason) <= REASON_LIMIT
            assert found.value is None or math.isfinite(found.value)
            assert all(math.isfinite(each) and each >= 0 for each in found.latencies)

    def test_what_was_seen_can_be_recorded(self, checker: Checker, passing: Case, failing: Case) -> None:
        """As JSON without NaN, that reads back as it was; and it is small."""
        for case in (passing, failing):
            seen = self.sample(checker, case).seen
            assert seen is not None
            written = json.dumps(seen, allow_nan=False)
            assert json.loads(written) == seen
            assert len(written) <= SEEN_LIMIT

    def test_judging_the_record_again_gives_the_same(
        self, checker: Checker, passing: Case, failing: Case, unaskable: Case
    ) -> None:
        """Bit by bit, from the JSON alone; and nothing that is judged is changed by it."""
        for case in (passing, failing, unaskable):
            found = self.sample(checker, case)
            seen = json.loads(json.dumps(found.seen))
            before = deepcopy(seen)
            again = assess(self.check(case), seen, None)
            assert (again.outcome, again.reason, again.value) == (found.outcome, found.reason, found.value)
            assert seen == before

    def test_nothing_seen_never_passes(self, passing: Case) -> None:
        """Whatever the settings say."""
        assert assess(self.check(passing), {}, None).outcome is not Verdict.PASSED

    def test_a_state_survives_the_record(self, checker: Checker, passing: Case) -> None:
        """An analysis that is folded anew, in another process, is the same as one that was not interrupted."""
        check, state = self.check(passing), None
        for _ in range(3):
            seen = self.sample(checker, replace(passing, context=_carrying(passing.context, check, state))).seen
            assert seen is not None
            straight = assess(check, seen, state).state
            resumed = assess(check, json.loads(json.dumps(seen)), json.loads(json.dumps(state))).state
            assert json.dumps(resumed) == json.dumps(straight)
            state = straight

    def test_measurements_add_up(self, checker: Checker, passing: Case, failing: Case) -> None:
        """A failing measurement after a passing one makes it no better."""
        check, analysis = self.check(passing), Analysis(f"{GATE}/{NAME}")
        analysis = analysis.including(self.sample(checker, passing), check)
        assert (analysis.passes_in_a_row, analysis.failed) == (1, 0)
        analysis = analysis.including(self.sample(checker, failing), self.check(failing))
        assert (analysis.passes_in_a_row, analysis.failed) == (0, 1)

    def test_secrets_are_recorded_nowhere(
        self, checker: Checker, passing: Case, failing: Case, unaskable: Case
    ) -> None:
        """Neither in the query nor in the reason nor in what was seen."""
        for case in (passing, failing, unaskable):
            found = self.sample(checker, case)
            for secret in case.secrets:
                assert secret not in f"{found.reason} {found.query} {json.dumps(found.seen)}"

    def test_checks_are_measured_side_by_side(self, checker: Checker, passing: Case, failing: Case) -> None:
        """One checker serves all gates, on many threads."""
        cases = [passing, failing] * 4
        names = [f"{NAME}-{number}" for number in range(len(cases))]
        checks = [Check(GATE, name, self.kind, case.spec) for name, case in zip(names, cases, strict=True)]
        wheres = [case.context for case in cases]
        with ThreadPoolExecutor(len(cases)) as pool:
            found = list(pool.map(lambda pair: _patiently(checker, *pair), zip(checks, wheres, strict=True)))
        assert [each.outcome for each in found] == [Verdict.PASSED, Verdict.FAILED] * 4
        assert [each.check for each in found] == names


class PluginContract(CheckContract):
    """Subclass it and give the fixtures `plugin`, `passing`, `failing` and `unaskable`; `environ` if it needs any."""

    @pytest.fixture
    def plugin(self) -> CheckPlugin:
        """The plug-in."""
        raise NotImplementedError("the subclass gives the plug-in")

    @pytest.fixture
    def environ(self) -> Mapping[str, str]:
        """Where `${env.NAME}` in settings comes from."""
        return {}

    @pytest.fixture
    def checker(self, plugin: CheckPlugin, environ: Mapping[str, str]) -> Iterator[Checker]:
        """What measures checks of the plug-in's kind, as a delivery would."""
        assert plugin.kind == self.kind
        label, timeout = f"plug-in {plugin.kind}", plugin.timeout
        guarded = Guarded(plugin, label)
        before = ask_also(lambda kind: (guarded, plugin.is_stateful) if kind == plugin.kind else None)
        yield PluginCheck(plugin.observe, label=label, timeout=timeout, clock=FakeClock(), environ=environ)
        ask_also(before)

    @pytest.fixture(autouse=True)
    def _attached(self, checker: Checker) -> None:
        """Judging again needs the plug-in, too."""

    def test_settings_are_read_as_they_will_be_recorded(self, plugin: CheckPlugin, passing: Case) -> None:
        """What `read` gives is JSON-able, and reading that again changes nothing."""
        once = plugin.read(passing.spec)
        assert json.loads(json.dumps(once, allow_nan=False)) == once
        assert plugin.read(once) == once

    def test_settings_that_nobody_knows_are_refused(self, plugin: CheckPlugin) -> None:
        """A misspelled key must not be passed over: the check would not do what its author believes."""
        with pytest.raises(ValueError, match="nobody-knows-this-key"):
            plugin.read({"nobody-knows-this-key": 1})


def _carrying(where: CheckContext, check: Check, state: Any) -> CheckContext:
    return replace(where, states={} if state is None else {check.key: state})


def _patiently(checker: Checker, check: Check, where: CheckContext) -> Measurement:
    watch = Stopwatch()
    while watch.seconds() < PATIENCE.total_seconds():
        found = checker.measure(check, where)
        if found is not None:
            return found
        pause(_LOOK_AGAIN)
    raise AssertionError("the measurement never came to an end")
