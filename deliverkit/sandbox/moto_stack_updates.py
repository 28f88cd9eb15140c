"""Updates of stacks' resources that moto makes anew, loses, or stumbles over, where AWS changes them in place."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.sandbox.moto_hooks import replace

_REPLACING = ("GroupName", "GroupDescription", "VpcId")
"""Properties of a security group whose change takes a new one (CloudFormation template reference)."""


def change_groups_in_place(models: Any) -> None:
    """Mend `moto.ec2.models.security_groups`: a group whose rules change stays, or whatever is in it would lose it."""

    def instead_of(update: Any) -> Callable[..., Any]:
        def mended(*, original_resource: Any, cloudformation_json: Mapping[str, Any], **more: Any) -> Any:
            properties = cloudformation_json["Properties"]
            present = original_resource.name, original_resource.description, original_resource.vpc_id
            wanted = [properties.get(name, there) for name, there in zip(_REPLACING, present, strict=True)]
            if wanted == list(present):
                return original_resource  # its rules are put in by `stacks.finishing`
            return update(original_resource=original_resource, cloudformation_json=cloudformation_json, **more)

        return mended

    replace(models.SecurityGroup, "update_from_cloudformation_json", instead_of)


def take_code_of_templates(models: Any) -> None:
    """Mend `moto.awslambda.models`: an update takes the source text in a template's ZipFile for an encoded archive."""

    def instead_of(update: Any) -> Callable[..., Any]:
        def mended(*, original_resource: Any, cloudformation_json: Mapping[str, Any], **more: Any) -> Any:
            properties = dict(cloudformation_json["Properties"])
            text = properties["Code"].get("ZipFile")
            if text is not None:
                archive = models.LambdaFunction._create_zipfile_from_plaintext_code(text)  # noqa: SLF001
                properties["Code"] = {"ZipFile": base64.b64encode(archive).decode()}
            declared = {**cloudformation_json, "Properties": properties}
            return update(original_resource=original_resource, cloudformation_json=declared, **more)

        return mended

    replace(models.LambdaFunction, "update_from_cloudformation_json", instead_of)


def kept(made: Any, logical_id: str, resources: Any) -> Any:
    """What an update made; for a type whose updates moto does not know, the resource that is there.

    moto forgets it, and then fails at whatever refers to it.
    """
    known = resources._parsed_resources.get(logical_id)  # noqa: SLF001
    return known if made is None else made
