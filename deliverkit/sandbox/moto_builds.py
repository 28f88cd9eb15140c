"""Builds of CodeBuild that really ran, among those that moto pretends to have run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from deliverkit.sandbox.moto_hooks import replace

_PIPELINE = "codepipeline/"
"""How the initiator of a build begins that a pipeline ran."""


def keep_build(account: str, region: str, told: dict[str, Any]) -> None:
    """Let CodeBuild know a build, as its API tells it; whoever has it may go on changing it."""
    backend, project = _backend(account, region), str(told["projectName"])
    backend.build_history.setdefault(project, []).append(told["id"])
    backend.build_metadata_history[project].append(told)


def kept_build(account: str, region: str, project: str, identity: str) -> dict[str, Any] | None:
    """A build that was kept; None for any other."""
    builds: list[dict[str, Any]] = _backend(account, region).build_metadata_history.get(project, [])
    return next((each for each in builds if each["id"] == identity and _is_ours(each)), None)


def tell_builds_as_they_are(models: Any) -> None:
    """Let BatchGetBuilds leave the builds of pipelines alone: moto lets all that it is asked for succeed."""

    def instead_of(get: Any) -> Callable[..., list[dict[str, Any]]]:
        def mended(backend: Any, ids: Sequence[str]) -> list[dict[str, Any]]:
            kept = [each for builds in backend.build_metadata_history.values() for each in builds if _is_ours(each)]
            ours = {each["id"]: each for each in kept}
            others: list[dict[str, Any]] = get(backend, [each for each in ids if each not in ours])
            return [*(ours[each] for each in ids if each in ours), *others]

        return mended

    replace(models.CodeBuildBackend, "batch_get_builds", instead_of)


def _is_ours(told: dict[str, Any]) -> bool:
    return str(told.get("initiator", "")).startswith(_PIPELINE)


def _backend(account: str, region: str) -> Any:
    from moto.backends import get_backend  # noqa: PLC0415

    return get_backend("codebuild")[account][region]
