"""A worker is killed with SIGKILL at every point; whoever comes after it finishes the job, which is done once."""

from __future__ import annotations

import os
import signal

import pytest
from worker_bench import Bench, Way, wait_until

BUILD = 'echo run >> "$RAN"; cp hello "$DELIVERKIT_OUTPUT_BUILT"'


@pytest.mark.parametrize(
    ("request_", "after"),
    [
        pytest.param("AcknowledgeJob", False, id="polled, not claimed"),
        pytest.param("PUT /pipeline-artifacts", True, id="stored, not on record"),
        pytest.param("PutJobSuccessResult", False, id="on record, not reported"),
        pytest.param("PutJobSuccessResult", True, id="reported, still on record"),
    ],
)
def test_the_next_worker_finishes_the_job(bench: Bench, way: Way, request_: str, after: bool) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind)
    way.hold(request_, after=after)
    worker = bench.begin(kind, "--run", BUILD, endpoint=way.endpoint)
    assert way.reached.wait(20)
    bench.kill(worker)
    said = bench.once(kind, "--run", BUILD)
    assert bench.outcome(name)["status"] == "Succeeded", said
    assert "taken up again" in said
    assert bench.runs() == 1


def test_a_command_goes_on_without_its_worker_and_is_not_run_again(bench: Bench) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind)
    go = bench.directory / "go"
    command = f'{BUILD}; while ! test -e "{go}"; do sleep 0.02; done'
    worker = bench.begin(kind, "--run", command)
    wait_until(bench.runs)
    bench.kill(worker)
    following = bench.begin(kind, "--once", "--run", command)
    go.touch()
    _, said = following.communicate(timeout=20)
    assert bench.outcome(name)["status"] == "Succeeded", said
    assert bench.runs() == 1


def test_a_command_that_died_with_its_supervisor_is_told_and_run_again_only_when_that_is_allowed(bench: Bench) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind)
    command = f"{BUILD}; sleep 60"
    worker = bench.begin(kind, "--run", command)
    wait_until(bench.runs)
    bench.kill(worker)
    (started,) = bench.directory.glob("worker/jobs/*/started")
    os.killpg(int(started.read_text()), signal.SIGKILL)
    said = bench.once(kind, "--run", command)
    error = bench.outcome(name)["errorDetails"]
    assert (error["code"], bench.runs()) == ("JobFailed", 1), said
    assert "nobody knows" in error["message"]


def test_a_claim_whose_answer_was_lost_is_told_after_a_while_or_taken_when_that_does_no_harm(
    bench: Bench, way: Way
) -> None:
    kind = bench.kind()
    names = []
    for state in ("careful", "bold"):
        names.append(bench.pipeline(kind))
        way.hold("AcknowledgeJob", after=True)
        worker = bench.begin(kind, "--run", BUILD, endpoint=way.endpoint, state=state)
        assert way.reached.wait(20)
        bench.kill(worker)
    said = bench.once(kind, "--run", BUILD, state="careful")
    assert "watched until" in said
    assert "on record, to be taken up by the next worker here" in said
    assert bench.latest(names[0])["status"] == "InProgress"
    bench.once(kind, "--doubt", "0s", "--run", BUILD, state="careful")
    error = bench.outcome(names[0])["errorDetails"]
    assert (error["code"], bench.runs()) == ("SystemUnavailable", 0), error
    assert "nothing was run here" in error["message"]
    said = bench.once(kind, "--rerun", "--run", BUILD, state="bold")
    assert (bench.outcome(names[1])["status"], bench.runs()) == ("Succeeded", 1), said


def test_a_job_that_another_worker_is_doing_is_left_to_it(bench: Bench, way: Way) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind)
    go = bench.directory / "go"
    command = f'while ! test -e "{go}"; do sleep 0.02; done; {BUILD}'
    way.hold("AcknowledgeJob")
    worker = bench.begin(kind, "--run", command, endpoint=way.endpoint)
    assert way.reached.wait(20)
    bench.kill(worker)
    other = bench.begin(kind, "--run", command, state="other")
    wait_until(lambda: any(bench.directory.glob("other/jobs/*/started")))
    said = bench.once(kind, "--run", command)
    assert "watched until" in said
    go.touch()
    assert bench.outcome(name)["status"] == "Succeeded", bench.terminate(other)
    assert "the action has ended without us" in bench.once(kind, "--run", command)
    assert bench.runs() == 1


def test_a_job_that_another_worker_did_meanwhile_is_let_go(bench: Bench, way: Way) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind)
    way.hold("AcknowledgeJob")
    worker = bench.begin(kind, "--run", BUILD, endpoint=way.endpoint)
    assert way.reached.wait(20)
    bench.kill(worker)
    bench.once(kind, "--run", BUILD, state="other")
    said = bench.once(kind, "--run", BUILD)
    assert "the action has ended without us" in said
    assert (bench.outcome(name)["status"], bench.runs()) == ("Succeeded", 1)
