"""Laws that hold whatever callers do: stage locks, order, events that make sense, and an end for everybody."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from botocore.exceptions import ClientError
from codepipeline_conditions import check, condition
from codepipeline_fixtures import Rig, approval, stage
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

STAGES = ("First", "Second")
GATES = ("open", "shut", "skip", "late")
MOVES = ("override", "start", "approve", "reject", "stop", "abandon", "retry", "close", "open", "roll back")
ENDS = {"SUCCEEDED", "FAILED", "STOPPED", "SUPERSEDED", "CANCELED"}


def executions(rig: Rig, name: str) -> list[Any]:
    """The oldest first."""
    return list(rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"])[::-1]


def move(rig: Rig, name: str, what: str, place: str, which: int) -> None:
    known = executions(rig, name)
    chosen = known[which % len(known)]["pipelineExecutionId"]
    match what:
        case "start":
            rig.start(name, variables=[{"name": "Gate", "value": GATES[which % len(GATES)]}])
        case "override":
            rig.cp.override_stage_condition(
                pipelineName=name,
                stageName=place,
                pipelineExecutionId=chosen,
                conditionType=("BEFORE_ENTRY", "ON_SUCCESS")[which % 2],
            )
        case "approve" | "reject":
            answer(rig, name, place, "Approved" if what == "approve" else "Rejected")
        case "stop" | "abandon":
            rig.cp.stop_pipeline_execution(pipelineName=name, pipelineExecutionId=chosen, abandon=what == "abandon")
        case "retry":
            rig.cp.retry_stage_execution(
                pipelineName=name, stageName=place, pipelineExecutionId=chosen, retryMode="FAILED_ACTIONS"
            )
        case "close":
            rig.cp.disable_stage_transition(pipelineName=name, stageName=place, transitionType="Inbound", reason="held")
        case "open":
            rig.cp.enable_stage_transition(pipelineName=name, stageName=place, transitionType="Inbound")
        case "roll back":
            rig.cp.rollback_stage(pipelineName=name, stageName=place, targetPipelineExecutionId=chosen)


def answer(rig: Rig, name: str, place: str, status: str) -> None:
    token = rig.action(name, place, "Ask").get("latestExecution", {}).get("token")
    if token:
        rig.answer(name, token, status, stage=place)


def drain(rig: Rig, name: str) -> None:
    """Open every way and approve everything until nobody is left."""
    for place in STAGES:
        rig.cp.enable_stage_transition(pipelineName=name, stageName=place, transitionType="Inbound")

    def is_over() -> bool:
        for place in STAGES:
            with suppress(ClientError):
                answer(rig, name, place, "Approved")
        return not [each for each in executions(rig, name) if each["status"] in ("InProgress", "Stopping")]

    rig.until(is_over)


def told(rig: Rig, name: str, what: str) -> list[Any]:
    wanted = f"CodePipeline {what} Execution State Change"
    return [each.detail for each in list(rig.notices) if each.detail_type == wanted and each.detail["pipeline"] == name]


def require_locks(rig: Rig, name: str) -> None:
    """No execution enters a stage, or resumes in it, while another is inside."""
    inside: dict[str, str] = {}
    for event in told(rig, name, "Stage"):
        place, who = event["stage"], event["execution-id"]
        if event["state"] in ("STARTED", "RESUMED"):
            assert inside.get(place, who) == who, f"{who} entered {place}, where {inside[place]} is"
            inside[place] = who
        elif event["state"] in ENDS:
            # A stage that its entry condition failed never started.
            assert inside.pop(place, who) == who


def require_sensible_events(rig: Rig, name: str) -> None:
    """An execution starts once, and after an end nothing but a resumption is told of it."""
    last: dict[str, str] = {}
    for event in told(rig, name, "Pipeline"):
        who, state = event["execution-id"], event["state"]
        assert (state == "STARTED") == (who not in last)
        assert last.get(who) not in ENDS or state == "RESUMED", f"{who}: {state} after {last[who]}"
        last[who] = state
    assert set(last.values()) <= ENDS


def require_order(rig: Rig, name: str) -> None:
    """Standard executions enter every stage in the order of their start."""
    order = [each["pipelineExecutionId"] for each in executions(rig, name) if "executionType" not in each]
    for place in ("Source", *STAGES):
        entered = [
            each["execution-id"]
            for each in told(rig, name, "Stage")
            if each["stage"] == place and each["state"] == "STARTED" and each["execution-id"] in order
        ]
        assert entered == [each for each in order if each in entered]


steps = st.tuples(st.sampled_from(MOVES), st.sampled_from(STAGES), st.integers(0, 5))


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mode=st.sampled_from(["SUPERSEDED", "QUEUED"]), walk=st.lists(steps, min_size=5, max_size=25))
def test_locks_order_and_an_end_for_everybody(rig: Rig, mode: str, walk: list[tuple[str, str, int]]) -> None:
    stages = [stage(place, approval(), onFailure={"result": "FAIL"}) for place in STAGES]
    name = rig.create(*stages, executionMode=mode)
    for what, place, which in walk:
        # Most moves are refused most of the time: the laws are about what callers can do, not about what they may.
        with suppress(ClientError):
            move(rig, name, what, place, which)
    drain(rig, name)
    require_locks(rig, name)
    require_sensible_events(rig, name)
    if not any(what == "retry" for what, _, _ in walk):
        require_order(rig, name)


@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mode=st.sampled_from(["SUPERSEDED", "QUEUED"]), walk=st.lists(steps, min_size=5, max_size=25))
def test_conditions_keep_the_laws(rig: Rig, mode: str, walk: list[tuple[str, str, int]]) -> None:
    first = stage("First", approval(), beforeEntry=condition("FAIL", check("#{variables.Gate}", "shut", "NE")))
    second = stage(
        "Second",
        approval(),
        beforeEntry=condition("SKIP", check("#{variables.Gate}", "skip", "NE")),
        onSuccess=condition("ROLLBACK", check("#{variables.Gate}", "late", "NE")),
        onFailure={"result": "RETRY"},
    )
    name = rig.create(first, second, executionMode=mode, variables=[{"name": "Gate", "defaultValue": "open"}])
    for what, place, which in walk:
        with suppress(ClientError):
            move(rig, name, what, place, which)
    drain(rig, name)
    require_locks(rig, name)
    require_sensible_events(rig, name)
    require_settled_conditions(rig, name)


def require_settled_conditions(rig: Rig, name: str) -> None:
    """Nothing is evaluated any more, and what was overridden let the execution pass."""
    for state in rig.cp.get_pipeline_state(name=name)["stageStates"]:
        for member in ("beforeEntryConditionState", "onSuccessConditionState"):
            found = state.get(member, {}).get("latestExecution", {}).get("status")
            assert found != "InProgress"
            if member == "beforeEntryConditionState" and found in ("Succeeded", "Overridden"):
                assert state["actionStates"][0].get("latestExecution"), f"{state['stageName']} was entered"
    assert not [
        each
        for each in rig.cp.list_rule_executions(pipelineName=name)["ruleExecutionDetails"]
        if each["status"] == "InProgress"
    ]
