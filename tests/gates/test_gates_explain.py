"""Why gates were judged as they were: in words, with a chart, and as a document with a published schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from gate_worlds import Ran, answered, http_check, promoted, serves_the_second, world, written
from incident_file import FILE, NEW_RULES

from deliverkit.app import read_gates
from deliverkit.domain.gate import Check, Gate, Measurement, Policy, Verdict
from deliverkit.domain.ledger import decode
from deliverkit.domain.recording import Sample, Trial, trials_of
from deliverkit.domain.replaying import judge_anew, rejudge
from deliverkit.domain.what_if import Change, what_would_have_changed
from deliverkit.reporting.gates_document import json_schema

AT = datetime(2026, 1, 5, 9, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "docs/reference/gates.schema.json"
Answer = Any


def incident(gate: Gate, *answers: Answer, **environment: Any) -> tuple[Trial, ...]:
    """The trials of a promotion whose gates see these answers, the last one again and again."""
    made = world(gate, **environment)
    left = list(answers)

    def see(*_: Any) -> Any:
        if not serves_the_second(made) and environment.get("before") is None:
            return answered()
        return left.pop(0) if len(left) > 1 else left[0]

    return trials_of(promoted(made, see)[1])


def judged(trials: tuple[Trial, ...]) -> Trial:
    return next(trial for trial in trials if trial.verdict is not None)


def changes(trial: Trial) -> dict[str, Change]:
    found = what_would_have_changed(trial)
    for each in found:
        assert each.verdict is not trial.verdict
    return {each.setting: each for each in found}


GOOD, BAD = answered(), answered(503)


# --- what would have changed the verdict -----------------------------------------------------------


def test_of_a_failure_the_limit_that_would_have_let_it_pass() -> None:
    gate = Gate("up", (http_check("up", passes=2, failure_limit=1),))
    trial = judged(incident(gate, GOOD, GOOD, BAD, BAD, BAD, GOOD))
    assert trial.verdict is Verdict.FAILED
    change = changes(trial)["failures"]
    assert (change.was, change.would_be) == (1, 2)
    assert change.verdict is None  # the record ends with the failure


def test_of_slow_answers_the_bound_that_would_have_let_them_pass_is_tried_and_exact() -> None:
    gate = Gate("fast", (http_check("fast", spec={"p95": 0.3}, passes=2),))
    trial = judged(incident(gate, *[answered(200, 0.1)] * 6, answered(200, 0.412)))
    assert trial.verdict is Verdict.FAILED
    change = changes(trial)["http.p95"]
    assert change.was == 0.3
    assert change.would_be == 0.412
    assert change.verdict is not Verdict.FAILED


def test_of_a_pass_how_near_it_came_to_a_failure() -> None:
    gate = Gate("up", (http_check("up", passes=2, failure_limit=2),))
    trial = judged(incident(gate, GOOD, BAD, BAD, GOOD))
    assert trial.verdict is Verdict.PASSED
    assert (changes(trial)["failures"].would_be, changes(trial)["failures"].verdict) == (1, Verdict.FAILED)


def test_of_missing_passes_how_many_would_have_done() -> None:
    gate = Gate("up", (http_check("up", passes=4, failure_limit=99, deadline=timedelta(seconds=30)),))
    trial = judged(incident(gate, *[GOOD, GOOD, GOOD, BAD] * 9, before=("up",), during=(), after=()))
    assert trial.verdict is Verdict.INCONCLUSIVE
    change = changes(trial)["passes"]
    assert (change.would_be, change.verdict) == (3, Verdict.PASSED)
    assert change.at < trial.ended_at


def test_of_errors_how_many_would_have_been_borne() -> None:
    gate = Gate("up", (http_check("up", passes=1, error_limit=1),))
    silent = {"error": "the name cannot be resolved"}
    trial = judged(incident(gate, silent, silent, before=("up",), during=(), after=()))
    assert trial.verdict is Verdict.ERROR
    assert changes(trial)["errors"].would_be == 2


@pytest.mark.parametrize("value", [0.0, 5e-324, 1e-310, 1.7e308, -1.7e308, -3.25, 1e-12])
def test_values_of_any_size_are_tried_without_a_crash(value: float) -> None:
    check = Check("lag", "", "metric", {"at_most": 2.5}, Policy())
    sample = Sample(2, AT, Measurement("lag", AT, Verdict.FAILED, "because", value=value))
    trial = Trial("dev", Gate("lag", (check,)), (sample,), AT, "during", Verdict.FAILED, "because")
    assert "failures" in changes(trial)


def test_nobody_guesses_what_would_have_changed_an_open_gate() -> None:
    gate = Gate("up", (http_check("up", passes=2, failure_limit=1),))
    other = Gate("bad", (http_check("bad"),))
    made = world(gate, other)
    events = promoted(made, lambda check, *_: BAD if check.gate == "bad" and serves_the_second(made) else GOOD)[1]
    open_one = next(trial for trial in trials_of(events) if trial.gate.name == "up" and trial.verdict is None)
    assert what_would_have_changed(open_one) == ()


def test_only_the_changes_that_were_tried_are_told() -> None:
    """With two bad checks no limit of one of them alone would have helped."""
    gate = Gate("both", (http_check("both", "a"), http_check("both", "b")))
    trial = judged(incident(gate, GOOD, GOOD, BAD))
    assert trial.verdict is Verdict.FAILED
    for change in what_would_have_changed(trial):
        assert change.verdict is not Verdict.FAILED


def test_of_a_comparison_the_certainty_that_would_not_have_been_reached() -> None:
    found = read_incident()
    canary = next(trial for trial in found if trial.gate.name == "canary")
    change = changes(canary)["alpha"]
    assert change.would_be < change.was
    asked = rejudge(canary, read_gates(NEW_RULES)["canary"])
    assert (asked.before.verdict, asked.after.verdict) == (Verdict.FAILED, None)


def read_incident() -> tuple[Trial, ...]:
    """The trials of the recorded incident that the how-to tells of."""
    return trials_of([decode(line) for line in FILE.read_bytes().splitlines()])


# --- in words --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A promotion with two gates, one of two checks, that is rolled back."""
    health = Gate("health", (http_check("health", "fast", {"p95": 0.3}, passes=2), http_check("health", "alive")))
    made = world(Gate("up", (http_check("up", passes=2, failure_limit=1),)), health)
    asked: list[int] = []

    def see(check: Any, *_: Any) -> Any:
        asked.append(serves_the_second(made))
        return answered(503, 0.9) if sum(asked) > 18 and check.gate == "up" else answered(200, 0.12)

    events = promoted(made, see)[1]
    return written(tmp_path_factory.mktemp("gates") / "incident.jsonl", events)


