"""Pushes to repositories behind connections: what starts a pipeline, with triggers and without."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from codepipeline_actions import action, commit, detail
from codepipeline_fixtures import Rig, approval, running_rig, stage

CONNECTION = "arn:aws:codestar-connections:us-east-1:123456789012:connection/1"


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with running_rig(tmp_path_factory.mktemp("sandbox")) as rig:
        yield rig


class Repository:
    """A repository behind the connection, and a pipeline that reads its branch `main`."""

    def __init__(self, rig: Rig, name: str) -> None:
        self.rig, self.full_name = rig, f"acme/{name}"
        self.place: Path = rig.sandbox.state_dir / "connections" / self.full_name
        self.first = commit(self.place, "The first", file="1")

    def pipeline(self, *filters: dict[str, Any], detects: str = "true", **git: Any) -> str:
        """A pipeline whose first execution has read the first commit."""
        where = {"ConnectionArn": CONNECTION, "FullRepositoryId": self.full_name, "BranchName": "main"}
        configuration = {**where, "DetectChanges": detects}
        read = action("Read", "Source/CodeStarSourceConnection", configuration, outputArtifacts=[{"name": "Bundle"}])
        settings = {"sourceActionName": "Read", **({"push": list(filters)} if filters else {}), **git}
        trigger = {"providerType": "CodeStarSourceConnection", "gitConfiguration": settings}
        members = {"triggers": [trigger]} if filters or git else {}
        name = self.rig.create(stage("Source", read), stage("Ask", approval()), **members, executionMode="PARALLEL")
        self.rig.until(lambda: self.read(name, self.rig.first_execution(name)))
        return name

    def read(self, name: str, execution: str) -> Any:
        """The variables of an execution's source, once it has read."""
        found = [each for each in self.rig.actions(name, execution) if each["status"] == "Succeeded"]
        return found[0]["output"]["outputVariables"] if found else None

    def started(self, name: str) -> list[Any]:
        """What followed the first execution, the oldest first."""
        found = self.rig.cp.list_pipeline_executions(pipelineName=name)["pipelineExecutionSummaries"]
        return list(found)[::-1][1:]

    def commits(self, name: str, count: int) -> list[tuple[str, str]]:
        """Commit and branch that each execution since the first has read, once there are as many."""
        found = self.rig.until(lambda: self.started(name) if len(self.started(name)) >= count else None)
        read = [self.rig.until(lambda e=each: self.read(name, e["pipelineExecutionId"])) for each in found]
        return [(each["CommitId"], each["BranchName"]) for each in read]

    def settles(self, name: str) -> int:
        """How many executions followed the first once every look at the repository was taken."""
        for _ in range(4):
            self.rig.advance(timedelta(seconds=1))
            self.rig.cp.get_pipeline(name=name)
        return len(self.started(name))

    def git(self, *words: str) -> None:
        subprocess.run(["git", *words], cwd=self.place, check=True, capture_output=True)

    def on(self, branch: str, **files: str) -> str:
        """A commit on a branch, which is made when there is none."""
        known = subprocess.run(["git", "rev-parse", "-q", "--verify", branch], cwd=self.place, capture_output=True)  # noqa: PLW1510
        self.git("checkout", "-q", *([] if known.returncode == 0 else ["-b"]), branch)
        for file in files:
            (self.place / file).parent.mkdir(parents=True, exist_ok=True)
        return commit(self.place, f"On {branch}", **files)


def test_creation_starts_a_pipeline_that_listens_and_a_push_starts_the_next(rig: Rig) -> None:
    repository = Repository(rig, "plain")
    name = repository.pipeline()
    first = rig.execution(name, rig.first_execution(name))
    assert first["trigger"]["triggerType"] == "CreatePipeline"
    pushed = repository.on("main", file="2")
    assert repository.commits(name, 1) == [(pushed, "main")]
    [started] = repository.started(name)
    assert started["trigger"] == {"triggerType": "WebhookV2", "triggerDetail": CONNECTION}
    repository.on("other", file="3")
    assert repository.settles(name) == 1, "the other branch is not the configured one"


