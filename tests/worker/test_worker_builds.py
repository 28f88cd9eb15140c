"""Jobs done by Jenkins builds: one for each action, whoever follows it, with their outputs and their reasons."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import pytest
from codepipeline_workers import action, declare, property_of
from jenkins_controller import ALICE, TOKEN, Controller, running_controller
from worker_bench import SOON, Bench, Way, wait_until, zipped


@pytest.fixture
def controller(bench: Bench) -> Iterator[Controller]:
    with running_controller() as controller:
        bench.jenkins = {"JENKINS_URL": controller.url, "JENKINS_USER_ID": ALICE, "JENKINS_API_TOKEN": TOKEN}
        yield controller


def test_a_build_gets_what_it_is_told_and_its_archive_becomes_the_output(bench: Bench, controller: Controller) -> None:
    kind = bench.project(settings={"executionUrlTemplate": "https://ci/{Config:ProjectName}/{ExternalExecutionId}"})
    name = bench.pipeline(kind, action(kind, configuration={"ProjectName": "shop"}))
    archived = {"*zip*/archive.zip": zipped(**{"archive/dist/app": "built"})}
    controller.add_job("team/shop", parameters=("DELIVERKIT_REQUEST", "SOURCE", "OF"), archived=archived)
    told = ["-p", "SOURCE=${input.Bundle}", "-p", "OF=${pipeline}/${ProjectName}"]
    said = bench.once(kind, "--project", "shop", "--job", "team/${ProjectName}", *told)
    latest = bench.outcome(name)
    assert (latest["status"], latest["percentComplete"]) == ("Succeeded", 100), said
    assert latest["externalExecutionUrl"] == "https://ci/shop/1"
    assert "team/shop #1: SUCCESS" in latest["summary"]
    assert "handed back with a continuation token: team/shop #1 runs" in said
    (build,) = controller.builds("team/shop")
    assert build.parameters["OF"] == f"{name}/shop"
    assert build.parameters["SOURCE"].startswith("s3://pipeline-artifacts/")
    built = bench.built(name)
    assert build.parameters["DELIVERKIT_REQUEST"] == f"codepipeline-{built['actionExecutionId']}"
    assert built["output"]["outputVariables"] == {
        "BuildNumber": "1",
        "BuildUrl": f"{controller.url}job/team/job/shop/1/",
    }
    with zipfile.ZipFile(io.BytesIO(bench.stored(built)["Body"].read())) as archive:
        assert archive.read("dist/app") == b"built"


def test_two_pipelines_with_one_project_have_a_build_each(bench: Bench, controller: Controller) -> None:
    kind = bench.project()
    wanted = action(kind, configuration={"ProjectName": "shop"}, outputArtifacts=[])
    names = [bench.pipeline(kind, wanted) for _ in range(2)]
    controller.add_job("shop")
    bench.once(kind, "--project", "shop")
    assert [bench.outcome(name)["status"] for name in names] == ["Succeeded"] * 2
    requests = {build.parameters["DELIVERKIT_REQUEST"] for build in controller.builds("shop")}
    assert requests == {f"codepipeline-{bench.built(name)['actionExecutionId']}" for name in names}


def test_one_build_is_followed_by_three_workers_one_killed_one_terminated(
    bench: Bench, way: Way, controller: Controller
) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind, action(kind, outputArtifacts=[]))
    controller.add_job("shop", looks_running=None)
    way.hold("PutJobSuccessResult")
    killed = bench.begin(kind, "--job", "shop", endpoint=way.endpoint)
    assert way.reached.wait(SOON), "it runs, and is not handed back yet"
    bench.kill(killed)
    terminated = bench.begin(kind, "--job", "shop")
    wait_until(lambda: bench.latest(name).get("externalExecutionId") == "1")
    looks = controller.builds("shop")[0].looks
    wait_until(lambda: controller.builds("shop")[0].looks > looks + 1)  # by the job that continues the first
    code, said, seconds = bench.terminate(terminated)
    assert (code, seconds < 8) == (143, True), said
    assert said.count("handed back with a continuation token") == 2, said
    controller.finish("shop", 1)
    said = bench.once(kind, "--job", "shop", state="elsewhere")
    assert bench.outcome(name)["status"] == "Succeeded", said
    assert len(controller.builds("shop")) == 1


def test_a_build_that_fails_or_cannot_be_had_fails_the_action_with_the_reason(
    bench: Bench, controller: Controller
) -> None:
    kind = declare(bench.rig, property_of("ProjectName", queryable=True), property_of("Token", secret=True))
    controller.add_job("failing", outcome="FAILURE", log="compiling with s3cr3t-value\nERROR: no disk\n")
    controller.add_job("silent")
    controller.add_job("strange", parameters=("OTHER",))
    controller.add_job("leading", archived={"*zip*/archive.zip": zipped(**{"../evil": "code"})})
    names = {
        each: bench.pipeline(kind, action(kind, configuration={"ProjectName": each, "Token": "s3cr3t-value"}))
        for each in ("failing", "silent", "strange", "missing", "leading")
    }
    bench.once(kind, "--jobs", "5", *(word for each in names for word in ("--project", each)))
    told = {each: bench.outcome(name)["errorDetails"] for each, name in names.items()}
    assert {told[each]["code"] for each in ("failing", "silent", "leading")} == {"JobFailed"}, told
    assert told["failing"]["message"].splitlines()[0] == "failing #1: FAILURE, it failed"
    assert told["failing"]["message"].endswith("compiling with ${Token}\nERROR: no disk")
    assert "silent #1 succeeded and archived nothing for Built" in told["silent"]["message"]
    assert "what leading #1 archived cannot be passed on: a member" in told["leading"]["message"]
    assert told["strange"]["code"] == told["missing"]["code"] == "ConfigurationError"
    assert "there is no job missing" in told["missing"]["message"]
    assert "DELIVERKIT_REQUEST" in told["strange"]["message"]


def test_what_builds_have_begun_a_command_does_not_go_on_with(bench: Bench, way: Way, controller: Controller) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind, action(kind, outputArtifacts=[]))
    controller.add_job("shop", looks_running=None)
    way.hold("PutJobSuccessResult")
    worker = bench.begin(kind, "--job", "shop", endpoint=way.endpoint)
    assert way.reached.wait(SOON)
    bench.kill(worker)  # on record here
    record = next((bench.directory / "worker" / "jobs").glob("*/record.json"))
    record.write_text(record.read_text().replace('"reporting"', '"claimed"'))  # as a moment before
    command = ("--run", 'echo run >> "$RAN"')
    assert "stays on record, a build does its work" in bench.once(kind, *command)
    worker = bench.begin(kind, "--job", "shop")
    wait_until(lambda: bench.latest(name).get("externalExecutionId") == "1")
    bench.terminate(worker)  # handed back
    other = bench.pipeline(kind, action(kind, outputArtifacts=[]))
    assert "left to the kind of worker that began it" in bench.once(kind, *command, state="other")
    assert bench.outcome(other)["status"] == "Succeeded", "it stands in nobody's way"
    controller.finish("shop", 1)
    bench.once(kind, "--job", "shop")
    assert (bench.outcome(name)["status"], bench.runs()) == ("Succeeded", 1)


def test_a_worker_whom_jenkins_does_not_let_in_takes_no_job(bench: Bench, controller: Controller) -> None:
    kind = bench.project()
    name = bench.pipeline(kind, action(kind, configuration={"ProjectName": "shop"}, outputArtifacts=[]))
    bench.jenkins["JENKINS_API_TOKEN"] = "wrong"
    refused = bench.begin(kind, "--once", "--project", "shop")
    said = refused.communicate(timeout=SOON)[1]
    assert (refused.returncode, "does not accept user alice" in said) == (8, True), said
    bench.jenkins["JENKINS_API_TOKEN"] = TOKEN
    controller.add_job("shop")
    bench.once(kind, "--project", "shop")
    assert bench.outcome(name)["status"] == "Succeeded"


def test_a_request_that_the_crashed_server_forgot_is_made_again_by_whoever_follows(
    bench: Bench, controller: Controller
) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind, action(kind, outputArtifacts=[]))
    job = controller.add_job("shop", looks_queued=None)
    worker = bench.begin(kind, "--job", "shop")
    looked = controller.seen
    wait_until(lambda: controller.waiting("shop") and any("queue/item" in each for each in looked))
    _, said, _ = bench.terminate(worker)
    assert "handed back with a continuation token" in said
    job.builds.clear()
    job.looks_queued = 1
    following = bench.begin(kind, "--once", "--job", "shop", state="other")
    wait_until(lambda: bench.latest(name).get("summary", "").startswith("shop: "))
    asked = len(controller.seen)
    wait_until(lambda: len(controller.seen) > asked + 2)
    assert controller.builds("shop") == controller.waiting("shop") == [], "the request may still be on its way"
    bench.rig.advance(timedelta(minutes=1))
    _, said = following.communicate(timeout=SOON)
    assert bench.outcome(name)["status"] == "Succeeded", said
    assert len(controller.builds("shop")) == 1


def test_a_build_whose_action_is_failed_or_abandoned_is_stopped_also_later(
    bench: Bench, controller: Controller
) -> None:
    kind = bench.kind()
    names = [bench.pipeline(kind, action(kind, outputArtifacts=[])) for _ in range(2)]
    controller.add_job("shop", looks_running=None)
    worker = bench.begin(kind, "--once", "--job", "shop")
    wait_until(lambda: all(bench.latest(name).get("externalExecutionId") for name in names))
    assert worker.stderr
    wait_until(lambda: all(build.looks > 1 for build in controller.builds("shop")))
    abandoned, failed = names
    number = int(bench.latest(abandoned)["externalExecutionId"])
    controller.stop()
    execution_id = bench.rig.first_execution(abandoned)
    bench.rig.cp.stop_pipeline_execution(pipelineName=abandoned, pipelineExecutionId=execution_id, abandon=True)
    troubles = (line for line in worker.stderr if "trying again" in line)
    assert next(troubles) != next(troubles)
    bench.rig.advance(timedelta(minutes=1))  # more than patience, where the sandbox is asked
    assert bench.outcome(failed)["errorDetails"]["code"] == "SystemUnavailable"
    assert "could not be stopped" in bench.latest(failed)["errorDetails"]["message"]
    controller.start()
    _, said = worker.communicate(timeout=SOON)
    assert f"the action has ended without us: shop #{number} was told to stop" in said
    assert controller.builds("shop")[number - 1].was_stopped


def test_who_is_locked_out_for_a_moment_fails_no_build(bench: Bench, controller: Controller) -> None:
    kind = bench.kind()
    name = bench.pipeline(kind, action(kind, outputArtifacts=[]))
    controller.add_job("shop", looks_running=None)
    worker = bench.begin(kind, "--once", "--job", "shop")
    wait_until(lambda: bench.latest(name).get("externalExecutionId"))
    people = dict(controller.people)
    controller.people.clear()
    assert worker.stderr
    assert any("trying again" in line for line in worker.stderr)
    controller.people.update(people)
    controller.finish("shop", 1)
    assert worker.wait(SOON) == 0
    assert bench.outcome(name)["status"] == "Succeeded"
