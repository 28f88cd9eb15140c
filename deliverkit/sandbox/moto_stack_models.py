"""Resources of stacks that are made in the sandbox's own services, as moto's CloudFormation wants them.

moto finds a type by the direct subclasses of its model. It keeps the instances with its stacks, so they hold nothing
but texts and mappings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from moto.cloudformation.exceptions import UnformattedGetAttTemplateException
from moto.core.common_models import CloudFormationModel

from deliverkit.sandbox.moto_stacks import serving_world
from deliverkit.sandbox.stacks import KINDS
from deliverkit.sandbox.stacks.kind import Kind, Made, Place


class _Resource:
    """One resource of a stack.

    Attributes:
        kind: Its type, by which classes differ.
    """

    kind: ClassVar[Kind]

    def __init__(self, account: str, region: str, made: Made, properties: Mapping[str, Any]) -> None:
        self._account, self._region = account, region
        self._made = made
        self._properties = dict(properties)

    # --- what moto asks of a type -----------------------------------------------------------------

    @classmethod
    def cloudformation_type(cls) -> str:
        """As templates write it."""
        return cls.kind.type

    @classmethod
    def cloudformation_name_type(cls) -> str:
        """The property that names a resource."""
        return cls.kind.name_property

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        """True for a name that `Fn::GetAtt` knows."""
        return attr in cls.kind.attributes

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Mapping[str, Any], account_id: str, region_name: str, **_: Any
    ) -> Self:
        """Make one."""
        properties = cloudformation_json["Properties"]
        made = cls.kind.make(_place(account_id, region_name), resource_name, properties)
        return cls(account_id, region_name, made, properties)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: Self,
        new_resource_name: str,
        cloudformation_json: Mapping[str, Any],
        account_id: str,
        region_name: str,
    ) -> Self:
        """Change one in place, or make a new one and remove it."""
        place, properties = _place(account_id, region_name), cloudformation_json["Properties"]
        old, identity = original_resource._properties, original_resource.physical_resource_id
        if cls.kind.must_replace(old, properties):
            replacement = cls.create_from_cloudformation_json(
                new_resource_name, cloudformation_json, account_id, region_name
            )
            original_resource.delete(account_id, region_name)
            return replacement
        attributes = original_resource._made.attributes
        if properties != old:
            attributes = {**attributes, **cls.kind.change(place, identity, old, properties)}
        return cls(account_id, region_name, Made(identity, attributes), properties)

    # --- what moto asks of a resource -------------------------------------------------------------

    @property
    def physical_resource_id(self) -> str:
        """What `Ref` gives."""
        return self._made.id

    def is_created(self) -> bool:
        """True: these services make everything at once."""
        return True

    def get_cfn_attribute(self, attribute_name: str) -> Any:
        """What `Fn::GetAtt` gives."""
        if attribute_name not in self.kind.attributes:
            raise UnformattedGetAttTemplateException
        return self._made.attributes[attribute_name]

    def delete(self, _account_id: str, _region_name: str) -> None:
        """Remove it."""
        self.kind.remove(_place(self._account, self._region), self.physical_resource_id, self._properties)


def _place(account: str, region: str) -> Place:
    return Place(serving_world(), account, region)


class StackApplication(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::CodeDeploy::Application."""

    kind = KINDS["AWS::CodeDeploy::Application"]


class StackDeploymentGroup(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::CodeDeploy::DeploymentGroup."""

    kind = KINDS["AWS::CodeDeploy::DeploymentGroup"]


class StackDeploymentConfig(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::CodeDeploy::DeploymentConfig."""

    kind = KINDS["AWS::CodeDeploy::DeploymentConfig"]


class StackPipeline(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::CodePipeline::Pipeline."""

    kind = KINDS["AWS::CodePipeline::Pipeline"]


class StackCustomActionType(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::CodePipeline::CustomActionType."""

    kind = KINDS["AWS::CodePipeline::CustomActionType"]


class StackWebhook(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::CodePipeline::Webhook."""

    kind = KINDS["AWS::CodePipeline::Webhook"]


class StackBuildProject(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::CodeBuild::Project."""

    kind = KINDS["AWS::CodeBuild::Project"]


class StackRepository(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::CodeCommit::Repository."""

    kind = KINDS["AWS::CodeCommit::Repository"]


class StackBucketPolicy(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::S3::BucketPolicy."""

    kind = KINDS["AWS::S3::BucketPolicy"]


class StackConnection(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::CodeConnections::Connection."""

    kind = KINDS["AWS::CodeConnections::Connection"]


class StackOldConnection(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::CodeStarConnections::Connection."""

    kind = KINDS["AWS::CodeStarConnections::Connection"]


class StackAlarm(_Resource, CloudFormationModel):  # type: ignore[misc]
    """AWS::CloudWatch::Alarm."""

    kind = KINDS["AWS::CloudWatch::Alarm"]
