"""The operations, one module per family; adding a family is adding a module and a line here."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.codepipeline.operations import (
    action_history,
    action_types,
    approvals,
    deploy_targets,
    executions,
    jobs,
    pipelines,
    revisions,
    rules,
    stage_state,
    stages,
    tags,
    third_party_jobs,
    webhooks,
)
from deliverkit.sandbox.kernel.operations import Operation

OPERATIONS: Mapping[str, Operation] = {
    **pipelines.OPERATIONS,
    **executions.OPERATIONS,
    **stage_state.OPERATIONS,
    **action_history.OPERATIONS,
    **stages.OPERATIONS,
    **approvals.OPERATIONS,
    **rules.OPERATIONS,
    **revisions.OPERATIONS,
    **deploy_targets.OPERATIONS,
    **tags.OPERATIONS,
    **action_types.OPERATIONS,
    **jobs.OPERATIONS,
    **third_party_jobs.OPERATIONS,
    **webhooks.OPERATIONS,
}
