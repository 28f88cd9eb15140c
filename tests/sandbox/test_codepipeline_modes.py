"""Execution modes, transitions, and stopping."""

from __future__ import annotations

from codepipeline_fixtures import Rig, approval, deploy, refused, stage


def inbound(rig: Rig, name: str, place: str = "Approve") -> list[str]:
    return [each["pipelineExecutionId"] for each in rig.stage(name, place)["inboundExecutions"]]


def waits(rig: Rig, name: str, execution_id: str, place: str = "Approve") -> None:
    rig.until(lambda: execution_id in inbound(rig, name, place))


def close(rig: Rig, name: str, place: str, reason: str = "frozen", kind: str = "Inbound") -> None:
    rig.cp.disable_stage_transition(pipelineName=name, stageName=place, transitionType=kind, reason=reason)


def reopen(rig: Rig, name: str, place: str, kind: str = "Inbound") -> None:
    rig.cp.enable_stage_transition(pipelineName=name, stageName=place, transitionType=kind)


def stop(rig: Rig, name: str, execution_id: str, **more: object) -> None:
    answer = rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=execution_id, **more)
    assert answer["pipelineExecutionId"] == execution_id


# --- modes ----------------------------------------------------------------------------------------


def test_superseded_is_the_default_and_a_newer_execution_replaces_the_waiting_one(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()))
    first = rig.first_execution(name)
    token = rig.token(name)
    assert rig.execution(name, first)["executionMode"] == "SUPERSEDED"
    second = rig.start(name)
    waits(rig, name, second)
    third = rig.start(name)
    assert rig.ends(name, second) == "Superseded"
    assert rig.status(name, first) == "InProgress", "one inside a stage is never superseded"
    assert inbound(rig, name) == [third]
    rig.answer(name, token)
    assert rig.token(name, execution_id=third)
    with refused("StageNotRetryableException"):
        rig.cp.retry_stage_execution(
            pipelineName=name, stageName="Approve", pipelineExecutionId=second, retryMode="FAILED_ACTIONS"
        )


def test_queued_lets_all_through_in_the_order_of_their_start(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), executionMode="QUEUED")
    order = [rig.first_execution(name)]
    rig.token(name)
    order += [rig.start(name) for _ in range(3)]
    rig.until(lambda: inbound(rig, name) == order[1:])
    assert rig.stage(name, "Approve")["inboundExecution"]["pipelineExecutionId"] == order[1]
    for execution_id in order:
        rig.answer(name, rig.token(name, execution_id=execution_id))
        assert rig.ends(name, execution_id) == "Succeeded"


def test_queued_executions_hold_different_stages_at_once(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), stage("Deploy", deploy("held-queued")), executionMode="QUEUED")
    first = rig.first_execution(name)
    rig.answer(name, rig.token(name))
    deployment = rig.deployment("held-queued")
    second = rig.start(name)
    rig.token(name, execution_id=second)
    assert rig.stage(name, "Deploy")["latestExecution"]["pipelineExecutionId"] == first
    assert rig.stage(name, "Approve")["latestExecution"]["pipelineExecutionId"] == second
    rig.codedeploy.finish(deployment)
    assert rig.ends(name, first) == "Succeeded"


def test_a_failure_releases_the_stage_to_the_next(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), executionMode="QUEUED")
    first, second = rig.first_execution(name), rig.start(name)
    rig.answer(name, rig.token(name, execution_id=first), "Rejected")
    rig.answer(name, rig.token(name, execution_id=second))
    assert (rig.ends(name, first), rig.ends(name, second)) == ("Failed", "Succeeded")


def test_parallel_executions_share_a_stage_and_answer_by_the_external_id(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), executionMode="PARALLEL")
    both = [rig.first_execution(name), rig.start(name)]
    tokens = []
    for execution_id in both:
        attempts = rig.until(lambda each=execution_id: asked(rig, name, each))  # type: ignore[misc]
        tokens.append(attempts["output"]["executionResult"]["externalExecutionId"])
    assert inbound(rig, name) == []
    assert "token" not in rig.action(name, "Approve", "Ask")["latestExecution"]
    rig.answer(name, tokens[1])
    assert rig.ends(name, both[1]) == "Succeeded"
    assert rig.status(name, both[0]) == "InProgress"
    rig.answer(name, tokens[0])
    assert rig.ends(name, both[0]) == "Succeeded"


def asked(rig: Rig, name: str, execution_id: str) -> dict[str, dict[str, dict[str, str]]] | None:
    latest = rig.actions(name, execution_id)[-1]
    is_open = latest["actionName"] == "Ask" and "externalExecutionId" in latest["output"]["executionResult"]
    return dict(latest) if is_open else None


def test_a_queued_pipeline_holds_fifty_executions(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), executionMode="QUEUED")
    close(rig, name, "Source")
    for _ in range(49):
        rig.start(name)
    with refused("ConcurrentPipelineExecutionsLimitExceededException", "50"):
        rig.start(name)


# --- transitions ----------------------------------------------------------------------------------


