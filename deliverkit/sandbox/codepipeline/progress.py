"""How an execution moves: into a stage, through its groups of actions, out of it, to an end."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from deliverkit.sandbox.codepipeline import admission, artifacts, notices, quotas, variables
from deliverkit.sandbox.codepipeline.action_types.catalogue import Catalogue
from deliverkit.sandbox.codepipeline.conditions import RULES, judgement, rule
from deliverkit.sandbox.codepipeline.conditions.check import Check
from deliverkit.sandbox.codepipeline.definition import BEFORE_ENTRY, ON_FAILURE, ON_SUCCESS, RULE, Action, Stage
from deliverkit.sandbox.codepipeline.providers.provider import Job, new_id
from deliverkit.sandbox.codepipeline.state import (
    ActionRun,
    Execution,
    Outcome,
    Pipeline,
    StageRun,
    Status,
)
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World

_EVENTS = {
    Status.IN_PROGRESS: "RESUMED",
    Status.STOPPING: "STOPPING",
    Status.STOPPED: "STOPPED",
    Status.SUCCEEDED: "SUCCEEDED",
    Status.FAILED: "FAILED",
    Status.SUPERSEDED: "SUPERSEDED",
    Status.CANCELLED: "CANCELED",
    Status.ABANDONED: "ABANDONED",
}


def launch(world: World, pipeline: Pipeline, execution: Execution) -> None:
    """Let a new execution arrive in front of the first stage."""
    notices.pipeline_changed(world, pipeline, execution, "STARTED")
    _arrive(world, pipeline, execution, pipeline.current.stages[0])


def admit(world: World, pipeline: Pipeline, stage: str) -> None:
    """Let those who may enter a stage do so; called whenever its way may have opened."""
    while True:
        decision = admission.decide(pipeline, stage)
        for execution in decision.superseded:
            end_execution(world, pipeline, execution, Status.SUPERSEDED)
        if decision.enters is None:
            return
        enter(world, pipeline, decision.enters, stage)


def enter(world: World, pipeline: Pipeline, execution: Execution, stage: str) -> None:
    """Take the stage; check its entry condition, or start its first actions.

    Undocumented is whether an execution already holds the stage while its entry condition is evaluated. Here it does:
    nobody overtakes or supersedes it meanwhile.
    """
    declared = execution.definition.stage(stage)
    assert declared is not None, "an execution only waits for stages of its own version"
    execution.waiting_for = ""
    stage_run = execution.stages[stage] = StageRun(declared)
    pipeline.owners[stage] = execution.id
    if has_condition(execution, stage_run, BEFORE_ENTRY):
        return evaluate(world, pipeline, execution, stage_run, BEFORE_ENTRY)
    return begin_actions(world, pipeline, execution, stage_run)


def begin_actions(world: World, pipeline: Pipeline, execution: Execution, stage: StageRun) -> None:
    """Start the stage's first actions, now that nothing keeps the execution out any more."""
    notices.stage_changed(world, pipeline, execution, stage.stage.name, "STARTED")
    go_on(world, pipeline, execution, stage)


def go_on(world: World, pipeline: Pipeline, execution: Execution, stage: StageRun) -> None:
    """Start the next actions of the stage, or leave it when all have succeeded."""
    for group in stage.stage.groups():
        missing = [action for action in group if action.name not in stage.current]
        if missing:
            if is_outdated(pipeline, execution) and stage.runs:
                return cancel(world, pipeline, execution, stage)
            for action in missing:
                _start(world, pipeline, execution, stage, action)
            return None
    if has_condition(execution, stage, ON_SUCCESS):
        return evaluate(world, pipeline, execution, stage, ON_SUCCESS)
    return leave(world, pipeline, execution, stage)


def settle(world: World, pipeline: Pipeline, execution: Execution, stage: StageRun) -> None:
    """Look at a stage after one of its actions or rules ended: wait for the others, fail, halt, or go on."""
    if stage.open_runs:
        return None
    check = stage.check
    if check is not None:
        judgement.conclude(world, check)
    if execution.status is Status.STOPPING:
        return halt(world, pipeline, execution)
    if check is not None:
        return judgement.apply(world, pipeline, execution, stage, check)
    if stage.has_ended(Status.FAILED):
        return _fail_stage(world, pipeline, execution, stage)
    return go_on(world, pipeline, execution, stage)


def halt(world: World, pipeline: Pipeline, execution: Execution) -> None:
    """End a stopping execution; the stage it is in has stopped, or succeeded if all of its actions have."""
    for name, stage in execution.stages.items():
        if stage.status not in (Status.IN_PROGRESS, Status.STOPPING):
            continue
        abandon(world, pipeline, execution, stage)
        is_complete = _is_complete(execution, stage)
        end_stage(world, pipeline, execution, name, Status.SUCCEEDED if is_complete else Status.STOPPED)
    end_execution(world, pipeline, execution, Status.STOPPED)
    _admit_everywhere(world, pipeline)


