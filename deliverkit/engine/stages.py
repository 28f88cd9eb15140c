"""Where environments lie in a pipeline, read from its definition."""

from __future__ import annotations

from collections.abc import Sequence

from deliverkit.domain.environment import Environment
from deliverkit.domain.pipeline import ActionDeclaration, StageDeclaration
from deliverkit.domain.plan import StageMap
from deliverkit.errors import UsageError


def source_action(pipeline: str, stages: Sequence[StageDeclaration]) -> ActionDeclaration:
    """The S3 source action whose revision is overridden.

    Raises:
        UsageError: If the pipeline has none, or more than one.
    """
    found = [action for action in stages[0].actions if (action.category, action.provider) == ("Source", "S3")]
    if len(found) != 1:
        raise UsageError(
            f"pipeline {pipeline} has {len(found)} S3 source actions in its first stage; deliverkit needs exactly one",
            hint="pipelines/delivery.yml shows a pipeline that deliverkit can drive",
        )
    return found[0]


def stage_of(environment: Environment, stages: Sequence[StageDeclaration]) -> StageMap | None:
    """The stage that deploys to the environment's group; None when the pipeline has none.

    An approval in front of the deploy actions, in the same stage or in a stage between this and the previous deploying
    one, is the entry; an approval behind them in the same stage is the judge.
    """
    for position, stage in enumerate(stages):
        deploys = _deploy_actions(environment, stage)
        if deploys:
            return _map(environment, stages, position, deploys)
    return None


def _deploy_actions(environment: Environment, stage: StageDeclaration) -> list[ActionDeclaration]:
    if environment.stage and stage.name != environment.stage:
        return []
    return [action for action in stage.actions if _deploys_to(action, environment)]


def _deploys_to(action: ActionDeclaration, environment: Environment) -> bool:
    wanted = (environment.application, environment.group)
    configured = (action.configuration.get("ApplicationName"), action.configuration.get("DeploymentGroupName"))
    return action.provider == "CodeDeploy" and configured == wanted


def _map(
    environment: Environment,
    stages: Sequence[StageDeclaration],
    position: int,
    deploys: Sequence[ActionDeclaration],
) -> StageMap:
    stage = stages[position]
    first, last = min(a.run_order for a in deploys), max(a.run_order for a in deploys)
    entry = _approval_before(stages, position, first)
    judges = [action for action in stage.actions if _is_approval(action) and action.run_order > last]
    return StageMap(
        stage=stage.name,
        deploy_actions=_in_order_of_regions(environment, stage, deploys),
        entry_stage=entry[0] if entry else "",
        entry_action=entry[1] if entry else "",
        judge_action=judges[0].name if judges else "",
    )


def _in_order_of_regions(
    environment: Environment, stage: StageDeclaration, deploys: Sequence[ActionDeclaration]
) -> tuple[str, ...]:
    regions = [region for wave in environment.waves for region in wave]
    by_region = {action.region: action.name for action in deploys}
    if len(deploys) == 1 and len(regions) == 1:
        return (deploys[0].name,)
    if set(by_region) != set(regions):
        raise UsageError(
            f"stage {stage.name} deploys {environment.name} in {', '.join(sorted(by_region))}, "
            f"the configuration says {', '.join(regions)}",
            hint="make `regions` of the environment and the regions of the stage's CodeDeploy actions the same",
        )
    return tuple(by_region[region] for region in regions)


def _approval_before(stages: Sequence[StageDeclaration], position: int, run_order: int) -> tuple[str, str] | None:
    for action in stages[position].actions:
        if _is_approval(action) and action.run_order < run_order:
            return stages[position].name, action.name
    for stage in reversed(stages[:position]):
        if any(action.category == "Deploy" for action in stage.actions):
            return None
        approvals = [action for action in stage.actions if _is_approval(action)]
        if approvals:
            return stage.name, approvals[-1].name
    return None


def _is_approval(action: ActionDeclaration) -> bool:
    return (action.category, action.provider) == ("Approval", "Manual")
