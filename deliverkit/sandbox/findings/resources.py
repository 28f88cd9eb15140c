"""What Inspector scans: instances, images and functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deliverkit.sandbox.findings.book import Resource
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_images import Image, images_of

INSTANCE, IMAGE, FUNCTION = "AWS_EC2_INSTANCE", "AWS_ECR_CONTAINER_IMAGE", "AWS_LAMBDA_FUNCTION"
ENABLED_BY = {INSTANCE: "EC2", IMAGE: "ECR", FUNCTION: "LAMBDA"}
"""Which of Inspector's resource types has to be enabled for a kind."""


def image_resource(image: Image) -> Resource:
    """An image as Inspector tells it."""
    details = {
        "repositoryName": image.repository,
        "imageTags": list(image.tags),
        "pushedAt": image.pushed_at,
        "imageHash": image.digest,
        "registry": image.registry,
        "architecture": "amd64",
    }
    return Resource(IMAGE, image.arn, {}, {"awsEcrContainerImage": details})


def instances(world: World, account: str, region: str) -> Iterator[Resource]:
    """The instances that are there and not terminated."""
    if not any(world.moto.machines(account, region)):
        return
    told = world.moto.client("ec2", account, region).describe_instances()
    for each in (found for reservation in told["Reservations"] for found in reservation["Instances"]):
        if each["State"]["Name"] in {"running", "stopped", "stopping", "pending"}:
            members = {"type": "InstanceType", "imageId": "ImageId", "vpcId": "VpcId", "subnetId": "SubnetId"}
            details: dict[str, Any] = {name: each.get(member) for name, member in members.items()}
            details |= {"launchedAt": each["LaunchTime"], "platform": "LINUX"}
            details["ipV4Addresses"] = [each["PrivateIpAddress"]] if each.get("PrivateIpAddress") else []
            tags = {tag["Key"]: tag["Value"] for tag in each.get("Tags", ())}
            yield Resource(INSTANCE, each["InstanceId"], tags, {"awsEc2Instance": details})


def functions(world: World, account: str, region: str) -> Iterator[Resource]:
    """The functions, each in its latest version."""
    client = world.moto.client("lambda", account, region)
    for each in client.list_functions()["Functions"]:
        details = {
            "functionName": each["FunctionName"],
            "runtime": str(each.get("Runtime", "")).upper().replace("PYTHON", "PYTHON_").replace(".", "_"),
            "codeSha256": each.get("CodeSha256", ""),
            "version": "$LATEST",
            "executionRoleArn": each["Role"],
            "packageType": str(each.get("PackageType", "Zip")).upper(),
        }
        details["runtime"] = details["runtime"] if details["runtime"].startswith("PYTHON_3_") else "UNSUPPORTED"
        tags = client.list_tags(Resource=each["FunctionArn"]).get("Tags", {})
        yield Resource(FUNCTION, f"{each['FunctionArn']}:$LATEST", tags, {"awsLambdaFunction": details})


def scanned(world: World, account: str, region: str) -> Iterator[Resource]:
    """Everything that Inspector would scan."""
    yield from instances(world, account, region)
    yield from (image_resource(image) for image in images_of(account, region))
    yield from functions(world, account, region)