def test_a_source_that_detects_no_changes_starts_nothing(rig: Rig) -> None:
    repository = Repository(rig, "deaf")
    name = repository.pipeline(detects="false")
    repository.on("main", file="2")
    assert repository.settles(name) == 0


def test_a_trigger_runs_the_pushed_branch_and_takes_the_place_of_the_default(rig: Rig) -> None:
    repository = Repository(rig, "branches")
    name = repository.pipeline(
        {"branches": {"includes": ["feature/**"], "excludes": ["feature/wip-*"]}}, detects="false"
    )
    repository.on("main", file="2")
    repository.on("feature/wip-x", file="3")
    assert repository.settles(name) == 0
    pushed = repository.on("feature/a/b", file="4")
    assert repository.commits(name, 1) == [(pushed, "feature/a/b")]
    assert repository.settles(name) == 1


def test_a_start_by_hand_reads_the_configured_branch(rig: Rig) -> None:
    repository = Repository(rig, "by-hand")
    name = repository.pipeline({"branches": {"includes": ["release"]}})
    rig.start(name)
    assert repository.commits(name, 1) == [(repository.first, "main")]


def test_file_paths_and_branches_must_both_match(rig: Rig) -> None:
    repository = Repository(rig, "paths")
    paths = {"includes": ["src/**", "*.{js,ts}"], "excludes": ["src/**/*.md"]}
    name = repository.pipeline({"branches": {"includes": ["main"]}, "filePaths": paths})
    repository.on("main", **{"docs/a.js": "1", "src/deep/read.md": "2"})
    repository.on("side", **{"src/a.py": "1"})
    assert repository.settles(name) == 0
    first = repository.on("main", **{"src/deep/a.py": "1", "docs/b": "2"})
    assert repository.commits(name, 1) == [(first, "main")]
    second = repository.on("main", **{"top.ts": "1"})
    assert repository.commits(name, 2)[1] == (second, "main")


def test_a_tag_starts_what_asks_for_tags_and_nothing_else(rig: Rig) -> None:
    repository = Repository(rig, "tags")
    tagged = repository.pipeline({"tags": {"includes": ["v*"], "excludes": ["v*-rc?"]}})
    branched = repository.pipeline({"branches": {"includes": ["**"]}})
    repository.git("tag", "v1-rc1")
    repository.git("tag", "w1")
    assert repository.settles(tagged) == 0
    repository.git("-c", "user.name=Ada", "-c", "user.email=a@example.com", "tag", "-a", "-m", "The first", "v1")
    assert repository.commits(tagged, 1) == [(repository.first, "main")], "an annotated tag stands for its commit"
    assert repository.settles(branched) == 0


def test_any_of_several_filters_will_do_and_pull_requests_never_come(rig: Rig) -> None:
    repository = Repository(rig, "several")
    either = repository.pipeline({"branches": {"includes": ["a"]}}, {"branches": {"includes": ["b"]}})
    asked = repository.pipeline(pullRequest=[{"branches": {"includes": ["**"]}}])
    pushed = repository.on("b", file="2")
    assert repository.commits(either, 1) == [(pushed, "b")]
    assert repository.settles(asked) == 0


def test_the_first_push_to_a_repository_that_was_not_there_counts(rig: Rig) -> None:
    configuration = {"ConnectionArn": CONNECTION, "FullRepositoryId": "acme/late", "BranchName": "main"}
    read = action("Read", "Source/CodeStarSourceConnection", configuration, outputArtifacts=[{"name": "Bundle"}])
    name = rig.create(stage("Source", read), stage("Ask", approval()))
    assert rig.ends(name, rig.first_execution(name)) == "Failed"
    repository = Repository(rig, "late")
    assert repository.commits(name, 1) == [(repository.first, "main")]
    assert detail(rig, name, repository.started(name)[0]["pipelineExecutionId"], "Read")["status"] == "Succeeded"
