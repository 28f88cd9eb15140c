"""Source/AWS/CodeCommit and Source/AWS/CodeStarSourceConnection on local git repositories (their action references)."""

from __future__ import annotations

from pathlib import Path

from deliverkit.sandbox.codepipeline import artifacts
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind
from deliverkit.sandbox.codepipeline.state import Artifact, Outcome, Revision
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.repositories import git
from deliverkit.sandbox.repositories.git import Commit, GitError

COMMIT = "COMMIT_ID"


class GitSource:
    """What both kinds do: archive the commit that the branch stands at, or that the start named."""

    kind: Kind

    def check(self, action: Action, region: str) -> None:
        """Everything about it is in the kind; whether the repository exists shows when it runs."""

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the repository."""
        return f"https://console.aws.amazon.com/codesuite/home?region={region}"

    def place(self, world: World, account: str, region: str, action: Action) -> Path:
        """Where the repository lies.

        Raises:
            ApiError: If there is none.
        """
        raise NotImplementedError

    def about(self, action: Action) -> dict[str, str]:
        """The output variables that the commit does not tell."""
        raise NotImplementedError

    def newest(self, world: World, account: str, region: str, action: Action) -> str | None:
        """The commit that the branch stands at now; None when there is nothing to read."""
        try:
            head = git.head_of(self.place(world, account, region, action), action.configuration["BranchName"])
        except ApiError:
            return None
        return head.id if head else None

    def start(self, job: Job) -> None:
        """Read the commit."""
        action, branch = job.run.action, job.configuration["BranchName"]
        named = {each.type: each.value for each in job.execution.overrides if each.action == action.name}
        try:
            place = self.place(job.world, job.pipeline.account, job.run.region, action)
            commit = git.commit_of(place, named[COMMIT]) if COMMIT in named else git.head_of(place, branch)
            if commit is None:
                return job.fail("ConfigurationError", f"The branch {branch} does not exist in {_name(action)}.")
            body = git.archive(place, commit.id)
            artifact = artifacts.store(job, action.outputs[0], body, suffix=".zip")
        except GitError as error:
            return job.fail("ConfigurationError", f"The repository {_name(action)} cannot be read: {error}")
        except ApiError as error:
            return job.fail("ConfigurationError", error.message)
        return self._succeed(job, commit, artifact)

    def _succeed(self, job: Job, commit: Commit, artifact: Artifact) -> None:
        action = job.run.action
        job.run.external_id = commit.id
        job.run.external_url = self.entity_url(action, job.run.region)
        summary = commit.message.splitlines()[0] if commit.message else ""
        revision = Revision(action.name, artifact.name, commit.id, summary, job.run.external_url, job.world.clock.now())
        variables = {
            "CommitId": commit.id,
            "CommitMessage": commit.message,
            "AuthorDate": commit.author_date,
            "BranchName": job.configuration["BranchName"],
            **self.about(action),
        }
        if action.type.provider == "CodeCommit":
            variables["CommitterDate"] = commit.committer_date
        job.succeed(Outcome(summary=summary, variables=variables, revision=revision, artifacts=(artifact,)))


class CodeCommitSource(GitSource):
    """A repository that CodeCommit knows."""

    kind = Kind(
        type=ActionType("Source", "AWS", "CodeCommit", "1"),
        required=frozenset({"RepositoryName", "BranchName"}),
        optional=frozenset({"PollForSourceChanges", "OutputArtifactFormat"}),
        inputs=(0, 0),
        outputs=(1, 1),
    )

    def place(self, world: World, account: str, region: str, action: Action) -> Path:
        """The bare repository, made when CodeCommit knows it and nobody has used it yet.

        Raises:
            ApiError: `RepositoryDoesNotExistException`.
        """
        name = action.configuration["RepositoryName"]
        client = world.moto.client("codecommit", account, region)
        try:
            client.get_repository(repositoryName=name)
        except client.exceptions.ClientError as error:
            raise ApiError("RepositoryDoesNotExistException", f"The repository {name} does not exist.") from error
        path = world.state_dir / "repositories" / account / region / f"{name}.git"
        git.make_bare(path)
        return path

    def about(self, action: Action) -> dict[str, str]:
        """The repository's name."""
        return {"RepositoryName": action.configuration["RepositoryName"]}


class ConnectionSource(GitSource):
    """A repository behind a connection."""

    kind = Kind(
        type=ActionType("Source", "AWS", "CodeStarSourceConnection", "1"),
        required=frozenset({"ConnectionArn", "FullRepositoryId", "BranchName"}),
        optional=frozenset({"OutputArtifactFormat", "DetectChanges"}),
        inputs=(0, 0),
        outputs=(1, 1),
    )

    def place(self, world: World, account: str, region: str, action: Action) -> Path:
        """The directory `connections/<FullRepositoryId>`, with or without `.git`.

        Raises:
            ApiError: `ResourceNotFoundException`, naming the directory that is missing.
        """
        base = (world.state_dir / "connections").resolve()
        path = base / action.configuration["FullRepositoryId"]
        for found in (path, path.with_name(f"{path.name}.git")):
            if found.is_dir() and ".." not in found.relative_to(base).parts:
                return found
        text = f"No repository {action.configuration['FullRepositoryId']}: put it, or a link to it, at {path}"
        raise ApiError("ResourceNotFoundException", text)

    def about(self, action: Action) -> dict[str, str]:
        """Connection and repository."""
        configuration = action.configuration
        return {
            "ConnectionArn": configuration["ConnectionArn"],
            "FullRepositoryName": configuration["FullRepositoryId"],
        }


def _name(action: Action) -> str:
    configuration = action.configuration
    return configuration.get("RepositoryName") or configuration.get("FullRepositoryId", "")
