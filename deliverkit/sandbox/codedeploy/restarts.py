"""Deployments that restart what the instances run already (API reference, CreateDeployment, deploymentMode).

The agent is told whose copy of the revision to take, and downloads it again only where that copy is not complete
(release notes of the host agent, 2.1.0): every lifecycle event runs as in any other deployment.
"""

from __future__ import annotations

from deliverkit.sandbox.codedeploy.state import Application, Deployment, Group
from deliverkit.sandbox.codedeploy.validation import one_of
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Params

STANDARD, RESTART = "STANDARD", "RESTART"


def restarted(params: Params, application: Application, group: Group) -> Deployment | None:
    """The deployment whose revision is to be restarted; None when the request is for a revision of its own.

    What is refused is documented, the exceptions are not: of those that the operation declares, the ones that fit.

    Raises:
        ApiError: `InvalidInput-`, `InvalidComputePlatform-`, `InvalidRevision-`,
            `InvalidUpdateOutdatedInstancesOnlyValue-` or `RevisionDoesNotExistException`.
    """
    mode = params.get("deploymentMode")
    one_of(mode, (STANDARD, RESTART), "InvalidInputException", "The deployment mode")
    if mode != RESTART:
        return None
    if application.compute_platform != "Server":
        raise ApiError("InvalidComputePlatformException", f"{RESTART} is not for {application.compute_platform}.")
    if (group.settings.get("deploymentStyle") or {}).get("deploymentType") == "BLUE_GREEN":
        raise ApiError("InvalidInputException", f"{RESTART} is for in-place deployments only.")
    if "revision" in params:
        raise ApiError("InvalidRevisionException", f"{RESTART} takes the revision of the last successful deployment.")
    if params.get("updateOutdatedInstancesOnly"):
        code = "InvalidUpdateOutdatedInstancesOnlyValueException"
        raise ApiError(code, f"updateOutdatedInstancesOnly must not be true for {RESTART}.")
    if group.last_successful is None:
        raise ApiError("RevisionDoesNotExistException", f"No deployment to {group.name} was successful yet.")
    return group.last_successful
