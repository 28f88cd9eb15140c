"""Pictures of what gates measured, in the HTML report: bounded, harmless whatever was measured, and told in words."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from html_seen import Seen
from hypothesis import given, settings
from hypothesis import strategies as st
from junit_schema import faults
from stories import Story

from deliverkit.domain.gate import Check, Gate, Policy
from deliverkit.reporting.gate_details import CHECK_LIMIT, POINT_LIMIT
from deliverkit.reporting.gate_words import rule
from deliverkit.reporting.gates_document import document, subject_of
from deliverkit.reporting.history import history_of
from deliverkit.reporting.junit import junit_xml
from deliverkit.reporting.page import page
from deliverkit.reporting.report import Report

HOSTILE = "</title><script>alert(1)</script>"


def story(gate: Gate, samples: list[dict[str, Any]], verdict: str = "failed", **plan: Any) -> Story:
    """A promotion whose gate takes these samples in its bake time, and is judged so."""
    told = Story(gates={gate.name: gate, **plan})
    told.then("environment.claimed", {"environment": "production"}).then("leg.admitted", {"leg": 0, "by": []})
    told.then("leg.deployed", {"leg": 0}).then("leg.verified", {"leg": 0, "targets": []})
    for each in samples:
        told.at += timedelta(seconds=5)
        usual = {"gate": gate.name, "at": told.at.isoformat(), "outcome": "passed", "reason": "as it should be"}
        told.then("gate.measured", {"measurements": [{**usual, **each}]}, after=0)
    return told.judged(gate.name, verdict, "during", "failed 1 time, none is tolerated: because")


def seen(told: Story) -> Seen:
    found = Seen(page(Report(history_of(told.events))))
    assert (found.faults, found.open, list(found.blocked())) == ([], [], [])
    return found


def several(*names: str, **policy: Any) -> Gate:
    return Gate("up", tuple(Check("up", name, "metric", {"at_most": 2.5}, Policy(**policy)) for name in names))


def count(found: Seen, tag: str) -> int:
    return sum(each == tag for each, _ in found.elements)


def test_each_check_has_a_picture_with_limit_verdict_and_what_failed() -> None:
    gate = several("errors", "lag")
    samples = [{"check": name, "value": value} for value in (0.5, 1.0, 2.0) for name in ("errors", "lag")]
    bad = {"check": "lag", "value": 7.25, "outcome": "failed", "reason": "lag is 7.25"}
    before, found = seen(Story()), seen(story(gate, [*samples, bad]))
    assert count(found, "svg") - count(before, "svg") == 2
    told = " ".join(found.texts)
    for words in ("errors", "lag", "7.975", "failed 12:00:", "tolerated 0 failed", "metric at_most 2.5; every 5s"):
        assert words in told, words
    dashed = [attributes for tag, attributes in found.elements if attributes.get("stroke-dasharray") == "4 3"]
    assert len(dashed) == 2
    assert "failures: 1 instead of 0" in told


@settings(max_examples=40)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "outcome": st.sampled_from(["passed", "failed", "error", "inconclusive"]),
                "value": st.none() | st.floats(allow_nan=False, allow_infinity=False),
                "latencies": st.lists(st.floats(0, 1e6), max_size=2),
                "reason": st.just(HOSTILE) | st.text(max_size=20),
                "query": st.just(HOSTILE),
                "check": st.sampled_from(["a", "b"]),
            }
        ),
        max_size=12,
    ),
    st.sampled_from(["failed", "passed", "error", "inconclusive"]),
)
def test_whatever_was_measured_the_page_holds_its_rules(samples: list[dict[str, Any]], verdict: str) -> None:
    found = seen(story(several("a", "b"), samples, verdict))
    numbers = [
        value for tag, given in found.elements if tag in {"circle", "line", "polyline"} for value in given.values()
    ]
    assert not [value for value in numbers if value and ("nan" in value or "inf" in value)]


def test_a_name_of_a_check_is_obeyed_by_nobody() -> None:
    seen(story(several(HOSTILE), [{"check": HOSTILE, "outcome": "failed"}]))


def test_many_measurements_and_checks_leave_the_page_small() -> None:
    names = [f"check{number}" for number in range(CHECK_LIMIT + 5)]
    gate = several(*names)
    samples = [{"check": name, "value": number % 7} for number in range(3 * POINT_LIMIT) for name in names[:2]]
    few = [{"check": name, "value": 1.0} for name in names[2:]]
    found = seen(story(gate, [*samples, *few]))
    points = max(len((given.get("points") or "").split()) for tag, given in found.elements if tag == "polyline")
    assert points <= POINT_LIMIT
    assert count(found, "svg") - count(seen(Story()), "svg") == CHECK_LIMIT
    assert "5 checks more" in " ".join(found.texts)
    assert "deliverkit gate explain production-12" in " ".join(found.texts)


@pytest.mark.parametrize("place", [0, 200, 359])
def test_a_short_peak_does_not_vanish_among_many_samples(place: int) -> None:
    good: list[dict[str, Any]] = [{"check": "a", "value": 1.0} for _ in range(360)]
    peak = {"check": "a", "value": 99.0, "outcome": "failed", "reason": "peak"}
    calm, found = seen(story(several("a"), good)), seen(story(several("a"), [*good[:place], peak, *good[place + 1 :]]))
    assert count(found, "circle") == count(calm, "circle") + 1
    assert "108.9" in " ".join(found.texts)


def test_a_reason_that_was_recorded_as_jargon_is_told_in_plain_words() -> None:
    told = Story().then("environment.claimed", {"environment": "production"}).measured(outcome="failed")
    told.judged("up", "failed", "before", "failed (1) > failure_limit (0): 503")
    assert "failed 1 time, none is tolerated: 503" in " ".join(seen(told).texts)
    assert 'message="failed 1 time, none is tolerated: 503"' in junit_xml(history_of(told.events))


# --- JUnit -----------------------------------------------------------------------------------------


def cases(told: Story) -> dict[str, ET.Element]:
    root = ET.fromstring(junit_xml(history_of(told.events)).encode())
    assert list(faults(root)) == []
    return {case.get("name", ""): case for case in root.iter("testcase")}


def tags(case: ET.Element) -> list[str]:
    return [each.tag for each in case]


def test_a_gate_of_several_checks_has_a_case_for_each() -> None:
    gate = Gate(
        "up",
        (
            Check("up", "errors", "metric", {"at_most": 2.5}, Policy()),
            Check("up", "lag", "metric", {"at_most": 1}, Policy()),
            Check("up", "watched", "metric", {"at_most": 1}, Policy(observe_only=True)),
        ),
    )
    bad = {"outcome": "failed", "value": 7.25, "query": "MAX(lag)", "reason": "lag is 7.25"}
    told = story(gate, [{"check": "errors", "value": 0.5}, {"check": "lag", **bad}, {"check": "watched", **bad}])
    found = cases(told)
    assert tags(found["up/lag (during)"]) == ["failure", "system-out"]
    assert tags(found["up/errors (during)"]) == ["skipped", "system-out"]  # open when the other one condemned the gate
    assert tags(found["up/watched (during)"]) == ["skipped", "system-out"]
    assert "up (during)" not in found
    numbers = found["up/lag (during)"].findtext("system-out") or ""
    for words in ("query: MAX(lag)", "value: 7.25", 'settings: {"at_most": 1}', "tolerated 0 failed"):
        assert words in numbers, words


def test_checks_that_do_not_explain_their_gate_leave_it_its_own_case() -> None:
    gate = several("a", "b", observe_only=True)
    told = story(gate, [{"check": "a"}], "error")
    assert tags(cases(told)["up (during)"]) == ["error"]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["passed", "failed", "error"])), max_size=9))
def test_no_failed_gate_is_without_a_failed_case(samples: list[tuple[str, str]]) -> None:
    told = story(several("a", "b", error_limit=0), [{"check": name, "outcome": each} for name, each in samples])
    assert [case for case in cases(told).values() if case.find("failure") is not None]


def test_a_secret_in_a_command_is_told_nowhere() -> None:
    check = Check("up", "", "command", {"run": "curl -H 'token=tr0ub4dor&3' https://shop", "timeout": 5.0})
    told = story(Gate("up", (check, Check("up", "b", "command", {"run": "echo password=tr0ub4dor"}))), [{}])
    history = history_of(told.events)
    texts = {
        "page": page(Report(history)),
        "junit": junit_xml(history),
        "rule": rule(check),
        "document": json.dumps(document(subject_of("x", history.rollout.plan), history.trials), default=str),
    }
    for name, text in texts.items():
        assert "tr0ub4dor" not in text, name
        assert "token=***" in text, name
