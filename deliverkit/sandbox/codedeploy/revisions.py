"""Application revisions (CodeDeploy user guide, application-revisions)."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from deliverkit.sandbox.codedeploy.serverless import revision as inline
from deliverkit.sandbox.codedeploy.state import Application, Json, Revision
from deliverkit.sandbox.codedeploy.validation import check_batch, check_description, find_application, one_of, page
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Params, Service

_BUNDLE_TYPES = frozenset({"tar", "tgz", "zip"})
"""The others, and AppSpecContent, are for Lambda and ECS (CodeDeploy user guide, application-revisions)."""
_SORT_BY = {"registerTime": "registered_at", "firstUsedTime": "first_used_at", "lastUsedTime": "last_used_at"}
_REPOSITORY = re.compile(r"[^/\s]+/[^/\s]+")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{0,254}")
LONGEST_KEY = 1024
_NEVER = datetime.min.replace(tzinfo=UTC)


def checked_location(location: Json | None, platform: str) -> Json:
    """A revision location that is complete, and of a kind that the platform takes.

    Raises:
        ApiError: `RevisionRequiredException`, `InvalidRevisionException`.
    """
    if not location:
        raise ApiError("RevisionRequiredException", "The revision is required but was not specified.")
    if platform != "Server":
        return inline.checked(location, platform)
    kind = location.get("revisionType")
    s3, github = location.get("s3Location"), location.get("gitHubLocation")
    if kind == "S3" and s3 and s3.get("bucket") and s3.get("key") and s3.get("bundleType") in _BUNDLE_TYPES:
        return location
    if kind == "GitHub" and github and _REPOSITORY.fullmatch(github.get("repository", "")) and github.get("commitId"):
        return location
    raise ApiError("InvalidRevisionException", f"The revision of type {kind} is incomplete or not valid.")


def identity(location: Json) -> tuple[str, ...]:
    """What makes two locations the same revision: bucket, key, eTag, version; repository and commit for GitHub."""
    s3, github = location.get("s3Location") or {}, location.get("gitHubLocation") or {}
    of_content = inline.identity(location)
    if of_content is not None:
        return of_content
    if s3:
        e_tag = str(s3.get("eTag") or "").strip('"')
        return ("S3", s3["bucket"], s3["key"], e_tag, s3.get("version") or "")
    return ("GitHub", github["repository"], github["commitId"])


def use_revision(application: Application, location: Json, deployment_id: str, now: datetime) -> None:
    """Note that a deployment uses the revision; registers it when it is new."""
    description = f"Application revision registered by Deployment ID: {deployment_id}"
    revision = application.revisions.setdefault(identity(location), Revision(location, now, description))
    revision.first_used_at = revision.first_used_at or now
    revision.last_used_at = now


def register(service: Service) -> None:
    """Add the operations."""
    service.operation("RegisterApplicationRevision")(register_application_revision)
    service.operation("GetApplicationRevision")(get_application_revision)
    service.operation("BatchGetApplicationRevisions")(batch_get_application_revisions)
    service.operation("ListApplicationRevisions")(list_application_revisions)


def register_application_revision(params: Params, context: Context) -> None:
    """RegisterApplicationRevision; the same one again only changes its description."""
    application = find_application(params, context)
    check_description(params)
    location = checked_location(params.get("revision"), application.compute_platform)
    known = application.revisions.get(identity(location))
    if known is None:
        application.revisions[identity(location)] = Revision(location, context.now, params.get("description"))
    elif "description" in params:
        known.description = params["description"]


def get_application_revision(params: Params, context: Context) -> dict[str, Any]:
    """GetApplicationRevision."""
    application = find_application(params, context)
    asked = checked_location(params.get("revision"), application.compute_platform)
    revision = application.revisions.get(identity(asked))
    if revision is None:
        raise ApiError("RevisionDoesNotExistException", "The named revision is not registered with the application.")
    return {
        "applicationName": application.name,
        "revision": revision.location,
        "revisionInfo": _info(application, revision),
    }


def _info(application: Application, revision: Revision) -> dict[str, Any]:
    return {
        "description": revision.description,
        "deploymentGroups": _groups_on(application, revision),
        "firstUsedTime": revision.first_used_at,
        "lastUsedTime": revision.last_used_at,
        "registerTime": revision.registered_at,
    }


def _groups_on(application: Application, revision: Revision) -> list[str]:
    wanted = identity(revision.location)
    groups = application.groups.values()
    return [group.name for group in groups if group.target_revision and identity(group.target_revision) == wanted]


def batch_get_application_revisions(params: Params, context: Context) -> dict[str, Any]:
    """BatchGetApplicationRevisions."""
    application = find_application(params, context)
    locations = params.get("revisions")
    if not locations:
        raise ApiError("RevisionRequiredException", "The revisions are required but were not specified.")
    check_batch(locations, 25)
    platform = application.compute_platform
    found = [application.revisions.get(identity(checked_location(location, platform))) for location in locations]
    return {
        "applicationName": application.name,
        "errorMessage": "" if all(found) else "Some revisions are not registered with the application.",
        "revisions": [
            {"revisionLocation": revision.location, "genericRevisionInfo": _info(application, revision)}
            for revision in found
            if revision
        ],
    }


def list_application_revisions(params: Params, context: Context) -> dict[str, Any]:
    """ListApplicationRevisions."""
    application = find_application(params, context)
    one_of(params.get("sortBy"), frozenset(_SORT_BY), "InvalidSortByException", "sortBy")
    one_of(params.get("sortOrder"), ("ascending", "descending"), "InvalidSortOrderException", "sortOrder")
    one_of(params.get("deployed"), ("include", "exclude", "ignore"), "InvalidDeployedStateFilterException", "deployed")
    _check_place(params)
    revisions = [revision for revision in application.revisions.values() if _matches(application, revision, params)]
    attribute = _SORT_BY.get(params.get("sortBy", ""), "registered_at")
    revisions.sort(
        key=lambda revision: getattr(revision, attribute) or _NEVER, reverse=params.get("sortOrder") == "descending"
    )
    return page([revision.location for revision in revisions], params, "revisions")


def _check_place(params: Params) -> None:
    bucket, prefix = params.get("s3Bucket"), params.get("s3KeyPrefix")
    if prefix and not bucket:
        raise ApiError("BucketNameFilterRequiredException", "s3KeyPrefix needs s3Bucket.")
    if bucket and not _BUCKET.fullmatch(bucket):
        raise ApiError("InvalidBucketNameFilterException", f"{bucket!r} is not the name of a bucket.")
    if len((prefix or "").encode()) > LONGEST_KEY:
        raise ApiError("InvalidKeyPrefixFilterException", f"An S3 key has {LONGEST_KEY} bytes at most.")


def _matches(application: Application, revision: Revision, params: Params) -> bool:
    deployed = params.get("deployed", "ignore")
    if deployed != "ignore" and bool(_groups_on(application, revision)) != (deployed == "include"):
        return False
    location = revision.location.get("s3Location") or {}
    if params.get("s3Bucket") and location.get("bucket") != params["s3Bucket"]:
        return False
    return str(location.get("key", "")).startswith(params.get("s3KeyPrefix") or "")
