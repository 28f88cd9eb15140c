"""The source revision of a build, asked of real git repositories."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deliverkit.adapters import git
from deliverkit.errors import NotFoundError, UsageError


def run(directory: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=T", "-c", "user.email=t@example.org", "-c", "commit.gpgsign=false"]
    command = ["git", *identity, "-C", str(directory), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    run(root, "init", "-q", "-b", "main")
    (root / "file").write_text("1")
    run(root, "add", "file")
    run(root, "commit", "-qm", "first")
    return root


def test_a_clean_commit_on_a_branch(repository: Path) -> None:
    found = git.source_revision(repository)
    assert found is not None
    assert found.commit == run(repository, "rev-parse", "HEAD")
    assert (found.tag, found.branch, found.is_dirty) == (None, "main", False)
    assert git.describe(repository) == found.commit[:7]


def test_a_tag_names_the_version(repository: Path) -> None:
    run(repository, "tag", "v1.4.0")
    found = git.source_revision(repository / "file")
    assert found is not None
    assert found.tag == "v1.4.0"
    assert git.describe(repository) == "v1.4.0"


@pytest.mark.parametrize("name", ["file", "untracked"])
def test_what_differs_makes_it_dirty(repository: Path, name: str) -> None:
    run(repository, "tag", "v1.4.0")
    (repository / name).write_text("2")
    found = git.source_revision(repository)
    assert found is not None
    assert found.is_dirty
    assert git.describe(repository) == "v1.4.0-dirty"


def test_ignored_files_are_no_dirt(repository: Path) -> None:
    (repository / ".gitignore").write_text("build/\n")
    run(repository, "add", ".gitignore")
    run(repository, "commit", "-qm", "ignore")
    (repository / "build").mkdir()
    (repository / "build" / "out").write_text("x")
    found = git.source_revision(repository / "build")
    assert found is not None
    assert not found.is_dirty


def test_what_we_keep_beside_the_configuration_is_no_dirt(repository: Path) -> None:
    for place in (repository, repository / "services" / "shop"):
        (place / ".deliverkit" / "packed").mkdir(parents=True)
        (place / ".deliverkit" / "packed" / "1.digests").write_text("ours")
        found = git.source_revision(repository)
        assert found is not None
        assert not found.is_dirty
    (repository / "services" / "left.txt").write_text("theirs")
    found = git.source_revision(repository / "services" / "shop")
    assert found is not None
    assert found.is_dirty


def test_a_detached_head_has_no_branch(repository: Path) -> None:
    run(repository, "checkout", "-q", "--detach")
    found = git.source_revision(repository)
    assert found is not None
    assert found.branch is None


def test_a_shallow_clone_and_a_worktree_and_a_submodule(repository: Path, tmp_path: Path) -> None:
    shallow = tmp_path / "shallow"
    run(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", str(shallow))
    run(repository, "worktree", "add", "-q", str(tmp_path / "tree"))
    outer = tmp_path / "outer"
    outer.mkdir()
    run(outer, "init", "-q")
    run(outer, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(repository), "inner")
    commit = run(repository, "rev-parse", "HEAD")
    for place in (shallow, tmp_path / "tree", outer / "inner"):
        found = git.source_revision(place)
        assert found is not None
        assert found.commit == commit


def test_outside_of_a_repository(tmp_path: Path) -> None:
    assert git.source_revision(tmp_path) is None
    with pytest.raises(NotFoundError, match="in no git repository") as caught:
        git.describe(tmp_path)
    assert "release.version" in caught.value.hint


def test_a_repository_without_commits(tmp_path: Path) -> None:
    run(tmp_path, "init", "-q")
    with pytest.raises(UsageError, match="no commits yet"):
        git.source_revision(tmp_path)


def test_variables_of_an_outer_git_are_not_followed(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    found = git.source_revision(repository)
    assert found is not None
    assert found.branch == "main"


def test_a_repository_of_somebody_else_is_explained(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.getuid() == 0:
        for path in [repository, *repository.rglob("*")]:
            os.chown(path, 65534, 65534)
    else:
        monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with pytest.raises(UsageError, match="belongs to another user") as caught:
        git.source_revision(repository)
    assert "safe.directory" in caught.value.hint


# --- where commits are shared, and clean checkouts ---------------------------------------------------


@pytest.mark.parametrize(
    ("remote", "told"),
    [
        ("https://git.example.com/shop.git", "https://git.example.com/shop.git"),
        ("https://robot:hunter2@git.example.com/shop.git", "https://git.example.com/shop.git"),
        ("https://token@git.example.com/shop", "https://git.example.com/shop"),
        ("ssh://git:p@ss@git.example.com/shop", "ssh://git.example.com/shop"),
        ("git@git.example.com:team/shop.git", "git@git.example.com:team/shop.git"),
        ("/srv/git/shop.git", "file:///srv/git/shop.git"),
    ],
)
def test_a_remote_is_told_without_credentials(repository: Path, remote: str, told: str) -> None:
    run(repository, "remote", "add", "upstream", remote)
    assert git.repository(repository / "file") == told


def test_origin_is_the_remote_among_several(repository: Path) -> None:
    assert git.repository(repository) == ""
    run(repository, "remote", "add", "fork", "https://a/fork")
    run(repository, "remote", "add", "other", "https://a/other")
    assert git.repository(repository) == ""
    run(repository, "remote", "add", "origin", "https://a/origin")
    assert git.repository(repository) == "https://a/origin"


def test_outside_git_there_is_no_remote(tmp_path: Path) -> None:
    assert git.repository(tmp_path) == ""


def test_a_checkout_is_the_commit_and_leaves_the_repository_alone(repository: Path, tmp_path: Path) -> None:
    (repository / "sub").mkdir()
    (repository / "sub" / "inner").write_text("1")
    run(repository, "add", "sub")
    run(repository, "commit", "-qm", "second")
    commit = run(repository, "rev-parse", "HEAD")
    (repository / "file").write_text("changed")
    (repository / "untracked").write_text("x")
    before = run(repository, "status", "--porcelain")
    folder = git.check_out(repository / "sub", commit, tmp_path / "clean")
    assert folder == tmp_path / "clean" / "sub"
    assert (folder / "inner").read_text() == "1"
    assert (tmp_path / "clean" / "file").read_text() == "1"
    assert not (tmp_path / "clean" / "untracked").exists()
    assert git.committed_at(folder) == run(repository, "log", "-1", "--format=%ct")
    assert run(repository, "status", "--porcelain") == before
    assert run(repository, "worktree", "list").count("\n") == 0
    first = git.check_out(repository, run(repository, "rev-parse", "HEAD~1"), tmp_path / "first")
    assert not (first / "sub").exists()
    with pytest.raises(UsageError, match="no directory sub"):
        git.check_out(repository / "sub", run(repository, "rev-parse", "HEAD~1"), tmp_path / "again")


def test_a_commit_that_is_not_here_is_not_found(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="has no commit") as refusal:
        git.check_out(repository, "c" * 40, tmp_path / "clean")
    assert "git fetch" in refusal.value.hint
    assert not (tmp_path / "clean").exists()
    with pytest.raises(UsageError, match="in no git repository"):
        git.check_out(tmp_path, "c" * 40, tmp_path / "clean")


@pytest.mark.parametrize("remote", ["git.example.com/team/shop", "./git.example.com/team/shop"])
def test_a_remote_that_is_a_folder_is_told_as_the_folder(repository: Path, remote: str) -> None:
    """Git takes it from the top of the repository, wherever it is asked (git-clone(1), "GIT URLS")."""
    run(repository, "remote", "add", "origin", remote)
    (repository / "inside").mkdir()
    told = (repository / "git.example.com" / "team" / "shop").resolve().as_uri()
    assert git.repository(repository) == told
    assert git.repository(repository / "inside") == told
