"""Which sources look for changes by themselves, what they look at, and what started an execution then."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.providers import source_s3
from deliverkit.sandbox.codepipeline.providers.source_git import (
    CodeCommitSource,
    ConnectionSource,
    GitHubSource,
    GitSource,
)
from deliverkit.sandbox.codepipeline.state import Pipeline, Trigger
from deliverkit.sandbox.kernel.world import World

_SWITCHES = {
    "S3": "PollForSourceChanges",
    "CodeCommit": "PollForSourceChanges",
    "CodeStarSourceConnection": "DetectChanges",
    "GitHub": "PollForSourceChanges",
}
"""The configuration key of each source that switches detection off; it is on when the key is absent."""


_REPOSITORIES: Mapping[str, GitSource] = {
    "CodeCommit": CodeCommitSource(),
    "CodeStarSourceConnection": ConnectionSource(),
    "GitHub": GitHubSource(),
}


def detects(action: Action) -> bool:
    """True when the source starts executions by itself."""
    switch = _SWITCHES.get(action.type.provider) if action.type.category == "Source" else None
    return switch is not None and action.configuration.get(switch, "true").lower() != "false"


def newest(world: World, pipeline: Pipeline, action: Action) -> str | None:
    """The revision that the source stands at now; None when there is nothing to read."""
    account = action.account(pipeline.account)
    repositories = _REPOSITORIES.get(action.type.provider)
    if repositories is not None:
        return repositories.newest(world, account, pipeline.region, action)
    return source_s3.newest_version(world, account, action)


def trigger(action: Action) -> Trigger:
    """Polling names the source action; a connection's push arrives as a webhook (API reference, ExecutionTrigger)."""
    if action.type.provider == "CodeStarSourceConnection":
        return Trigger("WebhookV2", action.configuration["ConnectionArn"])
    return Trigger("PollForSourceChanges", action.name)
