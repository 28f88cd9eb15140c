"""Images of moto's ECR, as the scans of them want them; and who is enabled for what in moto's Inspector."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.moto_loading import when_loaded


@dataclass(frozen=True, slots=True)
class Image:
    """One image of a repository.

    Attributes:
        registry: The account whose registry it is.
        repository: Name of the repository.
        arn: What Inspector calls it by.
        digest: `sha256:...`.
        tags: Its tags.
        pushed_at: When it was pushed.
        scans_on_push: Whether its repository scans what is pushed.
    """

    registry: str
    repository: str
    arn: str
    digest: str
    tags: tuple[str, ...]
    pushed_at: datetime
    scans_on_push: bool


def find_image(account: str, region: str, repository: str, image_id: Mapping[str, str]) -> Image:
    """An image by its tag or digest.

    Raises:
        ApiError: `RepositoryNotFoundException`, `ImageNotFoundException`, and `InvalidParameterException` for no id.
    """
    found = [each for each in images_of(account, region, repository) if _is_meant(each, image_id)]
    if not image_id:
        message = "Invalid parameter at 'ImageId' failed to satisfy constraint: 'imageTag or imageDigest'"
        raise ApiError("InvalidParameterException", message)
    if not found:
        digest, tag = image_id.get("imageDigest", "null"), image_id.get("imageTag", "null")
        raise ApiError(
            "ImageNotFoundException",
            f"The image with imageId {{imageDigest:'{digest}', imageTag:'{tag}'}} does not exist within the repository "
            f"with name '{repository}' in the registry with id '{account}'",
        )
    return found[0]


def images_of(account: str, region: str, repository: str | None = None) -> Iterator[Image]:
    """The images of a repository, or of all of them.

    Raises:
        ApiError: `RepositoryNotFoundException`.
    """
    repositories: Mapping[str, Any] = _backend("ecr", account, region).repositories
    if repository is not None and repository not in repositories:
        raise ApiError(
            "RepositoryNotFoundException",
            f"The repository with name '{repository}' does not exist in the registry with id '{account}'",
        )
    for name, held in list(repositories.items()):
        for image in list(held.images) if repository in (None, name) else ():
            yield Image(
                account,
                name,
                f"{held.arn}/{image.image_digest}",
                str(image.image_digest),
                tuple(str(tag) for tag in image.image_tags),
                datetime.fromtimestamp(image.image_pushed_at, UTC),
                bool(held.image_scanning_configuration.get("scanOnPush")),
            )


def _is_meant(image: Image, image_id: Mapping[str, str]) -> bool:
    digest, tag = image_id.get("imageDigest"), image_id.get("imageTag")
    return digest in (None, image.digest) and (tag is None or tag in image.tags)


def scans_enhanced(account: str, region: str) -> bool:
    """True when Inspector scans the registry, and not ECR itself (ECR API reference, RegistryScanningConfiguration)."""
    return bool(_backend("ecr", account, region).registry_scanning_configuration.get("scanType") == "ENHANCED")


# --- Inspector --------------------------------------------------------------------------------------

TYPES = {"EC2": "ec2", "ECR": "ecr", "LAMBDA": "_lambda", "LAMBDA_CODE": "lambda_code"}
"""Resource types that can be enabled, and moto's names for them."""


def account_status(account: str, region: str, whose: str) -> dict[str, str]:
    """`ENABLED` or `DISABLED` for each resource type of an account."""
    found = _backend("inspector2", account, region).account_status.get(whose)
    return {kind: str(getattr(found, name, "DISABLED")) for kind, name in TYPES.items()}


def toggle(account: str, region: str, whose: list[str], kinds: list[str], *, enable: bool) -> None:
    """Enable or disable Inspector for accounts."""
    backend = _backend("inspector2", account, region)
    (backend.enable if enable else backend.disable)(whose, kinds)


def offer_paths(*paths: str) -> None:
    """Let moto's Inspector answer at further paths."""

    def mend(urls: Any) -> None:
        for path in paths:
            urls.url_paths[f"{{0}}{path}$"] = urls.Inspector2Response.dispatch

    when_loaded("moto.inspector2.urls", mend)


def _backend(service: str, account: str, region: str) -> Any:
    from moto.backends import get_backend  # noqa: PLC0415

    backends: Any = get_backend(service)
    return backends[account][region]
