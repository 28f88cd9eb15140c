"""What people who watch a promotion are told of gates with several checks."""

from __future__ import annotations

import io
from typing import Any

from gate_worlds import answered, http_check, promoted, serves_the_second, world

from deliverkit.cli import render
from deliverkit.cli.progress import PROMOTION, Progress, Samples
from deliverkit.cli.streams import Console
from deliverkit.domain.folding import apply, fold
from deliverkit.domain.gate import Gate
from deliverkit.domain.ledger import Draft, Event, seal


def told(events: tuple[Event, ...]) -> str:
    err = io.StringIO()
    progress, rollout = Progress(Console(io.StringIO(), err, {}), PROMOTION), fold(events[:1])
    for event in events[1:]:
        rollout = apply(rollout, event)
        progress.event(event, rollout)
    return err.getvalue()


def test_each_check_that_does_not_pass_is_named_and_the_reason_is_in_plain_words() -> None:
    made = world(Gate("health", (http_check("health", "alive", failure_limit=1), http_check("health", "fast"))))

    def see(check: Any, *_: Any) -> Any:
        return answered(503) if serves_the_second(made) and check.name == "alive" else answered()

    _, events = promoted(made, see)
    lines = told(events)
    assert "gate health/alive failed: GET http://shop.example.com/healthz answered 503" in lines
    assert "gate health failed: alive: failed 2 times, 1 is tolerated: GET http://shop.example.com" in lines
    assert "health/fast" not in lines


def test_a_sample_that_merely_adds_evidence_is_no_news() -> None:
    made = world(Gate("health", (http_check("health", "alive"),)))
    events = promoted(made, lambda *_: answered())[1]
    sample = {"gate": "health", "check": "alive", "at": events[-1].at.isoformat(), "outcome": "inconclusive"}
    draft = Draft("gate.measured", {"measurements": [{**sample, "reason": "204 to 1", "is_open": True}]})
    more = seal(draft, stream=events[-1].stream, after=events[-1], actor="x", at=events[-1].at)
    assert told((*events, more)) == told(events)


def test_whoever_reads_that_it_was_rolled_back_reads_how_to_find_out_why() -> None:
    made = world(Gate("up", (http_check("up"),)))
    rollout, _ = promoted(made, lambda *_: answered(503) if serves_the_second(made) else answered())
    assert "why: deliverkit gate explain dev-2 --gate up" in render.rollout(rollout)
    assert "why:" not in render.rollout(promoted(world(Gate("up", (http_check("up"),))), lambda *_: answered())[0])


def test_an_error_in_the_same_words_is_told_once_and_when_it_is_over() -> None:
    samples, last = Samples(), promoted(world(Gate("up", (http_check("up"),))), lambda *_: answered())[1][-1]

    def line(outcome: str, reason: str) -> str:
        sample = {"gate": "up", "check": "", "at": last.at.isoformat(), "outcome": outcome, "reason": reason}
        draft = Draft("gate.measured", {"measurements": [sample]})
        return samples.line(seal(draft, stream=last.stream, after=last, actor="x", at=last.at))

    assert line("error", "no answer") == "gate up error: no answer"
    assert [line("error", "no answer") for _ in range(2)] == ["", ""]
    assert line("error", "no route") == "gate up error: no route"
    assert line("error", "no route") == ""
    assert line("passed", "200") == "gate up is measured again, after 2 errors alike"
    assert line("passed", "200") == ""
    assert [line("failed", "503") for _ in range(2)] == ["gate up failed: 503"] * 2
