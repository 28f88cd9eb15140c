"""Which sources poll, what they look at, and what started an execution then."""

from __future__ import annotations

from collections.abc import Mapping

from deliverkit.sandbox.codepipeline.definition import Action
from deliverkit.sandbox.codepipeline.providers import source_s3
from deliverkit.sandbox.codepipeline.providers.source_git import CodeCommitSource, GitHubSource, GitSource
from deliverkit.sandbox.codepipeline.state import Pipeline, Trigger
from deliverkit.sandbox.kernel.world import World

_REPOSITORIES: Mapping[str, GitSource] = {"CodeCommit": CodeCommitSource(), "GitHub": GitHubSource()}
_POLLING = frozenset({"S3", *_REPOSITORIES})


def polls(action: Action) -> bool:
    """True when the source looks for new revisions itself: the default.

    Any value of PollForSourceChanges but `true`, in whatever case, switches it off, as seen on AWS.
    """
    is_able = action.type.category == "Source" and action.type.provider in _POLLING
    return is_able and action.configuration.get("PollForSourceChanges", "true").lower() == "true"


def newest(world: World, pipeline: Pipeline, action: Action) -> str | None:
    """The revision that the source stands at now; None when there is nothing to read."""
    account = action.account(pipeline.account)
    repositories = _REPOSITORIES.get(action.type.provider)
    if repositories is not None:
        return repositories.newest(world, account, pipeline.region, action)
    return source_s3.newest_version(world, account, action)


def trigger(action: Action) -> Trigger:
    """Polling names the source action (API reference, ExecutionTrigger)."""
    return Trigger("PollForSourceChanges", action.name)
