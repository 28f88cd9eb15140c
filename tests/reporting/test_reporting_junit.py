"""JUnit XML as Jenkins reads it."""

from __future__ import annotations

from datetime import datetime
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st
from junit_schema import faults
from stories import AT, MANAGER, RELEASE, Story, good, rolled_back

from deliverkit.reporting.history import history_of
from deliverkit.reporting.junit import MESSAGE_LIMIT, Ending, junit_xml, unknown_xml


def read(story: Story, ending: Ending | None = None) -> ET.Element:
    """The file as a reader of XML sees it, held against the schema."""
    root = ET.fromstring(junit_xml(history_of(story.events), ending).encode())
    assert list(faults(root)) == []
    return root


def cases(root: ET.Element) -> dict[str, ET.Element]:
    return {case.get("name", ""): case for case in root.iter("testcase")}


def test_the_schema_refuses_what_it_should() -> None:
    wrong = ET.fromstring(
        '<testsuite name="x" tests="1" failures="0" time="1e3"><properties><a/></properties></testsuite>'
    )
    assert list(faults(wrong)) == [
        "testsuite has no errors",
        "testsuite takes '1e3'",
        "a may not be in properties",
        "a is unknown",
    ]


def test_a_suite_for_each_leg_and_one_for_the_whole() -> None:
    story = Story(legs=2)
    story.leg_done(0).leg_done(1).concluded()
    root = read(story)
    assert [suite.get("name") for suite in root] == [
        "production-12 production",
        "production-12 production wave 2",
        "production-12",
    ]
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "0", "0")
    assert {case.get("classname") for case in root.iter("testcase")} == {"shop.production", "shop.production wave 2"}
    assert {(each.get("name"), each.get("value")) for each in root[2].iter("property")} >= {
        ("promotion", "production-12"),
        ("version", "1.4.0"),
        ("digest", RELEASE.digest),
    }


def test_times_are_those_of_the_ledger() -> None:
    story = good()
    root = read(story)
    gate = cases(root)["up (after)"]
    # Six measurements, five seconds apart, and the judgement a second later.
    assert gate.get("time") == "26.000"
    whole = (story.events[-1].at - story.events[0].at).total_seconds()
    assert root[-1].get("time") == cases(root)["promotion of 1.4.0 to production"].get("time") == f"{whole:.3f}"
    assert root[-1].get("timestamp") == "2026-03-01T12:00:00"
    assert datetime.fromisoformat(root[0].get("timestamp", "")) >= AT.replace(tzinfo=None)


def test_a_failed_gate_and_what_came_of_it() -> None:
    root = read(rolled_back())
    found = cases(root)
    failure = found["up (during)"].find("failure")
    assert failure is not None
    assert failure.get("message") == "failed 3 times, 2 are tolerated: 503 Service Unavailable"
    assert failure.get("type") == "failure"
    whole = found["promotion of 1.4.0 to production"].find("failure")
    assert whole is not None
    assert whole.text == "rolled_back: gate up failed; 1.3.9 serves production again, verified"
    assert (root.get("tests"), root.get("failures")) == ("2", "2")


@pytest.mark.parametrize(("verdict", "tag"), [("error", "error"), ("inconclusive", "skipped")])
def test_what_was_not_measured_is_no_failure(verdict: str, tag: str) -> None:
    root = read(Story().measured("up", verdict).judged("up", verdict))
    assert [child.tag for child in cases(root)["up (after)"]] == [tag]


def test_a_gate_that_a_person_let_pass_does_not_fail_the_build() -> None:
    story = Story().measured("up", "failed").judged("up", "failed")
    story.then("rollout.paused", {"cause": "gate", "reason": "up failed", "gate": "up"})
    story.then("rollout.resumed", {"gate": "up", "by": MANAGER, "reason": "known"})
    (skipped,) = cases(read(story))["up (after)"]
    assert skipped.tag == "skipped"
    assert "a named person let it pass" in (skipped.text or "")


def test_a_gate_that_is_asked_twice_is_two_cases() -> None:
    story = Story().measured().judged("up", "inconclusive").measured().judged()
    assert set(cases(read(story))) >= {"up (after)", "up (after), attempt 2"}


def test_a_gate_that_nobody_has_judged_yet_is_skipped() -> None:
    (skipped,) = cases(read(Story().measured(reason="200 OK")))["up"]
    assert (skipped.tag, skipped.text) == ("skipped", "not judged yet after 1 measurements: 200 OK")


def test_the_end_of_the_watching_is_said() -> None:
    still = "still claiming production; the command that watched it ended: "
    (error,) = cases(read(Story(), Ending("AWS does not answer")))["promotion of 1.4.0 to production"]
    assert (error.tag, error.text) == ("error", f"{still}AWS does not answer")
    (skipped,) = cases(read(Story(), Ending("interrupted", is_error=False)))["promotion of 1.4.0 to production"]
    assert (skipped.tag, skipped.text) == ("skipped", f"{still}interrupted")
    # Whatever ended the watching, what ended the promotion is told.
    assert list(cases(read(good(), Ending("interrupted")))["promotion of 1.4.0 to production"]) == []


def test_a_promotion_of_which_nothing_is_known_is_an_error() -> None:
    root = ET.fromstring(unknown_xml("production-9", Ending("access denied\x00")).encode())
    assert list(faults(root)) == []
    assert (root.get("tests"), root.get("errors")) == ("1", "1")
    assert root[0][0][0].text == "access denied\N{REPLACEMENT CHARACTER}"


@given(st.text(st.characters(), max_size=60), st.sampled_from(["failed", "error", "inconclusive", "passed"]))
def test_every_reason_makes_a_file_that_can_be_read(reason: str, verdict: str) -> None:
    story = Story()
    writable = reason.encode("utf-8", "replace").decode()  # the ledger is UTF-8 too
    story.judged("up", verdict, reason=writable)
    read(story)


def test_a_long_reason_is_whole_in_the_element_and_one_line_in_the_attribute() -> None:
    reason = "503\n" * 4_000
    (failure,) = cases(read(Story().judged("up", "failed", reason=reason)))["up (after)"]
    assert failure.text == reason
    message = failure.get("message", "")
    assert len(message) == MESSAGE_LIMIT
    assert message.startswith("503 503 ")
    assert message.endswith("…")
