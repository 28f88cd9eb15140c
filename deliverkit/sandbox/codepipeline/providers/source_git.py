"""The sources that are git repositories: CodeCommit, connections, GitHub (user guide, their action references)."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from deliverkit.sandbox.codepipeline import artifacts, errors, quotas
from deliverkit.sandbox.codepipeline.definition import Action, ActionType
from deliverkit.sandbox.codepipeline.providers.provider import Job, Kind
from deliverkit.sandbox.codepipeline.state import Artifact, Outcome, Revision
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.repositories import git
from deliverkit.sandbox.repositories.git import Commit, GitError

FORMAT, CLONE = "OutputArtifactFormat", "CODEBUILD_CLONE_REF"
FORMATS = ("CODE_ZIP", CLONE)
"""Files, or a reference by which a build clones the repository (user guide, CodeCommit and connections)."""
COMMIT = "COMMIT_ID"
BRANCH = "BRANCH_NAME"
"""Beside a commit, the branch that it was pushed to; not of the API."""


class GitSource:
    """What both kinds do: archive the commit that the branch stands at, or that the start named."""

    kind: Kind
    branch_key = "BranchName"
    """The configuration key that names the branch."""

    def check(self, action: Action, region: str) -> None:
        """The format of the output; whether the repository exists shows when it runs."""
        declared = action.configuration.get(FORMAT, FORMATS[0])
        if declared not in FORMATS:
            text = f"{FORMAT} of action '{action.name}' is '{declared}', not one of {', '.join(FORMATS)}"
            raise errors.bad_action(text)

    def entity_url(self, action: Action, region: str) -> str:
        """The console's page of the repository."""
        return f"https://console.aws.amazon.com/codesuite/home?region={region}"

    def place(self, world: World, account: str, region: str, action: Action) -> Path:
        """Where the repository lies.

        Raises:
            ApiError: If there is none.
        """
        raise NotImplementedError

    def about(self, action: Action, commit: Commit) -> dict[str, str]:
        """The output variables that only this kind has."""
        raise NotImplementedError

    def commit_url(self, action: Action, region: str, commit: Commit) -> str:
        """The page about a commit."""
        return self.entity_url(action, region)

    def summary(self, commit: Commit) -> str:
        """One line about a commit."""
        return commit.message.splitlines()[0] if commit.message else ""

    def newest(self, world: World, account: str, region: str, action: Action) -> str | None:
        """The commit that the branch stands at now; None when there is nothing to read."""
        try:
            head = git.head_of(self.place(world, account, region, action), action.configuration[self.branch_key])
        except ApiError:
            return None
        return head.id if head else None

    def start(self, job: Job) -> None:
        """Read the commit."""
        action, named = job.run.action, _named(job)
        branch = job.configuration[self.branch_key]
        try:
            place = self.place(job.world, job.account, job.run.region, action)
            commit = git.commit_of(place, named[COMMIT]) if COMMIT in named else git.head_of(place, branch)
            if commit is None:
                return job.fail("ConfigurationError", f"The branch {branch} does not exist in {_name(action)}.")
            artifact = self._stored(job, place, commit)
        except GitError as error:
            return job.fail("ConfigurationError", f"The repository {_name(action)} cannot be read: {error}")
        except ApiError as error:
            return job.fail("ConfigurationError", error.message)
        return self._succeed(job, commit, artifact)

    def _stored(self, job: Job, place: Path, commit: Commit) -> Artifact:
        name = job.run.action.outputs[0]
        if job.configuration.get(FORMAT) != CLONE:
            return artifacts.store(job, name, _within_quota(job, git.archive(place, commit.id)), suffix=".zip")
        # "A JSON object that can only be used by downstream CodeBuild actions"; what is in it AWS does not document.
        repository = _name(job.run.action)
        reference = {"Repository": repository, "BranchName": job.configuration[self.branch_key], "CommitId": commit.id}
        stored = artifacts.store(job, name, json.dumps(reference).encode(), suffix=".json")
        return replace(stored, repository=str(place), commit=commit.id)

    def _succeed(self, job: Job, commit: Commit, artifact: Artifact) -> None:
        action = job.run.action
        job.run.external_id = commit.id
        job.run.external_url = self.commit_url(action, job.run.region, commit)
        summary, now = self.summary(commit), job.world.clock.now()
        revision = Revision(action.name, artifact.name, commit.id, summary, job.run.external_url, now)
        variables = {
            "CommitId": commit.id,
            "CommitMessage": commit.message,
            "AuthorDate": commit.author_date,
            "BranchName": _named(job).get(BRANCH, job.configuration[self.branch_key]),
            **self.about(action, commit),
        }
        job.succeed(Outcome(summary=summary, variables=variables, revision=revision, artifacts=(artifact,)))