def _is_complete(execution: Execution, stage: StageRun) -> bool:
    """True when all actions have succeeded, and the stage's success condition, if there is one, is met."""
    check = stage.checks.get(ON_SUCCESS)
    is_held = has_condition(execution, stage, ON_SUCCESS) and not (check is not None and check.is_met)
    return not is_held and all(
        action.name in stage.current and stage.current[action.name].status is Status.SUCCEEDED
        for action in stage.stage.actions
    )


def abandon(world: World, pipeline: Pipeline, execution: Execution, stage: StageRun) -> None:
    """Give up what runs in a stage, a condition included; work elsewhere goes on."""
    for run in stage.open_runs:
        end_run(world, pipeline, execution, run, Status.ABANDONED, Outcome())
    if stage.check is not None:
        stage.check.end(Status.ABANDONED, world.clock.now())


def cancel(world: World, pipeline: Pipeline, execution: Execution, stage: StageRun | None) -> None:
    """End an execution whose definition was updated before it completed (API reference, PipelineExecution)."""
    if stage is not None:
        for run in stage.check.runs if stage.check else ():
            if run.is_open:
                end_run(world, pipeline, execution, run, Status.ABANDONED, Outcome())
        if stage.check is not None:
            stage.check.end(Status.CANCELLED, world.clock.now())
        end_stage(world, pipeline, execution, stage.stage.name, Status.CANCELLED)
    execution.waiting_for = ""
    end_execution(world, pipeline, execution, Status.CANCELLED)
    _admit_everywhere(world, pipeline)


def end_run(
    world: World, pipeline: Pipeline, execution: Execution, run: ActionRun, status: Status, outcome: Outcome
) -> None:
    """Write down how an attempt ended."""
    run.status, run.outcome, run.token, run.updated_at = status, outcome, "", world.clock.now()
    # No event tells about rules (user guide, detecting state changes).
    if run.action.type.category != RULE:
        notices.action_changed(world, pipeline, execution, run, _EVENTS[status])


def end_stage(world: World, pipeline: Pipeline, execution: Execution, stage: str, status: Status) -> None:
    """Write down how a stage ended, or that it runs again."""
    execution.stages[stage].status = status
    # No event tells that a stage was skipped (user guide, detecting state changes).
    if status in _EVENTS:
        notices.stage_changed(world, pipeline, execution, stage, _EVENTS[status])


def end_execution(world: World, pipeline: Pipeline, execution: Execution, status: Status) -> None:
    """Write down how an execution ended, or that it runs again."""
    execution.status, execution.updated_at = status, world.clock.now()
    notices.pipeline_changed(world, pipeline, execution, _EVENTS[status])


# --- arriving and leaving -------------------------------------------------------------------------


def _arrive(world: World, pipeline: Pipeline, execution: Execution, stage: Stage) -> None:
    execution.waiting_for = stage.name
    admit(world, pipeline, stage.name)


def leave(
    world: World, pipeline: Pipeline, execution: Execution, stage: StageRun, status: Status = Status.SUCCEEDED
) -> None:
    """Go on behind a stage that succeeded or was skipped."""
    name = stage.stage.name
    end_stage(world, pipeline, execution, name, status)
    following = None if execution.is_rollback else execution.definition.after(name)
    if following is None:
        end_execution(world, pipeline, execution, Status.SUCCEEDED)
    elif is_outdated(pipeline, execution):
        cancel(world, pipeline, execution, None)
    else:
        _arrive(world, pipeline, execution, following)
    admit(world, pipeline, name)


def _fail_stage(world: World, pipeline: Pipeline, execution: Execution, stage: StageRun) -> None:
    """What follows when actions have failed: the automatic retry, the failure condition, or the end.

    Undocumented is what comes first where both a retry and a condition are declared; here the one retry does.
    """
    result = stage.stage.failure_result
    if has_condition(execution, stage, ON_FAILURE) and not (result == "RETRY" and not stage.automatic_retries):
        return evaluate(world, pipeline, execution, stage, ON_FAILURE)
    return give_up(world, pipeline, execution, stage, result)


def give_up(world: World, pipeline: Pipeline, execution: Execution, stage: StageRun, result: str) -> None:
    """End a stage that failed, and do what the declared result asks for.

    Args:
        world: The sandbox.
        pipeline: The pipeline.
        execution: What is in the stage.
        stage: Its passage.
        result: `RETRY` runs it again, once; `ROLLBACK` rolls it back; anything else leaves it failed.
    """
    name = stage.stage.name
    end_stage(world, pipeline, execution, name, Status.FAILED)
    if result == "RETRY" and not stage.automatic_retries and not is_outdated(pipeline, execution):
        stage.automatic_retries, stage.last_retry = 1, "AutomatedStageRetry"
        return run_again(world, pipeline, execution, name, stage.stage.retry_mode)
    end_execution(world, pipeline, execution, Status.FAILED)
    if result == "ROLLBACK" and not execution.is_rollback:
        from deliverkit.sandbox.codepipeline import rollback  # noqa: PLC0415  (a rollback is itself a progress)

        rollback.automatic(world, pipeline, execution, name)
    return admit(world, pipeline, name)


