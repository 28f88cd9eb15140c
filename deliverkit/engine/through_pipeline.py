"""Carrying a leg through a pipeline: start the execution, answer the approvals in front of and behind each deployment.

The approval behind a deployment (the judge) is what keeps the pipeline truthful: it is approved only after the gates
passed and the instances were asked, so a bad release ends as a failed stage there too.
"""

from __future__ import annotations

from deliverkit.domain.carriage import Carriage, CarriageStatus, Handle
from deliverkit.domain.pipeline import ActionReport, ExecutionReport
from deliverkit.domain.plan import Drive, Leftover, Leg, StageMap
from deliverkit.domain.rollout import Rollout
from deliverkit.engine.direct import Deployers, DirectCarrier, describe
from deliverkit.errors import ConflictError, NotFoundError
from deliverkit.ports import PipelineService

EXECUTION = "execution"
_DEAD = {
    "Stopped": CarriageStatus.STOPPED,
    "Superseded": CarriageStatus.SUPERSEDED,
    "Cancelled": CarriageStatus.STOPPED,
}
_LIVE = frozenset({"InProgress", "Stopping"})


class PipelineCarrier:
    """Drives CodePipeline. The execution's id is the handle; rollbacks that need no pipeline go directly."""

    def __init__(self, pipelines: PipelineService, deployers: Deployers, drive: Drive) -> None:
        """Take the services and the pipeline to drive."""
        self._pipelines = pipelines
        self._deployers = deployers
        self._drive = drive
        self._direct = DirectCarrier(deployers)

    def begin(self, rollout: Rollout, index: int) -> Handle:
        """Start the execution for the first leg; later legs go on with it."""
        running = self._running_execution(rollout, index)
        if running:
            return {EXECUTION: running}
        release = rollout.plan.release
        execution = self._pipelines.start(
            self._drive.pipeline,
            source_action=self._drive.source_action,
            revision=release.bundle,
            token=f"{rollout.id}-{release.short_digest}-{int(rollout.opened_at.timestamp())}",
        )
        return {EXECUTION: execution}

    def locate(self, rollout: Rollout, index: int) -> Handle | None:
        """The execution that an earlier process started."""
        running = self._running_execution(rollout, index)
        bundle = rollout.plan.release.bundle
        found = running or self._pipelines.find(self._drive.pipeline, revision=bundle, since=rollout.opened_at)
        return {EXECUTION: found} if found else None

    def discard(self, leftover: Leftover, reason: str) -> None:
        """Stop the execution: it would hold its stage until its approval times out, and everything behind it too."""
        self._pipelines.stop(self._drive.pipeline, leftover.execution, reason=reason)

    def look(self, leg: Leg, handle: Handle) -> Carriage:
        """Where the stage stands."""
        if EXECUTION not in handle:
            return self._direct.look(leg, handle)
        return self._carriage(leg, self._pipelines.observe(self._drive.pipeline, handle[EXECUTION]))

    def follow(self, leg: Leg, handle: Handle, reason: str) -> Carriage:
        """Where the stage stands, after approving, with that reason, the entry of a leg that was admitted."""
        if EXECUTION not in handle:
            return self._direct.look(leg, handle)
        report = self._pipelines.observe(self._drive.pipeline, handle[EXECUTION])
        self._answer(_entry(leg, report), is_approved=True, reason=reason)
        return self._carriage(leg, report)

    def accept(self, leg: Leg, handle: Handle, reason: str) -> Carriage:
        """Approve the judge's action."""
        if EXECUTION not in handle:
            return self._direct.look(leg, handle)
        report = self._pipelines.observe(self._drive.pipeline, handle[EXECUTION])
        self._answer(_judge(leg, report), is_approved=True, reason=reason)
        return self._carriage(leg, report)

    def stop(self, leg: Leg, handle: Handle, reason: str) -> Carriage:
        """Reject what waits for approval, stop the deployments that run, stop an execution that merely waits."""
        report = self._pipelines.observe(self._drive.pipeline, handle[EXECUTION])
        waiting = [action for action in (_entry(leg, report), _judge(leg, report)) if action and action.token]
        moving = self._moving_deployments(leg, report)
        for action in waiting:
            self._answer(action, is_approved=False, reason=reason)
        for region, deployment in moving:
            self._deployers(region).stop(deployment)
        if report.status in _LIVE and not waiting and not moving and not _runs(leg, report):
            self._pipelines.stop(self._drive.pipeline, report.execution_id, reason=reason)
        return self._carriage(leg, report)

    def revert(self, rollout: Rollout, index: int, attempt: int) -> Handle:
        """Take CodeDeploy's own rollback, else CodePipeline's, else begin one directly."""
        leg = rollout.plan.legs[index]
        if attempt > 1 or leg.stage is None:
            return self._direct.revert(rollout, index, attempt)
        own = self._own_rollback(rollout, index)
        return own or self._stage_rollback(rollout, leg) or self._direct.revert(rollout, index, attempt=2)

    def _own_rollback(self, rollout: Rollout, index: int) -> Handle | None:
        leg, handle = rollout.plan.legs[index], rollout.begun.get(index, {})
        if EXECUTION not in handle:
            return None
        report = self._pipelines.observe(self._drive.pipeline, handle[EXECUTION])
        found = {
            region: self._deployers(region).rollback_of(action.external_id)
            for region, action in _deploy_actions(leg, report)
            if action.external_id
        }
        complete = {region: deployment for region, deployment in found.items() if deployment}
        return complete if complete and len(complete) == len(leg.regions) else None

    def _stage_rollback(self, rollout: Rollout, leg: Leg) -> Handle | None:
        if not leg.previous_execution or leg.stage is None:
            return None
        pipeline, target = self._drive.pipeline, leg.previous_execution
        found = self._pipelines.find_rollback(pipeline, target_execution=target, since=rollout.opened_at)
        try:
            return {EXECUTION: found or self._pipelines.roll_back(pipeline, leg.stage.stage, target_execution=target)}
        except (ConflictError, NotFoundError):
            # The pipeline's definition changed since, or the stage is busy: the last good release goes out directly.
            return None

    def _running_execution(self, rollout: Rollout, index: int) -> str:
        before = rollout.begun.get(index - 1, {}).get(EXECUTION, "")
        return before or rollout.begun.get(index, {}).get(EXECUTION, "") or self._drive.execution

    def _moving_deployments(self, leg: Leg, report: ExecutionReport) -> list[tuple[str, str]]:
        actions = _deploy_actions(leg, report)
        return [(r, a.external_id) for r, a in actions if a.status == "InProgress" and a.external_id]

    def _answer(self, action: ActionReport | None, *, is_approved: bool, reason: str) -> None:
        if action and action.token:
            self._pipelines.answer(self._drive.pipeline, action, is_approved=is_approved, reason=reason)

    def _carriage(self, leg: Leg, report: ExecutionReport) -> Carriage:
        deployments = tuple(
            self._deployers(region).observe(action.external_id)
            for region, action in _deploy_actions(leg, report)
            if action.external_id
        )
        status, reason = read_stage(_stage(leg), report)
        told = describe(deployments)
        return Carriage(status, f"{reason}: {told}" if told else reason, deployments)