class CodeCommitSource(GitSource):
    """A repository that CodeCommit knows."""

    kind = Kind(
        type=ActionType("Source", "AWS", "CodeCommit", "1"),
        required=frozenset({"RepositoryName", "BranchName"}),
        optional=frozenset({"PollForSourceChanges", FORMAT}),
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

    def about(self, action: Action, commit: Commit) -> dict[str, str]:
        """The repository's name, and when the commit was made."""
        return {
            "RepositoryName": action.configuration["RepositoryName"],
            "CommitterDate": commit.committer_date,
        }


class HostedSource(GitSource):
    """A repository that a host outside AWS keeps: here, a directory of the sandbox."""

    def full_name(self, action: Action) -> str:
        """`owner/repository`."""
        raise NotImplementedError

    def place(self, world: World, account: str, region: str, action: Action) -> Path:
        """The directory `connections/<full name>`, with or without `.git`.

        Raises:
            ApiError: `ResourceNotFoundException`, naming the directory that is missing.
        """
        base = (world.state_dir / "connections").resolve()
        path = base / self.full_name(action)
        for found in (path, path.with_name(f"{path.name}.git")):
            if found.is_dir() and ".." not in found.relative_to(base).parts:
                return found
        text = f"No repository {self.full_name(action)}: put it, or a link to it, at {path}"
        raise ApiError("ResourceNotFoundException", text)


class ConnectionSource(HostedSource):
    """A repository behind a connection."""

    kind = Kind(
        type=ActionType("Source", "AWS", "CodeStarSourceConnection", "1"),
        required=frozenset({"ConnectionArn", "FullRepositoryId", "BranchName"}),
        optional=frozenset({FORMAT, "DetectChanges"}),
        inputs=(0, 0),
        outputs=(1, 1),
    )

    def entity_url(self, action: Action, region: str) -> str:
        """The page that leads to the branch at its host, as seen on AWS."""
        return f"{_redirect(action, region, 'BRANCH')}&Branch={action.configuration['BranchName']}"

    def commit_url(self, action: Action, region: str, commit: Commit) -> str:
        """The page that leads to the commit at its host, as seen on AWS."""
        return f"{_redirect(action, region, 'COMMIT')}&Commit={commit.id}"

    def summary(self, commit: Commit) -> str:
        """JSON, as seen on AWS; which host stands behind a connection nobody knows here, so it is always GitHub."""
        return json.dumps({"ProviderType": "GitHub", "CommitMessage": commit.message}, separators=(",", ":"))

    def full_name(self, action: Action) -> str:
        """As configured."""
        return action.configuration["FullRepositoryId"]

    def about(self, action: Action, commit: Commit) -> dict[str, str]:
        """Connection and repository."""
        configuration = action.configuration
        return {
            "ConnectionArn": configuration["ConnectionArn"],
            "FullRepositoryName": configuration["FullRepositoryId"],
        }


def _redirect(action: Action, region: str, kind: str) -> str:
    settings = f"https://{region}.console.aws.amazon.com/codesuite/settings/connections/redirect"
    configuration = action.configuration
    arn, repository = configuration["ConnectionArn"], configuration["FullRepositoryId"]
    return f"{settings}?connectionArn={arn}&referenceType={kind}&FullRepositoryId={repository}"


class GitHubSource(HostedSource):
    """A repository of GitHub, read with a token (version 1 of the action)."""

    kind = Kind(
        type=ActionType("Source", "ThirdParty", "GitHub", "1"),
        required=frozenset({"Owner", "Repo", "Branch", "OAuthToken"}),
        optional=frozenset({"PollForSourceChanges"}),
        inputs=(0, 0),
        outputs=(1, 1),
    )
    branch_key = "Branch"

    def entity_url(self, action: Action, region: str) -> str:
        """GitHub's page of the branch."""
        return f"https://github.com/{self.full_name(action)}/tree/{action.configuration['Branch']}"

    def full_name(self, action: Action) -> str:
        """Owner and repository."""
        return f"{action.configuration['Owner']}/{action.configuration['Repo']}"

    def commit_url(self, action: Action, region: str, commit: Commit) -> str:
        """GitHub's page of the commit."""
        return f"https://github.com/{self.full_name(action)}/commit/{commit.id}"

    def about(self, action: Action, commit: Commit) -> dict[str, str]:
        """The repository's name, and the commit's page and date."""
        return {
            "RepositoryName": action.configuration["Repo"],
            "CommitUrl": self.commit_url(action, "", commit),
            "CommitterDate": commit.committer_date,
        }


def _within_quota(job: Job, body: bytes) -> bytes:
    quotas.check_source(job, len(body))
    return body


def _named(job: Job) -> dict[str, str]:
    """The revision that the start named, by its type."""
    return {each.type: each.value for each in job.execution.overrides if each.action == job.run.action.name}


def _name(action: Action) -> str:
    configuration = action.configuration
    return next(configuration[key] for key in ("RepositoryName", "FullRepositoryId", "Repo") if key in configuration)