def run_again(world: World, pipeline: Pipeline, execution: Execution, stage: str, mode: str) -> None:
    """Run the failed (or all) actions of a stage again; those that were not reached follow."""
    stage_run = execution.stages[stage]
    execution.attempt += 1
    execution.is_abandoning = False
    if mode == "ALL_ACTIONS":
        stage_run.current.clear()
    for name, run in list(stage_run.current.items()):
        if run.status in (Status.FAILED, Status.ABANDONED):
            del stage_run.current[name]
    if execution.status is not Status.IN_PROGRESS:
        end_execution(world, pipeline, execution, Status.IN_PROGRESS)
    if stage_run.status is not Status.IN_PROGRESS:
        end_stage(world, pipeline, execution, stage, Status.IN_PROGRESS)
    entry = stage_run.checks.get(BEFORE_ENTRY)
    if entry is not None and not entry.is_met:
        return evaluate(world, pipeline, execution, stage_run, BEFORE_ENTRY)
    return go_on(world, pipeline, execution, stage_run)


def _admit_everywhere(world: World, pipeline: Pipeline) -> None:
    for stage in pipeline.current.stages:
        admit(world, pipeline, stage.name)


def is_outdated(pipeline: Pipeline, execution: Execution) -> bool:
    """True once the pipeline was updated since the execution started."""
    return execution.definition.version != pipeline.current.version


# --- actions --------------------------------------------------------------------------------------


def has_condition(execution: Execution, stage: StageRun, kind: str) -> bool:
    """True when a condition is to be evaluated.

    Undocumented is whether rollbacks ask conditions too. Here they do not: a closed window must not keep a rollback
    out, and a rollback that fails its check has nothing to go back to.
    """
    return kind in stage.stage.conditions and not execution.is_rollback


def evaluate(world: World, pipeline: Pipeline, execution: Execution, stage: StageRun, kind: str) -> None:
    """Run the rules of a condition, all at once."""
    condition = stage.stage.conditions[kind]
    runs = [_begin(world, pipeline, execution, rule, pipeline.rule_runs) for rule in condition.rules]
    stage.checks[kind] = Check(kind, condition, runs, world.clock.now())


def _start(world: World, pipeline: Pipeline, execution: Execution, stage: StageRun, action: Action) -> None:
    run = _begin(world, pipeline, execution, action, pipeline.runs)
    stage.current[action.name] = run
    stage.runs.append(run)
    notices.action_changed(world, pipeline, execution, run, "STARTED")


def _begin(
    world: World, pipeline: Pipeline, execution: Execution, action: Action, history: list[ActionRun]
) -> ActionRun:
    now = world.clock.now()
    region = action.region or pipeline.region
    run = ActionRun(new_id(), execution.id, action, execution.definition.version, region, now, now)
    run.inputs = tuple(execution.artifacts[name] for name in action.inputs if name in execution.artifacts)
    history.append(run)
    job = Job(world, pipeline, execution, run)
    job.after(timedelta(0), partial(_work, job))
    return run


def _work(job: Job) -> None:
    """Hand the action to its provider, unless an update made it unanswerable before it began."""
    run = job.run
    if run.is_void:
        return
    try:
        run.resolved = variables.resolve(run.action.configuration, job.execution)
        run.inputs = tuple(artifacts.fetch(job, name) for name in run.action.inputs)
    except variables.VariableError as error:
        job.fail("ConfigurationError", str(error))
    except ApiError as error:
        job.fail("ConfigurationError", artifacts.unusable(job, error))
    else:
        _hand_over(job)


def _hand_over(job: Job) -> None:
    try:
        quotas.check_inputs(job)
    except ApiError as error:
        return job.fail(error.code, error.message)
    kind = job.run.action.type
    if kind.category == RULE:
        return rule.start(RULES[kind], job)
    return Catalogue(job.world, job.pipeline.account, job.pipeline.region).running(kind).start(job)


def end(world: World, pipeline: Pipeline, execution: Execution, run: ActionRun, outcome: Outcome) -> None:
    """End an attempt as its provider says; the first end counts, and none after it was abandoned."""
    if not run.is_open:
        return
    end_run(world, pipeline, execution, run, Status.FAILED if outcome.failure else Status.SUCCEEDED, outcome)
    if outcome.failure is None and run.action.type.category != RULE:
        execution.artifacts.update({artifact.name: artifact for artifact in outcome.artifacts})
        # Workers of other actions may name the revision that they worked on, too: it is no source revision.
        # A rollback keeps its target's even when its source stage runs and reads others, as seen on AWS.
        is_read = run.action.type.category == "Source" and not execution.is_rollback
        if outcome.revision is not None and is_read:
            execution.revisions[run.action.name] = outcome.revision
        if run.action.namespace:
            execution.outputs[run.action.namespace] = outcome.variables
    settle(world, pipeline, execution, execution.stages[run.action.stage])