def test_a_disabled_transition_holds_executions_until_it_is_enabled(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy()))
    rig.ends(name, rig.first_execution(name))
    close(rig, name, "Deploy", reason="release freeze")
    shown = rig.stage(name, "Deploy")["inboundTransitionState"]
    assert shown["enabled"] is False
    assert shown["disabledReason"] == "release freeze"
    assert shown["lastChangedBy"].startswith("arn:aws:")
    execution_id = rig.start(name)
    waits(rig, name, execution_id, "Deploy")
    assert rig.status(name, execution_id) == "InProgress"
    reopen(rig, name, "Deploy")
    assert rig.ends(name, execution_id) == "Succeeded"
    shown = rig.stage(name, "Deploy")["inboundTransitionState"]
    assert shown["enabled"] is True
    assert "disabledReason" not in shown


def test_an_untouched_transition_says_only_that_it_is_enabled(rig: Rig) -> None:
    assert rig.stage(rig.create(), "Deploy")["inboundTransitionState"] == {"enabled": True}


def test_behind_a_disabled_transition_the_newest_supersedes(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy()))
    rig.ends(name, rig.first_execution(name))
    close(rig, name, "Deploy")
    older = rig.start(name)
    waits(rig, name, older, "Deploy")
    newer = rig.start(name)
    assert rig.ends(name, older) == "Superseded"
    reopen(rig, name, "Deploy")
    assert rig.ends(name, newer) == "Succeeded"


def test_an_execution_past_the_transition_goes_on(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()))
    token = rig.token(name)
    close(rig, name, "Approve")
    rig.answer(name, token)
    assert rig.ends(name, rig.first_execution(name)) == "Succeeded"


def test_an_outbound_transition_holds_an_execution_after_its_stage(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), stage("Deploy", deploy()))
    execution_id = rig.first_execution(name)
    close(rig, name, "Approve", kind="Outbound")
    rig.answer(name, rig.token(name))
    waits(rig, name, execution_id, "Deploy")
    assert rig.stage(name, "Approve")["latestExecution"]["status"] == "Succeeded"
    reopen(rig, name, "Approve", kind="Outbound")
    assert rig.ends(name, execution_id) == "Succeeded"


def test_behind_a_disabled_outbound_transition_the_newest_supersedes(rig: Rig) -> None:
    name = rig.create(stage("Test", deploy(name="Test")), stage("Deploy", deploy()))
    rig.ends(name, rig.first_execution(name))
    rig.cp.disable_stage_transition(pipelineName=name, stageName="Test", transitionType="Outbound", reason="frozen")
    older = rig.start(name)
    rig.until(lambda: rig.stage(name, "Deploy").get("inboundExecution"))
    newer = rig.start(name)
    assert rig.ends(name, older) == "Superseded"
    assert rig.stage(name, "Test")["latestExecution"] == {"pipelineExecutionId": newer, "status": "Succeeded"}
    assert rig.stage(name, "Deploy")["inboundTransitionState"] == {"enabled": True}
    rig.cp.enable_stage_transition(pipelineName=name, stageName="Test", transitionType="Outbound")
    assert rig.ends(name, newer) == "Succeeded"


def test_parallel_executions_wait_behind_a_disabled_transition_and_enter_together(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), executionMode="PARALLEL")
    rig.cp.disable_stage_transition(pipelineName=name, stageName="Approve", transitionType="Inbound", reason="frozen")
    started = [rig.start(name) for _ in range(3)]

    def waiting() -> list[str]:
        return [each["pipelineExecutionId"] for each in rig.stage(name, "Approve")["inboundExecutions"]]

    rig.until(lambda: set(started) <= set(waiting()))
    rig.cp.enable_stage_transition(pipelineName=name, stageName="Approve", transitionType="Inbound")
    assert waiting() == []

    def asked() -> set[str]:
        found = rig.cp.list_action_executions(pipelineName=name)["actionExecutionDetails"]
        return {each["pipelineExecutionId"] for each in found if each["actionName"] == "Ask"}

    rig.until(lambda: set(started) <= asked())


def test_a_superseded_execution_cannot_be_retried_or_stopped(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()))
    rig.token(name)
    older = rig.start(name)
    rig.until(lambda: rig.stage(name, "Approve")["inboundExecutions"])
    rig.start(name)
    assert rig.ends(name, older) == "Superseded"
    with refused("StageNotRetryableException"):
        rig.cp.retry_stage_execution(
            pipelineName=name, stageName="Approve", pipelineExecutionId=older, retryMode="FAILED_ACTIONS"
        )
    with refused("PipelineExecutionNotStoppableException"):
        rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=older)


def test_switching_twice_is_no_error_and_bad_requests_are(rig: Rig) -> None:
    name = rig.create()
    close(rig, name, "Deploy")
    close(rig, name, "Deploy")
    reopen(rig, name, "Deploy")
    reopen(rig, name, "Deploy")
    with refused("StageNotFoundException"):
        close(rig, name, "Nowhere")
    with refused("ValidationException", "reason"):
        close(rig, name, "Deploy", reason="semi;colon")
    with refused("PipelineNotFoundException"):
        reopen(rig, "nobody", "Deploy")


