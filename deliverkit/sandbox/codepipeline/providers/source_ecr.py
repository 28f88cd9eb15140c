"""Source/AWS/ECR: an image by its tag, told as imageDetail.json (user guide, Amazon ECR source action reference)."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from datetime import UTC
from typing import Any

from deliverkit.sandbox.codepipeline import artifacts
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind
from deliverkit.sandbox.codepipeline.state import Artifact, Outcome, Revision
from deliverkit.sandbox.kernel.errors import ApiError

DIGEST = "IMAGE_DIGEST"
LATEST = "latest"


class EcrSource:
    """Reads which image the tag stands for, or the digest that the start named."""

    kind = Kind(
        type=ActionType("Source", "AWS", "ECR", "1"),
        required=frozenset({"RepositoryName"}),
        optional=frozenset({"ImageTag"}),
        inputs=(0, 0),
        outputs=(1, 1),
    )

    def check(self, action: Action, region: str) -> None:
        """Everything about it is in the kind."""

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the repository."""
        name = action.configuration["RepositoryName"]
        return f"https://console.aws.amazon.com/ecr/home?region={region}#/repositories/{name}"

    def start(self, job: Job) -> None:
        """Read the image's details."""
        name, tag = job.configuration["RepositoryName"], job.configuration.get("ImageTag") or LATEST
        named = {each.type: each.value for each in job.execution.overrides if each.action == job.run.action.name}
        wanted = {"imageDigest": named[DIGEST]} if DIGEST in named else {"imageTag": tag}
        client = job.world.moto.client("ecr", job.account, job.run.region)
        try:
            repository = client.describe_repositories(repositoryNames=[name])["repositories"][0]
            image = client.describe_images(repositoryName=name, imageIds=[wanted])["imageDetails"][0]
        except client.exceptions.ClientError as error:
            return job.fail("ConfigurationError", error.response["Error"]["Message"])
        variables = _variables(name, tag, repository, image)
        try:
            detail = _archived(_detail(variables, image))
            artifact = artifacts.store(job, job.run.action.outputs[0], detail, suffix=".zip")
        except ApiError as error:
            return job.fail("ConfigurationError", artifacts.unusable(job, error))
        return self._succeed(job, variables, artifact)

    def _succeed(self, job: Job, variables: dict[str, str], artifact: Artifact) -> None:
        digest = variables["ImageDigest"]
        job.run.external_id, job.run.external_url = digest, self.entity_url(job.run.action, job.run.region)
        revision = Revision(
            job.run.action.name, artifact.name, digest, digest, job.run.external_url, job.world.clock.now()
        )
        job.succeed(Outcome(summary=digest, variables=variables, revision=revision, artifacts=(artifact,)))


def _variables(name: str, tag: str, repository: Any, image: Any) -> dict[str, str]:
    return {
        "RegistryId": str(repository["registryId"]),
        "RepositoryName": name,
        "ImageTag": tag,
        "ImageDigest": str(image["imageDigest"]),
        "ImageURI": f"{repository['repositoryUri']}@{image['imageDigest']}",
    }


def _detail(variables: Mapping[str, str], image: Any) -> dict[str, Any]:
    """What imageDetail.json says (user guide, image definitions file reference)."""
    pushed = image.get("imagePushedAt")
    return {
        "ImageSizeInBytes": str(image.get("imageSizeInBytes", 0)),
        "ImageDigest": variables["ImageDigest"],
        "Version": "1.0",
        "ImagePushedAt": f"{pushed.astimezone(UTC):%a %b %d %H:%M:%S UTC %Y}" if pushed else "",
        "RegistryId": variables["RegistryId"],
        "RepositoryName": variables["RepositoryName"],
        "ImageURI": variables["ImageURI"],
        "ImageTags": list(image.get("imageTags", [])),
    }


def _archived(detail: Mapping[str, Any]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("imageDetail.json", json.dumps(detail))
    return out.getvalue()
