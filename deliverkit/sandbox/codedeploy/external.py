"""DeleteResourcesByExternalId: CloudFormation's own cleaning up after the stacks of blue/green deployments."""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.kernel.operations import Context, Params, Service


def register(service: Service) -> None:
    """Add the operation."""
    service.operation("DeleteResourcesByExternalId")(delete_resources_by_external_id)


def delete_resources_by_external_id(_params: Params, _context: Context) -> dict[str, Any]:
    """DeleteResourcesByExternalId, which declares no errors.

    Only CloudFormation gives resources external ids, and the sandbox's makes no CodeDeploy deployments: nothing is
    linked to any id.
    """
    return {}