def read_stage(stage: StageMap, report: ExecutionReport) -> tuple[CarriageStatus, str]:
    """Where an execution stands as seen from one stage, with a line that says why."""
    actions = {(action.stage, action.action): action for action in report.actions}
    deploys = [actions.get((stage.stage, name)) for name in stage.deploy_actions]
    judge = actions.get((stage.stage, stage.judge_action))
    entry = actions.get((stage.entry_stage, stage.entry_action))
    broken = next((a for a in (entry, *deploys, judge) if a and a.status in {"Failed", "Abandoned"}), None)
    if broken:
        return (
            CarriageStatus.FAILED,
            f"{broken.stage}/{broken.action} {broken.status}: {broken.summary or 'no reason given'}",
        )
    if all(action and action.status == "Succeeded" for action in deploys):
        is_judged = not stage.judge_action or (judge is not None and judge.status == "Succeeded")
        status = CarriageStatus.COMPLETED if is_judged else CarriageStatus.DEPLOYED
        return status, f"stage {stage.stage} deployed"
    return _not_deployed(stage, report, is_admitted=any(deploys) or (entry is not None and entry.status == "Succeeded"))


def _not_deployed(stage: StageMap, report: ExecutionReport, *, is_admitted: bool) -> tuple[CarriageStatus, str]:
    if report.status in _DEAD:
        return _DEAD[
            report.status
        ], f"execution {report.execution_id} is {report.status}: {report.summary or 'no summary'}"
    if report.status in {"Failed", "Succeeded"}:
        ended = f"execution {report.execution_id} {report.status} without deploying in {stage.stage}"
        return CarriageStatus.FAILED, f"{ended}: {_first_failure(report) or report.summary}"
    if is_admitted:
        return CarriageStatus.MOVING, f"stage {stage.stage} is under way"
    waits = f"waits for {report.waiting_for}" if report.waiting_for else f"is on its way to {stage.stage}"
    return CarriageStatus.WAITING, f"execution {report.execution_id} {waits}"


def _first_failure(report: ExecutionReport) -> str:
    failed = next((action for action in report.actions if action.status == "Failed"), None)
    return f"{failed.stage}/{failed.action} failed: {failed.summary}" if failed else ""


def _stage(leg: Leg) -> StageMap:
    assert leg.stage is not None
    return leg.stage


def _find(report: ExecutionReport, stage: str, action: str) -> ActionReport | None:
    return next((seen for seen in report.actions if (seen.stage, seen.action) == (stage, action)), None)


def _entry(leg: Leg, report: ExecutionReport) -> ActionReport | None:
    return _find(report, _stage(leg).entry_stage, _stage(leg).entry_action)


def _judge(leg: Leg, report: ExecutionReport) -> ActionReport | None:
    return _find(report, _stage(leg).stage, _stage(leg).judge_action)


def _deploy_actions(leg: Leg, report: ExecutionReport) -> list[tuple[str, ActionReport]]:
    named = zip(leg.regions, _stage(leg).deploy_actions, strict=True)
    found = [(region, _find(report, _stage(leg).stage, name)) for region, name in named]
    return [(region, action) for region, action in found if action]


def _runs(leg: Leg, report: ExecutionReport) -> bool:
    return any(action.status == "InProgress" for _, action in _deploy_actions(leg, report))
