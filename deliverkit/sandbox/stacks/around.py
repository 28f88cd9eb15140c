"""What templates of pipelines declare around them, and moto's CloudFormation leaves out.

CodeBuild projects, CodeCommit repositories and bucket policies are made in moto's own services; a connection is nothing
but its ARN, for the repositories behind it lie on this machine (docs/explanation/sandbox.md).
"""

from __future__ import annotations

from typing import Any

from deliverkit.sandbox.kernel import chance
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.stacks.kind import Attributes, Kind, Made, Place, Properties, without
from deliverkit.sandbox.stacks.shaping import shaped

_NOT_OF_PROJECTS = ("ResourceAccessRole", "Triggers", "Visibility")
"""Properties of a project that CreateProject has no members for; nothing here heeds them."""


# --- CodeBuild -------------------------------------------------------------------------------------


def _make_project(place: Place, name: str, properties: Properties) -> Made:
    role = str(properties.get("ServiceRole", ""))
    # Many templates give `Ref` of a role, which is its name.
    role = role if role.startswith("arn:") else f"arn:aws:iam::{place.account}:role/{role}"
    declared = {**without(properties, *_NOT_OF_PROJECTS), "Name": name, "ServiceRole": role}
    answer = place.ask("codebuild", "CreateProject", place.shape("codebuild", "CreateProject", declared))
    return Made(name, {"Arn": answer["project"]["arn"]})


def _change_project(place: Place, name: str, old: Properties, new: Properties) -> Attributes:
    """UpdateProject is unknown to moto."""
    _remove_project(place, name, old)
    return _make_project(place, name, new).attributes


def _remove_project(place: Place, name: str, _properties: Properties) -> None:
    place.ask("codebuild", "DeleteProject", {"name": name})


# --- CodeCommit ------------------------------------------------------------------------------------


def _make_repository(place: Place, _name: str, properties: Properties) -> Made:
    if "Code" in properties:
        raise ApiError("ValidationException", "The sandbox does not fill a repository from its property Code")
    params = {"repositoryName": properties["RepositoryName"]}
    if "RepositoryDescription" in properties:
        params["repositoryDescription"] = properties["RepositoryDescription"]
    found = place.ask("codecommit", "CreateRepository", params)["repositoryMetadata"]
    attributes = {"Arn": "Arn", "CloneUrlHttp": "cloneUrlHttp", "CloneUrlSsh": "cloneUrlSsh", "Name": "repositoryName"}
    return Made(found["repositoryId"], {name: found[member] for name, member in attributes.items()})


def _remove_repository(place: Place, _identity: str, properties: Properties) -> None:
    place.ask("codecommit", "DeleteRepository", {"repositoryName": properties["RepositoryName"]})


# --- S3 --------------------------------------------------------------------------------------------


def _make_policy(place: Place, _name: str, properties: Properties) -> Made:
    bucket = str(properties["Bucket"])
    policy = shaped(_TEXT, properties["PolicyDocument"])
    place.ask("s3", "PutBucketPolicy", {"Bucket": bucket, "Policy": policy})
    return Made(bucket, {})


def _change_policy(place: Place, bucket: str, _old: Properties, new: Properties) -> Attributes:
    return _make_policy(place, bucket, new).attributes


def _remove_policy(place: Place, bucket: str, _properties: Properties) -> None:
    place.ask("s3", "DeleteBucketPolicy", {"Bucket": bucket})


class _Text:
    """The shape of a text."""

    type_name = "string"


_TEXT = _Text()


# --- connections -----------------------------------------------------------------------------------


def _connection(kind: str, service: str) -> Kind:
    def make(place: Place, _name: str, _properties: Properties) -> Made:
        arn = place.arn(service, f"connection/{chance.uuid4()}")
        # In AWS somebody has to complete it on the provider's page; here there is no such page.
        return Made(arn, {"ConnectionArn": arn, "ConnectionStatus": "AVAILABLE"})

    names = frozenset({"ConnectionName", "HostArn", "ProviderType"})
    attributes = ("ConnectionArn", "ConnectionStatus")
    return Kind(kind, service, "", names, attributes, make, _only_tags, _nothing)


def _only_tags(*_: Any) -> Attributes:
    return {}


def _nothing(*_: Any) -> None:
    return None


PROJECT = Kind(
    "AWS::CodeBuild::Project",
    "codebuild",
    "Name",
    frozenset({"Name"}),
    ("Arn",),
    _make_project,
    _change_project,
    _remove_project,
)
REPOSITORY = Kind(
    "AWS::CodeCommit::Repository",
    "codecommit",
    "RepositoryName",
    frozenset({"RepositoryName"}),
    ("Arn", "CloneUrlHttp", "CloneUrlSsh", "Name"),
    _make_repository,
    _only_tags,
    _remove_repository,
)
BUCKET_POLICY = Kind(
    "AWS::S3::BucketPolicy", "s3", "", frozenset({"Bucket"}), (), _make_policy, _change_policy, _remove_policy
)
CONNECTION = _connection("AWS::CodeConnections::Connection", "codeconnections")
OLD_CONNECTION = _connection("AWS::CodeStarConnections::Connection", "codestar-connections")