# --- stopping -------------------------------------------------------------------------------------


def test_abandoning_leaves_the_deployment_to_itself(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("held-abandoned")))
    execution_id = rig.first_execution(name)
    deployment = rig.deployment("held-abandoned")
    stop(rig, name, execution_id, abandon=True, reason="wrong release")
    assert rig.ends(name, execution_id) == "Stopped"
    assert rig.stage(name, "Deploy")["latestExecution"]["status"] == "Stopped"
    assert rig.actions(name, execution_id)[-1]["status"] == "Abandoned"
    assert rig.codedeploy.deployments[deployment]["status"] == "InProgress"
    summary = rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"][0]
    assert summary["stopTrigger"] == {"reason": "wrong release"}
    rig.codedeploy.finish(deployment)
    assert rig.events(execution_id, "Pipeline") == ["STARTED", "STOPPING", "STOPPED"]
    assert rig.status(name, execution_id) == "Stopped"


def test_stop_and_wait_lets_running_actions_finish_and_starts_no_later_ones(rig: Rig) -> None:
    name = rig.create(stage("Deploy", deploy("held-wait", "A"), deploy("ok", "B", runOrder=2)))
    execution_id = rig.first_execution(name)
    deployment = rig.deployment("held-wait")
    stop(rig, name, execution_id)
    assert rig.status(name, execution_id) == "Stopping"
    assert rig.stage(name, "Deploy")["latestExecution"]["status"] == "Stopping"
    rig.codedeploy.finish(deployment)
    assert rig.ends(name, execution_id) == "Stopped"
    assert rig.stage(name, "Deploy")["latestExecution"]["status"] == "Stopped"
    assert [(each["actionName"], each["status"]) for each in rig.actions(name, execution_id)][1:] == [
        ("A", "Succeeded")
    ]
    rig.cp.retry_stage_execution(
        pipelineName=name, stageName="Deploy", pipelineExecutionId=execution_id, retryMode="FAILED_ACTIONS"
    )
    assert rig.ends(name, execution_id) == "Succeeded"
    assert [each["actionName"] for each in rig.actions(name, execution_id)] == ["Read", "A", "B"]


def test_stop_and_wait_keeps_an_approval_answerable(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), stage("Deploy", deploy()))
    token, execution_id = rig.token(name), rig.first_execution(name)
    stop(rig, name, execution_id)
    rig.answer(name, token)
    assert rig.ends(name, execution_id) == "Stopped"
    assert rig.stage(name, "Approve")["latestExecution"]["status"] == "Succeeded", "all of it was done"
    assert "latestExecution" not in rig.stage(name, "Deploy")


def test_a_repeated_stop_is_refused_and_abandoning_after_waiting_is_not(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()))
    rig.token(name)
    execution_id = rig.first_execution(name)
    stop(rig, name, execution_id)
    with refused("DuplicatedStopRequestException"):
        stop(rig, name, execution_id)
    stop(rig, name, execution_id, abandon=True)
    assert rig.ends(name, execution_id) == "Stopped"


def test_abandoning_twice_is_refused_while_it_stops(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()))
    rig.token(name)
    execution_id = rig.first_execution(name)
    rig.sandbox.world.clock.set_speed(0)
    try:
        stop(rig, name, execution_id, abandon=True)
        assert rig.status(name, execution_id) == "Stopping"
        with refused("DuplicatedStopRequestException"):
            stop(rig, name, execution_id, abandon=True)
    finally:
        rig.sandbox.world.clock.set_speed(1)
    assert rig.ends(name, execution_id) == "Stopped"


def test_what_has_ended_or_never_was_cannot_be_stopped(rig: Rig) -> None:
    name = rig.create()
    execution_id = rig.first_execution(name)
    rig.ends(name, execution_id)
    for unstoppable in (execution_id, "11111111-2222-3333-4444-555555555555"):
        with refused("PipelineExecutionNotStoppableException"):
            stop(rig, name, unstoppable, abandon=True)


def test_a_waiting_execution_can_be_stopped_and_does_not_enter_later(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), executionMode="QUEUED")
    token = rig.token(name)
    second = rig.start(name)
    waits(rig, name, second)
    stop(rig, name, second)
    assert rig.ends(name, second) == "Stopped"
    shown = rig.stage(name, "Approve")["inboundExecution"]
    assert (shown["pipelineExecutionId"], shown["status"]) == (second, "Stopped")
    with refused("StageNotRetryableException"):
        rig.cp.retry_stage_execution(
            pipelineName=name, stageName="Approve", pipelineExecutionId=second, retryMode="FAILED_ACTIONS"
        )
    third = rig.start(name)
    rig.answer(name, token)
    assert rig.token(name, execution_id=third)
    assert inbound(rig, name) == [], "a newer one has passed it"


def test_stopping_frees_the_stage_for_the_next(rig: Rig) -> None:
    name = rig.create(stage("Approve", approval()), executionMode="QUEUED")
    rig.token(name)
    first, second = rig.first_execution(name), rig.start(name)
    waits(rig, name, second)
    stop(rig, name, first, abandon=True)
    assert rig.token(name, execution_id=second)