def test_a_release_manager_reads_verdict_rule_samples_and_what_would_have_changed(file: Path) -> None:
    ran = Ran("gate", "explain", file)
    assert (ran.code, ran.err) == (0, "")
    for words in (
        "dev-2: 2.0 to dev",
        "gate up, dev after the deployment: FAILED at 2026-01-05 09:01:50 UTC",
        "failed 2 times, 1 is tolerated: GET http://shop.example.com/healthz answered 503 in 900 ms, expected 200",
        "tolerated 1 failed, 4 unmeasurable in a row, 0 inconclusive",
        "asked     GET http://shop.example.com/healthz",
        "the dashed line is the limit, 300 ms",
        "failed here, 09:01:50",
        "failures: 2 instead of 1 - still open where the record ends, 09:01:50",
        "check fast, ",
        "check alive, ",
    ):
        assert words in ran.out, words
    assert max(map(len, ran.out.splitlines())) < 200


def test_one_gate_can_be_asked_for(file: Path) -> None:
    told = Ran("gate", "explain", file, "--gate", "health").out
    assert "gate health" in told
    assert "gate up" not in told


def test_many_samples_are_told_by_those_that_matter(tmp_path: Path) -> None:
    gate = Gate("up", (http_check("up", passes=2, failure_limit=20),))
    made = world(gate, bake_time=timedelta(minutes=10))
    asked: list[str] = []

    def see(*_: Any) -> Any:
        asked.append("")
        return BAD if len(asked) % 10 == 0 else GOOD

    told = Ran("gate", "explain", written(tmp_path / "long.jsonl", promoted(made, see)[1])).out
    samples = [line for line in told.splitlines() if "answered" in line and line.startswith("    0")]
    assert sum("failed" in line for line in samples) >= 5
    assert len(samples) <= 8
    assert "more)" in told


