"""Refusals in CodeDeploy's own words: it raises an exception for each thing, never a ValidationException."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from deliverkit.sandbox.codedeploy.state import Application, Config, Deployment, Group, Store
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params

DEPLOYMENT_ID = re.compile(r"d-[A-Z0-9]{9}")
NAME_LIMIT = 100
DESCRIPTION_LIMIT = 256
BATCH_LIMITS = {"applicationNames": 100, "deploymentIds": 25, "targetIds": 25, "revisions": 25, "instanceIds": 25}
"""Largest batches (CodeDeploy API reference); groups have no limit of their own there, so the 100 of applications."""


def refusal(code: str, message: str) -> ApiError:
    """The error `<code>Exception`."""
    return ApiError(f"{code}Exception", message)


def store_of(context: Context) -> Store:
    """The store of the caller's account and region."""
    return context.world.store(Store, context.account, context.region)


def application_name(params: Params) -> str:
    """The required name of an application."""
    return _name(params, "applicationName", "Application", "ApplicationName")


def group_name(params: Params) -> str:
    """The required name of a deployment group."""
    return _name(params, "deploymentGroupName", "DeploymentGroup", "DeploymentGroupName")


def config_name(params: Params) -> str:
    """The required name of a deployment configuration."""
    return _name(params, "deploymentConfigName", "DeploymentConfig", "DeploymentConfigName")


def application(params: Params, context: Context) -> Application:
    """The application that the request names."""
    return named_application(application_name(params), context)


def named_application(name: str, context: Context) -> Application:
    """The application of that name."""
    found = store_of(context).applications.get(name)
    if found is None:
        raise refusal("ApplicationDoesNotExist", f"No application found for name: {name}")
    return found


def group(params: Params, context: Context) -> Group:
    """The deployment group that the request names."""
    owner, name = application(params, context), group_name(params)
    found = owner.groups.get(name)
    if found is None:
        raise refusal("DeploymentGroupDoesNotExist", f"No Deployment Group found for name: {name}")
    return found


def deployment_id(params: Params) -> str:
    """The required id of a deployment."""
    wanted = params.get("deploymentId", "")
    if not wanted:
        raise refusal("DeploymentIdRequired", "Deployment ID must be specified.")
    if not DEPLOYMENT_ID.fullmatch(wanted):
        raise refusal("InvalidDeploymentId", f"The deployment ID {wanted} is not in the correct format.")
    return str(wanted)


def deployment(params: Params, context: Context) -> Deployment:
    """The deployment that the request names."""
    wanted = deployment_id(params)
    found = store_of(context).deployments.get(wanted)
    if found is None:
        raise refusal("DeploymentDoesNotExist", f"The deployment {wanted} could not be found")
    return found


def batch(params: Params, member: str, *, missing: str) -> Sequence[str]:
    """A required list of names or ids, not longer than its limit."""
    wanted: Sequence[str] = params.get(member, [])
    if not wanted:
        raise refusal(missing, f"{member} must be specified.")
    limit = BATCH_LIMITS.get(member, 100)
    if len(wanted) > limit:
        raise refusal("BatchLimitExceeded", f"The maximum number of {member} in one request is {limit}.")
    return wanted


def description(params: Params) -> str:
    """The description, not longer than its limit."""
    text = str(params.get("description", ""))
    if len(text) > DESCRIPTION_LIMIT:
        raise refusal("DescriptionTooLong", f"The description may have {DESCRIPTION_LIMIT} characters.")
    return text


def s3_revision(params: Params) -> dict[str, Any]:
    """The required revision, which lies in S3: the only kind that this sandbox's agents fetch."""
    revision = params.get("revision")
    if not revision:
        raise refusal("RevisionRequired", "The revision must be specified.")
    place = revision.get("s3Location", {})
    is_complete = all(place.get(name) for name in ("bucket", "key"))
    if revision.get("revisionType") != "S3" or not is_complete:
        raise refusal("InvalidRevision", "The revision must be of type S3, with bucket and key.")
    if place.get("bundleType") not in {"zip", "tar", "tgz"}:
        raise refusal("InvalidRevision", "The bundle type must be zip, tar or tgz.")
    return dict(revision)


def known_config(name: str, context: Context, predefined: dict[str, Config]) -> Config:
    """A deployment configuration by name, predefined or custom."""
    found = predefined.get(name) or store_of(context).configs.get(name)
    if found is None:
        raise refusal("DeploymentConfigDoesNotExist", f"No Deployment Configuration found for name: {name}")
    return found


def _name(params: Params, member: str, kind: str, required: str) -> str:
    name = params.get(member, "")
    if not name:
        raise refusal(f"{required}Required", f"{member} must be specified.")
    if len(name) > NAME_LIMIT:
        raise refusal(f"Invalid{required}", f"{kind} name {name[:20]}... is longer than {NAME_LIMIT} characters.")
    return str(name)
