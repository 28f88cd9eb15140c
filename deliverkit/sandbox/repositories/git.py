"""Reading a git repository: the head of a branch, a commit, its files as a ZIP."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PATIENCE_SECONDS = 60
_FORMAT = "%H%x00%aI%x00%cI%x00%B"


class GitError(Exception):
    """git said no; the message is what it said."""


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit.

    Attributes:
        id: Its hash.
        author_date: ISO 8601.
        committer_date: ISO 8601.
        message: Whole, without the line at its end.
    """

    id: str
    author_date: str
    committer_date: str
    message: str


def make_bare(path: Path) -> None:
    """Make an empty bare repository, if there is none.

    Raises:
        GitError: If git cannot.
    """
    if not path.exists():
        path.mkdir(parents=True)
        _git(path, "init", "--quiet", "--bare", "--initial-branch=main")


def head_of(path: Path, branch: str) -> Commit | None:
    """The newest commit of a branch; None when there is no such branch."""
    try:
        return commit_of(path, f"refs/heads/{branch}")
    except GitError:
        return None


def commit_of(path: Path, revision: str) -> Commit:
    """A commit by its hash or reference.

    Raises:
        GitError: If there is none.
    """
    told = _git(path, "log", "-1", f"--format={_FORMAT}", "--end-of-options", revision).decode(errors="replace")
    identity, author_date, committer_date, message = told.split("\0", 3)
    return Commit(identity, author_date, committer_date, message.strip())


def references(path: Path) -> dict[str, str]:
    """The commit of every branch and tag, by `refs/heads/...` and `refs/tags/...`; none of what is no repository."""
    wanted = "%(refname)%00%(objectname)%00%(*objectname)"
    try:
        told = _git(path, "for-each-ref", f"--format={wanted}", "refs/heads", "refs/tags").decode(errors="replace")
    except GitError:
        return {}
    parts = (line.split("\0") for line in told.splitlines())
    return {name: commit or identity for name, identity, commit in parts}


def changed_files(path: Path, before: str, after: str) -> list[str]:
    """Paths of the files that differ between two commits; without a first one, those that the second one changed."""
    told = b""
    if before:
        with suppress(GitError):
            return _names(_git(path, "diff", "--name-only", "-z", "--no-renames", before, after))
    with suppress(GitError):
        told = _git(path, "diff-tree", "--no-commit-id", "--name-only", "-z", "-r", "--root", after)
    return _names(told)


def _names(told: bytes) -> list[str]:
    return [name for name in told.decode(errors="replace").split("\0") if name]


def archive(path: Path, commit: str) -> bytes:
    """The files of a commit as a ZIP.

    Raises:
        GitError: If there is no such commit.
    """
    return _git(path, "archive", "--format=zip", commit)


def file_of(path: Path, commit: str, name: str) -> bytes:
    """A file of a commit.

    Raises:
        GitError: If there is no such commit, or no such file in it.
    """
    return _git(path, "show", "--end-of-options", f"{commit}:{name}")


def clone(path: Path, commit: str, directory: Path) -> None:
    """A whole clone, standing at a commit.

    Raises:
        GitError: If there is no such commit, or the directory exists.
    """
    _git(path, "clone", "--quiet", "--no-hardlinks", "--", str(path.resolve()), str(directory))
    _git(directory, "checkout", "--quiet", "--detach", commit)


def _git(path: Path, *arguments: str) -> bytes:
    # The user's own git configuration must not change what a pipeline reads, nor may git ask for anything.
    environment = {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "HOME": str(path), "LANG": "C.UTF-8"}
    environment |= {"GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0"}
    command = ["git", "-c", "safe.directory=*", "-C", str(path), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, env=environment, timeout=PATIENCE_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GitError(f"git could not be run: {error}") from error
    if done.returncode:
        raise GitError(done.stderr.decode(errors="replace").strip() or f"git ended with {done.returncode}")
    return done.stdout