# --- as a document ---------------------------------------------------------------------------------


def test_the_published_schema_is_the_one_that_holds() -> None:
    assert json_schema() == SCHEMA.read_text(), "python -m deliverkit.reporting.gates_document writes it"


def test_the_document_follows_its_schema(file: Path) -> None:
    document = json.loads(Ran("gate", "explain", file, "--output", "json").out)
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    assert list(validator.iter_errors(document)) == []
    assert list(validator.iter_errors({**document, "gates": [{"gate": "up"}]}))
    up = next(gate for gate in document["gates"] if gate["gate"] == "up")
    assert (up["verdict"], up["checks"][0]["counts"]["failed"]) == ("failed", 2)
    assert up["checks"][0]["measurements"][-1]["seen"]["answers"][0]["status"] == 503


def test_every_measurement_is_in_the_document(file: Path) -> None:
    events = [json.loads(line) for line in file.read_text().splitlines()]
    recorded = sum(len(each["payload"]["measurements"]) for each in events if each["kind"] == "gate.measured")
    document = json.loads(Ran("gate", "explain", file, "--output", "json").out)
    assert sum(len(check["measurements"]) for gate in document["gates"] for check in gate["checks"]) == recorded


def test_a_file_of_several_promotions_is_explained_one_by_one(file: Path, tmp_path: Path) -> None:
    other = file.read_text()
    made = world(Gate("up", (http_check("up"),)))
    first = tuple(made.delivery().ledger.read("promotions/dev-1"))
    both = written(tmp_path / "both.jsonl", first)
    both.write_text(both.read_text() + other)
    ran = Ran("gate", "explain", both)
    assert ran.code == 2
    assert "has several promotions or runs: dev-1, dev-2" in ran.err
    assert Ran("gate", "replay", both).code == 0


def test_what_would_have_changed_is_what_the_judge_says(file: Path) -> None:
    document = json.loads(Ran("gate", "explain", file, "--output", "json").out)
    from deliverkit.reporting.gates_document import read_document  # noqa: PLC0415

    _, trials = read_document(document)
    for trial in trials:
        if trial.verdict is not None:
            assert judge_anew(trial, trial.gate).verdict is trial.verdict


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda gate: gate.update(phase="elsewhere"), 0),
        (lambda gate: gate.update(checks=[]), 0),
        (lambda gate: gate["checks"][0]["policy"].update(every=1e300), 2),
        (lambda gate: gate["checks"][0]["policy"].update(passes="many"), 2),
        (lambda gate: gate.update(ended_at="yesterday"), 2),
        (lambda gate: gate["checks"][0]["measurements"][0].update(value=1e308, latencies=[1e308]), 0),
        (lambda gate: gate["checks"][0].update(kind="unheard of"), 0),
        (lambda gate: gate["checks"][0].update(spec={}), 0),
        (lambda gate: gate["checks"][0].update(measurements=[]), 0),
    ],
)
def test_a_document_that_somebody_wrote_by_hand_is_told_or_refused(
    file: Path, tmp_path: Path, change: Any, code: int
) -> None:
    document = json.loads(Ran("gate", "explain", file, "--output", "json").out)
    for gate in document["gates"]:
        change(gate)
    (tmp_path / "gates.json").write_text(json.dumps(document))
    explained = Ran("gate", "explain", tmp_path / "gates.json")
    assert explained.code == code, explained.err
    assert Ran("gate", "replay", tmp_path / "gates.json").code in {0, 1, 9} if code == 0 else {2}
