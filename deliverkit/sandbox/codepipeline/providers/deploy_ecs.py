"""Deploy/AWS/ECS and Deploy/AWS/CodeDeployToECS (user guide, their action references)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from botocore.exceptions import ClientError

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers import deployment
from deliverkit.sandbox.codepipeline.providers.archive import file_in, input_named
from deliverkit.sandbox.codepipeline.providers.provider import STEP, Job, Kind
from deliverkit.sandbox.codepipeline.state import Outcome
from deliverkit.sandbox.kernel.errors import ApiError

DEFINITIONS = "imagedefinitions.json"
IMAGES = range(1, 5)
LONGEST_MINUTES = 60
_NOT_REGISTERED = frozenset(
    {
        "taskDefinitionArn",
        "revision",
        "status",
        "requiresAttributes",
        "compatibilities",
        "registeredAt",
        "registeredBy",
        "deregisteredAt",
    }
)


class EcsDeploy:
    """Registers the service's task definition with other images and updates the service: a rolling update."""

    kind = Kind(
        type=ActionType("Deploy", "AWS", "ECS", "1"),
        required=frozenset({"ClusterName", "ServiceName"}),
        optional=frozenset({"FileName", "DeploymentTimeout"}),
        inputs=(1, 1),
        outputs=(0, 0),
    )

    def check(self, action: Action, region: str) -> None:
        """The time-out is a number of minutes."""
        minutes = action.configuration.get("DeploymentTimeout", "60")
        if not minutes.isdigit() or not 1 <= int(minutes) <= LONGEST_MINUTES:
            raise errors.bad_action(f"action '{action.name}': DeploymentTimeout must be 1 to {LONGEST_MINUTES} minutes")

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the service."""
        cluster, service = action.configuration["ClusterName"], action.configuration["ServiceName"]
        return f"https://console.aws.amazon.com/ecs/home?region={region}#/clusters/{cluster}/services/{service}"

    def start(self, job: Job) -> None:
        """Register and update."""
        ecs, configuration = _ecs(job), job.configuration
        where = {"cluster": configuration["ClusterName"], "service": configuration["ServiceName"]}
        try:
            images = _images(job, configuration.get("FileName") or DEFINITIONS)
            found = ecs.describe_services(cluster=where["cluster"], services=[where["service"]])["services"]
            if not found or found[0]["status"] != "ACTIVE":
                return job.fail("ConfigurationError", f"The service {where['service']} is not active.")
            present = ecs.describe_task_definition(taskDefinition=found[0]["taskDefinition"])["taskDefinition"]
            arn = _register(ecs, _with_images(present, images))
            ecs.update_service(**where, taskDefinition=arn)
        except (ValueError, ApiError) as error:
            return job.fail("ConfigurationError", str(error))
        except ClientError as error:
            return job.fail("ConfigurationError", error.response["Error"]["Message"])
        job.run.external_id, job.run.external_url = arn, self.entity_url(job.run.action, job.run.region)
        minutes = int(configuration.get("DeploymentTimeout", LONGEST_MINUTES))
        return _watch(job, where["cluster"], where["service"], job.world.clock.now() + timedelta(minutes=minutes))


def _watch(job: Job, cluster: str, service: str, until: datetime) -> None:
    found = _ecs(job).describe_services(cluster=cluster, services=[service])["services"][0]
    primary = next((each for each in found.get("deployments", []) if each["status"] == "PRIMARY"), None)
    if primary is None or primary.get("rolloutState", "COMPLETED") == "COMPLETED":
        return job.succeed(Outcome(summary="Deployment Succeeded"))
    if primary["rolloutState"] == "FAILED":
        return job.fail("JobFailed", f"The deployment of {service} failed: {primary.get('rolloutStateReason', '')}")
    if job.world.clock.now() >= until:
        return job.fail("JobFailed", f"The deployment of {service} reached no steady state in time")
    return job.after(STEP, partial(_watch, job, cluster, service, until))


class EcsBlueGreenDeploy:
    """Fills in the templates, registers the task definition and has CodeDeploy shift the traffic."""

    kind = Kind(
        type=ActionType("Deploy", "AWS", "CodeDeployToECS", "1"),
        required=frozenset(
            {"ApplicationName", "DeploymentGroupName", "TaskDefinitionTemplateArtifact", "AppSpecTemplateArtifact"}
        ),
        optional=frozenset(
            {"TaskDefinitionTemplatePath", "AppSpecTemplatePath"}
            | {f"Image{number}{what}" for number in IMAGES for what in ("ArtifactName", "ContainerName")}
        ),
        inputs=(1, 5),
        outputs=(0, 0),
    )

    def check(self, action: Action, region: str) -> None:
        """The templates' artifacts are inputs; an image has both an artifact and a placeholder, or neither."""
        configuration = action.configuration
        for key in ("TaskDefinitionTemplateArtifact", "AppSpecTemplateArtifact"):
            if configuration[key] not in action.inputs:
                raise errors.bad_action(f"action '{action.name}': {key} must name an input artifact")
        for number in IMAGES:
            pair = [configuration.get(f"Image{number}{what}") for what in ("ArtifactName", "ContainerName")]
            if any(pair) and not all(pair):
                text = f"Image{number}ArtifactName and Image{number}ContainerName belong together"
                raise errors.bad_action(f"action '{action.name}': {text}")

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the deployment group."""
        return deployment.group_url(action.configuration, region)

    def start(self, job: Job) -> None:
        """Register and deploy."""
        configuration = job.configuration
        try:
            template = _template(job, "TaskDefinition", "taskdef.json")
            arn = _register(_ecs(job), json.loads(_with_placeholders(job, template)))
            appspec = _template(job, "AppSpec", "appspec.yaml").replace("<TASK_DEFINITION>", arn)
        except (ValueError, ApiError) as error:
            return job.fail("ConfigurationError", str(error))
        except ClientError as error:
            return job.fail("ConfigurationError", error.response["Error"]["Message"])
        request = {
            "applicationName": configuration["ApplicationName"],
            "deploymentGroupName": configuration["DeploymentGroupName"],
            "revision": {"revisionType": "AppSpecContent", "appSpecContent": {"content": appspec}},
        }
        return deployment.create(job, request)


# --- templates and definitions --------------------------------------------------------------------


def _template(job: Job, which: str, default: str) -> str:
    artifact = input_named(job, job.configuration[f"{which}TemplateArtifact"])
    return file_in(job, artifact, job.configuration.get(f"{which}TemplatePath") or default).decode("utf-8")


def _with_placeholders(job: Job, template: str) -> str:
    """`<IMAGE1_NAME>` and the like become the ImageURI of the artifact's imageDetail.json."""
    for number in IMAGES:
        name = job.configuration.get(f"Image{number}ArtifactName")
        if not name:
            continue
        detail = json.loads(file_in(job, input_named(job, name), "imageDetail.json"))
        if "ImageURI" not in detail:
            raise ValueError(f"imageDetail.json of artifact {name} has no ImageURI")
        template = template.replace(f"<{job.configuration[f'Image{number}ContainerName']}>", detail["ImageURI"])
    return template


def _images(job: Job, file_name: str) -> dict[str, str]:
    found = json.loads(file_in(job, job.run.inputs[0], file_name))
    if not isinstance(found, list) or not all(isinstance(each, dict) and "imageUri" in each for each in found):
        raise ValueError(f"{file_name} must be a JSON array of objects with name and imageUri")
    return {str(each["name"]): str(each["imageUri"]) for each in found}


def _with_images(present: Mapping[str, Any], images: Mapping[str, str]) -> dict[str, Any]:
    containers = [dict(each) for each in present["containerDefinitions"]]
    unknown = set(images) - {each["name"] for each in containers}
    if unknown:
        raise ValueError(f"The task definition has no container {', '.join(sorted(unknown))}")
    for container in containers:
        container["image"] = images.get(container["name"], container["image"])
    return {**present, "containerDefinitions": containers}


def _register(ecs: Any, definition: Mapping[str, Any]) -> str:
    wanted = {name: value for name, value in definition.items() if name not in _NOT_REGISTERED}
    return str(ecs.register_task_definition(**wanted)["taskDefinition"]["taskDefinitionArn"])


def _ecs(job: Job) -> Any:
    return job.world.moto.client("ecs", job.account, job.run.region)
