"""Jobs done by a command: its surroundings, its outputs, and the reason when it fails."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from codepipeline_fixtures import source, stage
from codepipeline_workers import action, declare, property_of
from worker_bench import SOON, Bench, Way, wait_until, zipped

from deliverkit.adapters.local_run import CommandRunner
from deliverkit.domain.worker_job import FailureType, WorkerJob

BUILD = 'echo run >> "$RAN"; cp hello "$DELIVERKIT_OUTPUT_BUILT"'

MAKE = """
cd "$DELIVERKIT_OUTPUT_BUILT" && mkdir bin && ln -s bin b && chmod 700 .
cat "$DELIVERKIT_INPUT_BUNDLE/hello" > bin/run && chmod 755 bin/run
echo "$DELIVERKIT_CONFIG_PROJECTNAME/$DELIVERKIT_PIPELINE" > told
echo Commit=abc >> "$DELIVERKIT_VARIABLES"
"""


def test_a_command_gets_inputs_and_configuration_and_leaves_outputs_and_variables(bench: Bench) -> None:
    kind = bench.project()
    key = {"id": "arn:aws:kms:us-east-1:123456789012:key/k", "type": "KMS"}
    name = bench.pipeline(
        kind,
        action(kind, configuration={"ProjectName": "shop"}, namespace="build"),
        artifactStore={"type": "S3", "location": "pipeline-artifacts", "encryptionKey": key},
    )
    said = bench.once(kind, "--project", "shop", "--run", MAKE)
    latest = bench.outcome(name)
    assert (latest["status"], latest["percentComplete"]) == ("Succeeded", 100), said
    assert latest["summary"].startswith("exit code 0 on ")
    built = bench.built(name)
    assert built["output"]["outputVariables"] == {"Commit": "abc"}
    answer = bench.stored(built)
    assert (answer["ServerSideEncryption"], answer["SSEKMSKeyId"]) == ("aws:kms", key["id"])
    with zipfile.ZipFile(io.BytesIO(answer["Body"].read())) as archive:
        assert archive.read("bin/run") == b"world"
        assert archive.getinfo("bin/run").external_attr >> 16 & 0o777 == 0o755
        assert archive.read("told").decode().strip() == f"shop/{name}"
        assert archive.read("b") == b"bin"
    assert list((bench.directory / "worker" / "jobs").iterdir()) == []


def test_many_jobs_are_shared_by_two_workers_and_each_is_done_once(bench: Bench) -> None:
    kind = bench.kind()
    wanted = [action(kind, f"B{number}", outputArtifacts=[]) for number in range(10)]
    name = bench.pipeline(kind, *wanted)
    command = 'echo "$DELIVERKIT_ACTION" >> "$RAN"; sleep 0.2'
    workers = [bench.begin(kind, "--once", "--jobs", "3", "--run", command, state=each) for each in ("one", "two")]
    said = [worker.communicate(timeout=SOON)[1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0], said
    assert bench.rig.ends(name, bench.rig.first_execution(name)) == "Succeeded"
    assert sorted((bench.directory / "ran").read_text().split()) == sorted(each["name"] for each in wanted)
    assert all("succeeded" in each for each in said), "both worked"


def test_an_upload_that_is_refused_for_long_fails_the_action_with_the_reason(bench: Bench, way: Way) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind)
    way.refusing["PUT /pipeline-artifacts"] = (403, "AccessDenied")
    worker = bench.begin(kind, "--once", "--run", BUILD, endpoint=way.endpoint)
    wait_until(lambda: way.count("PUT /pipeline-artifacts") > 1)
    assert bench.latest(name)["status"] == "InProgress", "permissions may come"
    bench.rig.advance(timedelta(minutes=1))  # patience is short where the sandbox is asked
    assert worker.wait(SOON) == 0
    error = bench.outcome(name)["errorDetails"]
    assert error["code"] == "PermissionError"
    assert "storing artifact Built" in error["message"]
    assert "AccessDenied" in error["message"]


def test_failures_have_their_reason_and_their_type(bench: Bench) -> None:
    kind = bench.kind()
    broken, gone = (source(configuration={"S3ObjectKey": f"{each}.zip"}) for each in ("broken", "gone"))
    bench.rig.put(zipped(**{"../evil": "code"}), key="broken.zip")
    bench.rig.put(b"PK", key="gone.zip")
    failing = bench.pipeline(kind)
    silent = bench.pipeline(kind)
    damaged = bench.rig.create(stage("Source", broken), stage("Build", action(kind)))
    missing = bench.rig.create(stage("Source", gone), stage("Build", action(kind)))
    for name in (damaged, missing):
        bench.rig.until(lambda: bench.latest(name))  # noqa: B023
    run = bench.rig.actions(missing, bench.rig.first_execution(missing))[-1]
    place = run["input"]["inputArtifacts"][0]["s3location"]
    bench.rig.s3.delete_object(Bucket=place["bucket"], Key=place["key"])
    command = f'test "$DELIVERKIT_PIPELINE" = {silent} || {{ echo cannot compile; exit 3; }}'
    bench.once(kind, "--jobs", "4", "--run", command)
    told = {each: bench.outcome(each)["errorDetails"] for each in (failing, silent, damaged, missing)}
    assert told[failing] == {"code": "JobFailed", "message": "exit code 3: cannot compile"}
    assert told[silent]["message"] == "the command ended well and left nothing in $DELIVERKIT_OUTPUT_BUILT"
    assert told[damaged]["code"] == told[missing]["code"] == "RevisionUnavailable", told
    assert told[damaged]["message"].startswith("a member of the archive leads out of it: ../evil")
    assert "NoSuchKey" in told[missing]["message"]


def test_a_secret_that_the_command_shows_is_told_to_nobody(bench: Bench, way: Way) -> None:
    kind = declare(bench.rig, property_of("Token", secret=True), property_of("ProjectName", queryable=True))
    name = bench.pipeline(kind, action(kind, configuration={"Token": "s3cr3t-value", "ProjectName": "fast"}))
    way.hold("PutJobFailureResult")
    command = 'set -x; : "Bearer $DELIVERKIT_CONFIG_TOKEN, $DELIVERKIT_CONFIG_PROJECTNAME"; exit 3'
    worker = bench.begin(kind, "--project", "fast", "--run", command, endpoint=way.endpoint)
    assert way.reached.wait(SOON)
    (record,) = bench.directory.glob("worker/jobs/*/record.json")
    assert "Bearer ${Token}, fast" in record.read_text()
    shown = {each.name: (stat.S_IMODE(each.stat().st_mode), "s3cr3t" in each.read_text()) for each in files_of(record)}
    assert shown["record.json"] == (0o600, False)
    assert shown["output.log"] == (0o600, True), "what the command says is kept as it is"
    worker.kill()
    said = (worker.communicate(timeout=SOON)[1], bench.once(kind, "--project", "fast", "--run", command))
    error = bench.outcome(name)["errorDetails"]
    assert error["message"].startswith("exit code 3: + : Bearer ${Token}, fast"), error
    assert "s3cr3t" not in f"{said}{error}"


def files_of(record: Path) -> list[Path]:
    return [each for each in record.parent.iterdir() if each.is_file()]


def test_a_worker_that_is_terminated_leaves_its_command_to_the_next_one(bench: Bench) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind)
    go = bench.directory / "go"
    command = f'{BUILD}; while ! test -e "{go}"; do sleep 0.02; done'
    worker = bench.begin(kind, "--run", command)
    wait_until(bench.runs)
    other = bench.begin(kind, "--once", "--run", command)
    assert other.wait(SOON) == 7, "one worker for each directory"
    code, said, seconds = bench.terminate(worker)
    assert (code, seconds < 8) == (143, True), said
    assert "to be taken up by the next worker" in said
    go.touch()
    bench.once(kind, "--run", command)
    assert (bench.outcome(name)["status"], bench.runs()) == ("Succeeded", 1)


def test_the_command_of_an_abandoned_action_is_stopped_with_all_that_it_started(bench: Bench) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind)
    pid = bench.directory / "pid"
    child = f"setsid sh -c 'echo $$ > {pid}.new; mv {pid}.new {pid}; exec sleep 60' &"
    worker = bench.begin(kind, "--once", "--run", f"{child} {BUILD}; sleep 60")
    wait_until(lambda: bench.runs() and pid.exists())
    execution_id = bench.rig.first_execution(name)
    bench.rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, abandon=True)
    _, said = worker.communicate(timeout=SOON)
    assert worker.returncode == 0, said
    assert "the action has ended without us: the work is stopped" in said
    command_line = Path("/proc", pid.read_text().strip(), "cmdline")
    assert not (command_line.exists() and command_line.read_bytes()), "a zombie at most"


def test_a_fault_of_the_machine_that_passes_fails_no_command(bench: Bench) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind)
    go = bench.directory / "go"
    worker = bench.begin(kind, "--once", "--run", f'{BUILD}; while ! test -e "{go}"; do sleep 0.02; done')
    wait_until(bench.runs)
    (lock,) = bench.directory.glob("worker/jobs/*/lock")
    lock.rename(lock.with_name("away"))
    lock.mkdir()  # as with too many open files, or a disk that fails for a moment
    said = worker.stderr
    assert said
    assert any("trying again" in line for line in said)
    lock.rmdir()
    lock.with_name("away").rename(lock)
    go.touch()
    assert bench.outcome(name)["status"] == "Succeeded"
    assert worker.wait(SOON) == 0


def test_an_exit_code_that_cannot_be_written_down_is_written_when_it_can(bench: Bench) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind, action(kind, outputArtifacts=[]))
    worker = bench.begin(kind, "--once", "--run", 'ln -s /dev/full ../../exit.new; echo run >> "$RAN"; exit 3')
    wait_until(bench.runs)
    (log,) = bench.directory.glob("worker/jobs/*/output.log")
    wait_until(lambda: "No space left" in log.read_text() or "I/O error" in log.read_text())
    assert bench.latest(name)["status"] == "InProgress"
    log.with_name("exit.new").unlink()
    assert worker.wait(SOON) == 0
    assert bench.outcome(name)["errorDetails"]["message"].startswith("exit code 3")


def test_a_command_whose_begin_cannot_be_written_down_is_not_begun_and_not_called_killed(tmp_path: Path) -> None:
    def shelf(_: WorkerJob) -> Any:
        (tmp_path / "started").symlink_to("/dev/full")  # there is room for a name and for nothing else

    def unused(*_: Path) -> None:
        raise AssertionError

    runner = CommandRunner(
        'touch "$DELIVERKIT_VARIABLES.ran"',
        environ=dict(os.environ),
        room=lambda _: tmp_path,
        shelf=shelf,
        unpack=unused,
        pack=unused,
        tell=lambda _: None,
        machine="here",
    )
    job = WorkerJob("job", "shop", "Build", "Build", "execution", "attempt")
    assert runner.begin(job, is_doubtful=False) is None
    report = wait_until(lambda: runner.look(job))
    assert (report.failure, (tmp_path / "variables.ran").exists()) == (FailureType.SYSTEM_UNAVAILABLE, False)
    assert "was never begun, nothing was run" in report.summary
