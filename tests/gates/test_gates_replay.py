"""Recorded gates computed anew: the same under the same rules, and told under others."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gate_worlds import Ran, SeeingCheck, answered, http_check, promoted, serves_the_second, world, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deliverkit.domain.checks import measurement
from deliverkit.domain.gate import Gate, Verdict
from deliverkit.domain.ledger import Draft, Event, seal
from deliverkit.domain.recording import trials_of
from deliverkit.domain.replaying import judge_anew, replay
from deliverkit.domain.rollout import Outcome
from deliverkit.reporting.gates_document import Subject, document, read_document

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
SLOW = {"p95": 0.3}
UP = Gate("up", (http_check("up", passes=2, failure_limit=1),))
HEALTH = Gate(
    "health",
    (
        http_check("health", "fast", SLOW, passes=2, failure_limit=3),
        http_check("health", "alive", passes=2, failure_limit=1, every=timedelta(seconds=10)),
    ),
)


@pytest.fixture(scope="module")
def incident() -> tuple[Event, ...]:
    """A release that answers 503 from its third measurement on, and is rolled back."""
    made = world(UP, HEALTH)
    asked: list[str] = []

    def see(*_: Any) -> dict[str, Any]:
        if not serves_the_second(made):
            return answered()
        asked.append("")
        return answered(503 if len(asked) > 12 else 200, 0.1)

    rollout, events = promoted(made, see)
    assert rollout.outcome is Outcome.ROLLED_BACK
    return events


@pytest.fixture
def file(incident: tuple[Event, ...], tmp_path: Path) -> Path:
    return written(tmp_path / "incident.jsonl", incident)


def forged(events: tuple[Event, ...], change: Any) -> tuple[Event, ...]:
    """The stream with changed payloads, and a chain that is sound again."""
    made: list[Event] = []
    for event in events:
        payload = json.loads(json.dumps(event.payload))
        change(event.kind, payload)
        draft = Draft(event.kind, payload)
        made.append(seal(draft, stream=event.stream, after=made[-1] if made else None, actor=event.actor, at=event.at))
    return tuple(made)


# --- the same rules --------------------------------------------------------------------------------


def test_an_incident_comes_out_as_it_is_on_record(file: Path) -> None:
    ran = Ran("gate", "replay", file)
    assert (ran.code, ran.err) == (0, "")
    assert "gate up, dev after the deployment: FAILED: comes out as it is on record" in ran.out
    assert "only the outcome" not in ran.out


def test_a_document_of_results_replays_as_the_events_do(file: Path, tmp_path: Path) -> None:
    explained = Ran("gate", "explain", file, "--output", "json")
    kept = tmp_path / "gates.json"
    kept.write_text(explained.out)
    assert Ran("gate", "replay", kept).out == Ran("gate", "replay", file).out
    assert Ran("gate", "explain", kept, "--output", "json").out == explained.out
    assert Ran("gate", "explain", kept).out == Ran("gate", "explain", file).out


def test_an_outcome_that_was_made_up_is_found_out(incident: tuple[Event, ...], tmp_path: Path) -> None:
    def whitewash(kind: str, payload: dict[str, Any]) -> None:
        for each in payload["measurements"] if kind == "gate.measured" else ():
            if each["outcome"] == "failed":
                each["outcome"], each["reason"] = "passed", "all is well"

    ran = Ran("gate", "replay", written(tmp_path / "forged.jsonl", forged(incident, whitewash)))
    assert ran.code == 9
    assert (
        "up: outcome on record: passed; computed: failed: GET http://shop.example.com/healthz answered 503" in ran.out
    )
    assert "does not follow from what was seen" in ran.err


def test_a_verdict_that_was_made_up_is_found_out(incident: tuple[Event, ...], tmp_path: Path) -> None:
    def acquit(kind: str, payload: dict[str, Any]) -> None:
        if kind == "gate.judged":
            payload["verdict"], payload["reason"] = "passed", "passed 2 times in a row, 2 needed"

    ran = Ran("gate", "replay", written(tmp_path / "forged.jsonl", forged(incident, acquit)), "--output", "json")
    assert ran.code == 9
    differences = [each for gate in json.loads(ran.out)[0]["gates"] for each in gate["differences"]]
    assert ("verdict", "passed") in {(each["what"], each["recorded"]) for each in differences}


def test_what_was_seen_and_cannot_be_assessed_is_no_crash(incident: tuple[Event, ...], tmp_path: Path) -> None:
    def spoil(kind: str, payload: dict[str, Any]) -> None:
        for each in payload["measurements"] if kind == "gate.measured" else ():
            each["seen"] = {"answers": [7]}

    ran = Ran("gate", "replay", written(tmp_path / "forged.jsonl", forged(incident, spoil)))
    assert ran.code == 9
    assert "what was seen cannot be assessed" in ran.out


def test_other_words_alone_are_told_apart(incident: tuple[Event, ...], tmp_path: Path) -> None:
    def reword(kind: str, payload: dict[str, Any]) -> None:
        for each in payload["measurements"] if kind == "gate.measured" else ():
            each["reason"] = each["reason"].replace("answered", "replied")

    ran = Ran("gate", "replay", written(tmp_path / "old.jsonl", forged(incident, reword)))
    assert ran.code == 1
    assert "the same, told differently" in ran.out
    assert "another version" in ran.err


@pytest.mark.parametrize(("factor", "code"), [(1 + 1e-13, 1), (1.001, 9)])
def test_last_digits_are_told_apart_from_another_value(
    incident: tuple[Event, ...], tmp_path: Path, factor: float, code: int
) -> None:
    def shift(kind: str, payload: dict[str, Any]) -> None:
        for each in payload["measurements"] if kind == "gate.measured" else ():
            if each.get("value"):
                each["value"] *= factor

    assert Ran("gate", "replay", written(tmp_path / "old.jsonl", forged(incident, shift))).code == code


def test_reasons_that_were_worded_formerly_are_the_same(incident: tuple[Event, ...], tmp_path: Path) -> None:
    def formerly(kind: str, payload: dict[str, Any]) -> None:
        if kind == "gate.judged" and payload["gate"] == "up":
            payload["reason"] = payload["reason"].replace(
                "failed 2 times, 1 is tolerated", "failed (2) > failure_limit (1)"
            )

    old = forged(incident, formerly)
    assert any("failure_limit" in event.payload.get("reason", "") for event in old)
    ran = Ran("gate", "replay", written(tmp_path / "old.jsonl", old))
    assert ran.code == 0
    assert "failure_limit" not in Ran("gate", "explain", tmp_path / "old.jsonl").out


def test_an_event_that_was_changed_is_refused(file: Path) -> None:
    file.write_text(file.read_text().replace("503", "200", 1))
    ran = Ran("gate", "replay", file)
    assert ran.code == 9
    assert "was changed after it was recorded" in ran.err


def test_measurements_without_what_was_seen_are_kept_and_said_so(incident: tuple[Event, ...], tmp_path: Path) -> None:
    def forget(kind: str, payload: dict[str, Any]) -> None:
        for each in payload["measurements"] if kind == "gate.measured" else ():
            each.pop("seen", None)

    ran = Ran("gate", "replay", written(tmp_path / "old.jsonl", forged(incident, forget)))
    assert ran.code == 1
    assert "only the outcome is on record, and is taken as it is" in ran.out
    assert "FAILED: rests on outcomes that cannot be computed anew" in ran.out
    assert "note: a verdict rests on outcomes that cannot be computed anew" in ran.err


@pytest.mark.parametrize(("rule", "value"), [("passes", 0), ("failures", -1), ("count", -1), ("every", 0)])
def test_a_document_cannot_have_rules_that_no_configuration_allows(
    file: Path, tmp_path: Path, rule: str, value: int
) -> None:
    document = json.loads(Ran("gate", "explain", file, "--output", "json").out)
    for gate in (document if isinstance(document, list) else [document])[0]["gates"]:
        gate["checks"][0]["policy"][rule] = value
    copy = tmp_path / "document.json"
    copy.write_text(json.dumps(document))
    ran = Ran("gate", "replay", copy)
    assert ran.code == 2
    assert f"policy.{rule}" in ran.err


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from([200, 503, 0, -1]), st.floats(0.001, 0.6)), min_size=1, max_size=40))
def test_the_replay_of_any_history_is_the_record(answers: list[tuple[int, float]]) -> None:
    made = world(UP, HEALTH, bake_time=timedelta(seconds=40))
    left = list(answers)

    def see(*_: Any) -> dict[str, Any]:
        status, seconds = left.pop() if left else (200, 0.01)
        if status == 0:
            return {"error": "the name cannot be resolved"}
        silent = {"answers": [{"asked": "GET it", "silent": "no answer within 2 s"}]}
        return silent if status < 0 else answered(status, seconds)

    rollout, events = promoted(made, see)
    trials = trials_of(events)
    assert trials
    for trial in trials:
        assert replay(trial).differences == ()
        assert replay(trial).kept == 0
        if trial.verdict is not None:
            again = judge_anew(trial, trial.gate)
            assert again.verdict is trial.verdict
            assert again.at <= trial.ended_at
    told = json.loads(json.dumps(_document(trials)))
    assert read_document(told)[1] == trials
    assert {p.verdict for p in rollout.passages} == {trial.verdict for trial in trials if trial.verdict}


def _document(trials: Any) -> Any:
    import msgspec  # noqa: PLC0415

    return msgspec.to_builtins(document(Subject("dev-2"), trials))


def test_what_is_judged_is_what_will_be_read_from_the_record() -> None:
    check = http_check("up", spec={"json": {"load": {"at_most": 1}}})
    seen = {"answers": ({"asked": "GET it", "status": 200, "seconds": (0.25,), "json": {"load": 0.1 + 0.2}},)}
    taken = measurement(check, AT, seen)
    assert taken.outcome is Verdict.PASSED
    assert taken.seen == json.loads(json.dumps(taken.seen))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object()])
def test_what_cannot_be_recorded_is_an_error_and_nobody_crashes(value: Any) -> None:
    taken = measurement(
        http_check("up"), AT, {"answers": [{"asked": "GET it", "status": 200, "json": {"load": value}}]}
    )
    assert taken.outcome is Verdict.ERROR
    assert "what was seen cannot be recorded" in taken.reason
    json.dumps(taken.seen, allow_nan=False)


def test_a_run_of_gates_by_themselves_is_explained_and_replayed_as_a_promotions_are(tmp_path: Path) -> None:
    made = world(UP, HEALTH)
    made.checks["http"] = SeeingCheck(made.clock, lambda check, *_: answered(503 if check.gate == "up" else 200))
    delivery = made.delivery()
    run_id = delivery.run_gates(to="dev")
    delivery.gate_runs.watch(run_id)
    file = written(tmp_path / "run.jsonl", tuple(delivery.ledger.read(f"gates/{run_id}")))
    explained = Ran("gate", "explain", file)
    assert explained.code == 0
    assert f"{run_id}: 1.0 to dev" in explained.out
    assert "gate up: FAILED at " in explained.out
    assert "gate health: PASSED at " in explained.out
    assert Ran("gate", "replay", file).code == 0


# --- other rules -----------------------------------------------------------------------------------


def test_an_incident_is_judged_under_rules_that_are_not_trusted_yet(file: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text('gates: {up: {http: {url: "${endpoint}/healthz"}, every: 5s, passes: 2}}\n')
    strict = Ran("gate", "replay", file, "--with", rules)
    assert strict.code == 0
    assert "5.0 s sooner" in strict.out
    told = json.loads(Ran("gate", "replay", file, "--with", rules, "--output", "json").out)[0]["first_not_passed"]
    assert (told["before"]["gate"], told["after"]["gate"]) == ("up", "up")
    assert told["after"]["at"] < told["before"]["at"]
    rules.write_text('gates: {up: {http: {url: "${endpoint}/healthz"}, every: 5s, passes: 2, failures: 5}}\n')
    lax = Ran("gate", "replay", file, "--with", rules)
    assert "still open where the record ends" in lax.out
    assert "now: none" in lax.out
    found = json.loads(Ran("gate", "replay", file, "--with", rules, "--gate", "up", "--output", "json").out)
    (rejudged,) = [each for each in found[0]["rejudged"] if each["before"]["verdict"]]
    assert (rejudged["before"]["verdict"], rejudged["after"]["verdict"]) == ("failed", None)


def test_another_bound_of_a_kind_is_tried_on_what_was_seen(file: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text(
        "gates:\n  health:\n    checks:\n"
        '      fast: {http: {url: "${endpoint}/healthz", status: 200}, every: 5s, passes: 2, failures: 3}\n'
        '      new: {http: {url: "${endpoint}/new"}}\n'
    )
    told = Ran("gate", "replay", file, "--with", rules).out
    assert "health/new was not measured then, and is left out" in told
    assert "health/alive is not in the other rules, and does not count" in told


def test_rules_without_any_recorded_gate_are_refused(file: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yml"
    rules.write_text('gates: {other: {http: {url: "http://x"}}}\n')
    ran = Ran("gate", "replay", file, "--with", rules)
    assert ran.code == 1
    assert "has none of the recorded gates: up, health" in ran.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "holds neither events nor gate results"),
        ("[1, 2]", "holds neither events nor gate results"),
        ("{not json\n", "other.jsonl:1: not JSON"),
        ('{\n  "format": "deliverkit.gates/1",\n  "gates": [', "other.jsonl:3: not JSON"),
        ("{}", "holds neither events nor gate results"),
        ('{"format": "deliverkit.gates/1"}', "not a document of gate results"),
        ('{"format": "other/1"}', "not a document of gate results"),
    ],
)
def test_a_file_of_anything_else_is_refused(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text(content)
    ran = Ran("gate", "replay", tmp_path / "other.jsonl")
    assert ran.code == 2
    assert said in ran.err


def test_rules_that_are_not_there_are_no_reason_to_begin_anew(file: Path) -> None:
    ran = Ran("gate", "replay", file, "--with", "nofile.yml")
    assert ran.code == 2
    assert "next: name a file that is there: deliverkit.yml, or one with `gates` alone" in ran.err


def test_a_device_is_no_record() -> None:
    ran = Ran("gate", "replay", "/dev/null")
    assert ran.code == 2
    assert "/dev/null is a device, and holds no record" in ran.err


def test_a_gate_that_is_not_there_is_named_with_those_that_are(file: Path) -> None:
    ran = Ran("gate", "replay", file, "--gate", "down")
    assert ran.code == 1
    assert "it has up, health" in ran.err


def test_the_order_of_the_record_decides_what_was_judged_together(incident: tuple[Event, ...]) -> None:
    trial = next(trial for trial in trials_of(incident) if trial.verdict is Verdict.FAILED)
    found = judge_anew(trial, trial.gate)
    assert (found.verdict, found.at) == (Verdict.FAILED, trial.ended_at)
