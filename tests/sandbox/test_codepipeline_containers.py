"""AWS's tutorial of an ECR source with a blue/green deployment to ECS, whole and broken."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from codepipeline_actions import action, contents, detail, error_of, zipped
from codepipeline_fixtures import Rig, refused, source, stage, structure, whole_rig
from ecs_deployments import Containers, Service

_images = itertools.count()
TASK_DEFINITION = {
    "executionRoleArn": "arn:aws:iam::123456789012:role/ecsTaskExecutionRole",
    "containerDefinitions": [
        {
            "name": "web",
            "image": "<IMAGE1_NAME>",
            "essential": True,
            "portMappings": [{"hostPort": 80, "protocol": "tcp", "containerPort": 80}],
        }
    ],
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
    "family": "ecs-demo",
}
APPSPEC = """
version: 0.0
Resources:
  - TargetService:
      Type: AWS::ECS::Service
      Properties:
        TaskDefinition: <TASK_DEFINITION>
        LoadBalancerInfo:
          ContainerName: "web"
          ContainerPort: 80
"""
BLUE_GREEN = {
    "ApplicationName": "shop",
    "TaskDefinitionTemplateArtifact": "Templates",
    "TaskDefinitionTemplatePath": "taskdef.json",
    "AppSpecTemplateArtifact": "Templates",
    "AppSpecTemplatePath": "appspec.yaml",
    "Image1ArtifactName": "MyImage",
    "Image1ContainerName": "IMAGE1_NAME",
}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    with whole_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        shop = Containers(rig)
        rig.client("ecr").create_repository(repositoryName="nginx")
        yield shop


def push(rig: Rig, tag: str = "latest") -> str:
    """Push an image that differs from all others; its digest."""
    digest = f"sha256:{hashlib.sha256(str(next(_images)).encode()).hexdigest()}"
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": {"mediaType": "application/vnd.docker.container.image.v1+json", "size": 1, "digest": digest},
        "layers": [{"mediaType": "application/octet-stream", "size": 1, "digest": digest}],
    }
    answer = rig.client("ecr").put_image(repositoryName="nginx", imageManifest=json.dumps(manifest), imageTag=tag)
    return str(answer["image"]["imageId"]["imageDigest"])


def templates(rig: Rig, definition: dict[str, Any] = TASK_DEFINITION, **more: str) -> None:
    rig.put(zipped({"taskdef.json": json.dumps(definition), "appspec.yaml": APPSPEC, **more}))


def declared(service: Service, **more: str) -> dict[str, Any]:
    """The tutorial's pipeline."""
    image = action("Image", "Source/ECR", {"RepositoryName": "nginx"}, outputArtifacts=[{"name": "MyImage"}])
    deploy = action(
        "Deploy",
        "Deploy/CodeDeployToECS",
        {**BLUE_GREEN, "DeploymentGroupName": service.name, **more},
        inputArtifacts=[{"name": "Templates"}, {"name": "MyImage"}],
    )
    first = stage("Source", source("Read", "Templates"), {**image, "namespace": "image"})
    return structure(service.rig.name(), first, stage("Deploy", deploy))


def run(shop: Containers, service: Service, **more: str) -> tuple[str, str, str]:
    made = declared(service, **more)
    shop.rig.cp.create_pipeline(pipeline=made)
    name = str(made["name"])
    execution = shop.rig.first_execution(name)
    return name, execution, shop.rig.ends(name, execution)


def test_the_pushed_image_takes_over_the_traffic(shop: Containers) -> None:
    digest = push(shop.rig)
    templates(shop.rig)
    service = shop.service()
    service.group()
    name, execution, end = run(shop, service)
    assert end == "Succeeded", error_of(shop.rig, name, execution, "Deploy")
    image = detail(shop.rig, name, execution, "Image")["output"]
    uri = image["outputVariables"]["ImageURI"]
    assert uri.endswith(f"/nginx@{digest}")
    told = json.loads(contents(shop.rig, image["outputArtifacts"][0])["imageDetail.json"])
    assert (told["ImageURI"], told["ImageTags"], told["Version"]) == (uri, ["latest"], "1.0")
    assert re.fullmatch(r"\w{3} \w{3} \d\d \d\d:\d\d:\d\d UTC \d{4}", told["ImagePushedAt"])
    assert service.weights(service.prod) == {"one": 0, "two": 100}
    [task_set] = shop.ecs.describe_services(cluster="shop", services=[service.name])["services"][0]["taskSets"]
    running = shop.ecs.describe_task_definition(taskDefinition=task_set["taskDefinition"])["taskDefinition"]
    assert (running["family"], running["containerDefinitions"][0]["image"]) == ("ecs-demo", uri)
    deployment = detail(shop.rig, name, execution, "Deploy")["output"]["executionResult"]["externalExecutionId"]
    assert shop.get(deployment)["computePlatform"] == "ECS"


def test_a_start_names_the_image_by_its_digest(shop: Containers) -> None:
    older = push(shop.rig, "older")
    push(shop.rig)
    templates(shop.rig)
    service = shop.service()
    service.group()
    name, _, end = run(shop, service)
    assert end == "Succeeded"
    override = {"actionName": "Image", "revisionType": "IMAGE_DIGEST", "revisionValue": older}
    execution = shop.rig.start(name, sourceRevisions=[override])
    assert shop.rig.ends(name, execution) == "Succeeded", [
        each["output"]["executionResult"] for each in shop.rig.actions(name, execution)
    ]
    revisions = {each["name"]: each["revisionId"] for each in shop.rig.execution(name, execution)["artifactRevisions"]}
    assert revisions["MyImage"] == older


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"TaskDefinitionTemplatePath": "gone.json"}, "gone.json"),
        ({"TaskDefinitionTemplatePath": "broken.json"}, "Expecting"),
        ({"AppSpecTemplatePath": "gone.yaml"}, "gone.yaml"),
        ({"Image1ArtifactName": "Templates"}, "imageDetail.json"),
        ({"ApplicationName": "nobody"}, "nobody"),
        ({"DeploymentGroupName": "nobody"}, "nobody"),
    ],
)
def test_what_cannot_be_filled_in_is_a_configuration_error(shop: Containers, more: dict[str, str], text: str) -> None:
    push(shop.rig)
    templates(shop.rig, **{"broken.json": "{"})
    service = shop.service()
    service.group()
    name, execution, end = run(shop, service, **more)
    assert end == "Failed"
    code, message = error_of(shop.rig, name, execution, "Deploy")
    assert code == "ConfigurationError"
    assert text in message


def test_an_image_that_is_not_there_fails_the_source(shop: Containers) -> None:
    templates(shop.rig)
    made = declared(shop.service())
    made["stages"][0]["actions"][1]["configuration"]["ImageTag"] = "never-pushed"
    shop.rig.cp.create_pipeline(pipeline=made)
    name, execution = made["name"], shop.rig.first_execution(made["name"])
    assert shop.rig.ends(name, execution) == "Failed"
    assert error_of(shop.rig, name, execution, "Image")[0] == "ConfigurationError"


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"AppSpecTemplateArtifact": "Other"}, "AppSpecTemplateArtifact must name an input artifact"),
        ({"Image2ArtifactName": "MyImage"}, "belong together"),
    ],
)
def test_a_blue_green_action_declared_wrongly_is_refused(shop: Containers, more: dict[str, str], text: str) -> None:
    with refused("InvalidActionDeclarationException", text):
        shop.rig.cp.create_pipeline(pipeline=declared(shop.service(), **more))
