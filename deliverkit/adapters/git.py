"""The git repository a build comes from: which commit, which tag, and whether anything differs from it.

Only the local repository is asked: no remote is ever contacted, and no credentials in a remote's address are told.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.domain.release import SourceRevision
from deliverkit.errors import DeliverkitError, NotFoundError, UsageError

if TYPE_CHECKING:
    from git.cmd import Git

# What ties git to one repository (`git rev-parse --local-env-vars`, and its neighbours): set by git itself around
# hooks, and by continuous integration servers, it would make us describe another repository than the one asked about.
# Configuration (GIT_CONFIG_COUNT and so on) stays: that is how containers declare a safe.directory.
_INHERITED = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_IMPLICIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_COMMON_DIR", "GIT_PREFIX"),
    *("GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_SHALLOW_FILE", "GIT_GRAFT_FILE"),
    *("GIT_NAMESPACE", "GIT_REPLACE_REF_BASE", "GIT_NO_REPLACE_OBJECTS", "GIT_CEILING_DIRECTORIES"),
    *("GIT_INTERNAL_SUPER_PREFIX", "GIT_DEFAULT_HASH", "GIT_LITERAL_PATHSPECS", "GIT_ICASE_PATHSPECS"),
)
_CREDENTIALS = re.compile(r"://[^/@\s]+@")
_USERINFO = re.compile(r"://[^/\s]*@")
_NO_PROGRAM = 127  # env(1) when it does not find the program


def source_revision(path: Path) -> SourceRevision | None:
    """The commit that is checked out around a path.

    Args:
        path: A directory, or a file in one.

    Returns:
        The commit with its tag and branch, dirty when anything tracked differs or untracked files are not ignored;
        None when the path is in no repository.

    Raises:
        UsageError: If git is missing, the repository has no commits yet or belongs to somebody else.
        DeliverkitError: If git fails otherwise.
    """
    directory = _directory(path)
    if not _is_in_repository(directory):
        return None
    commit = _commit(directory)
    return SourceRevision(
        commit=commit,
        tag=_try(directory, "describe", "--tags", "--exact-match", commit) or None,
        branch=_try(directory, "symbolic-ref", "--quiet", "--short", "HEAD") or None,
        is_dirty=_is_dirty(directory),
    )


def describe(path: Path) -> str:
    """The version that git gives to a path: `git describe --tags --always --dirty`, untracked files being dirt too.

    Args:
        path: A directory, or a file in one.

    Returns:
        For instance `v1.4.0`, `v1.4.0-3-g1a2b3c4` or `1a2b3c4-dirty`.

    Raises:
        NotFoundError: If the path is in no repository.
        UsageError: If git is missing, the repository has no commits yet or belongs to somebody else.
        DeliverkitError: If git fails otherwise.
    """
    directory = _directory(path)
    if not _is_in_repository(directory):
        raise NotFoundError(
            f"{directory} is in no git repository, so git cannot name the version",
            hint="Set release.version in deliverkit.yml to a file, an environment variable or a literal",
        )
    version = _run(directory, "describe", "--tags", "--always", _commit(directory))
    return f"{version}-dirty" if _is_dirty(directory) else version


def repository(path: Path) -> str:
    """The address of the repository that a path's commits are shared through, without user and password.

    Returns:
        The address of `origin`, or of the only remote; empty when there is none, several of other names, or no
        repository.

    Raises:
        UsageError: If git is missing, or the repository belongs to somebody else.
        DeliverkitError: If git fails otherwise.
    """
    directory = _directory(path)
    if not _is_in_repository(directory):
        return ""
    remotes = _run(directory, "remote").split()
    name = "origin" if "origin" in remotes else remotes[0] if len(remotes) == 1 else ""
    address = _try(directory, "remote", "get-url", name) if name else ""
    if address and ":" not in address.partition("/")[0]:
        # Neither a scheme nor scp's `host:path`: a folder, which git looks for from the top of the repository.
        return (Path(_run(directory, "rev-parse", "--show-toplevel")) / address).resolve().as_uri()
    return _USERINFO.sub("://", address)


def check_out(path: Path, commit: str, destination: Path) -> Path:
    """Check a commit out into a fresh directory of its own; the repository that it comes from is only read.

    Args:
        path: A directory in the repository.
        commit: Full commit id.
        destination: The directory to make.

    Returns:
        What the path is in the new directory.

    Raises:
        NotFoundError: If the commit is not in this repository.
        UsageError: If the path is in no repository, or the commit has no such directory.
        DeliverkitError: If git fails otherwise.
    """
    directory = _directory(path)
    if not _is_in_repository(directory):
        raise UsageError(f"{directory} is in no git repository", hint="go to the repository that the release is from")
    if not _try(directory, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"):
        raise NotFoundError(
            f"the repository at {directory} has no commit {commit}", hint="git fetch --unshallow --tags"
        )
    top = Path(_run(directory, "rev-parse", "--show-toplevel"))
    inside = directory.resolve().relative_to(top.resolve())
    # A shared clone takes no time and no space, and leaves no worktree behind when it is deleted.
    _run(top, "clone", "--quiet", "--shared", "--no-checkout", str(top), str(destination))
    _run(destination, "checkout", "--quiet", "--detach", commit)
    if (destination / ".gitmodules").exists():
        _run(destination, "submodule", "--quiet", "update", "--init", "--recursive")
    if not (destination / inside).is_dir():
        raise UsageError(f"commit {commit} has no directory {inside}", hint="git log shows when it was moved")
    return destination / inside


def committed_at(path: Path) -> str:
    """When the checked-out commit was made, in seconds since 1970, as SOURCE_DATE_EPOCH wants it."""
    return _run(_directory(path), "log", "-1", "--format=%ct")


def is_in_repository(path: Path) -> bool:
    """True when the path lies in a git repository.

    Raises:
        UsageError: If git is missing, or the repository belongs to somebody else.
    """
    return _is_in_repository(_directory(path))


def ask(path: Path, *arguments: str) -> str:
    """What git answers in the repository around a path.

    Raises:
        UsageError: If git is missing, or the repository belongs to somebody else.
        DeliverkitError: If git fails otherwise.
    """
    return _run(_directory(path), *arguments)


def attempt(path: Path, *arguments: str) -> str:
    """What git answers; empty when it has no answer."""
    return _try(_directory(path), *arguments)


def _directory(path: Path) -> Path:
    if not path.exists():
        raise UsageError(f"There is no {path}", hint="Name a directory in the repository that the build comes from")
    return path if path.is_dir() else path.parent


def _is_in_repository(directory: Path) -> bool:
    status, _, complaint = _git(directory, "rev-parse", "--git-dir")
    # Git has one exit code for everything fatal, so its words must tell; they are asked for in the C locale.
    if status == 128 and "not a git repository" in complaint:
        return False
    _check(directory, status, complaint)
    return True


def _commit(directory: Path) -> str:
    commit = _try(directory, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if not commit:
        raise UsageError(
            f"The git repository at {directory} has no commits yet",
            hint="Commit something: git commit -a",
        )
    return commit


def _is_dirty(directory: Path) -> bool:
    if _run(directory, "rev-parse", "--is-inside-work-tree") != "true":
        return False  # a bare repository has nothing that could differ
    # A submodule's own untracked files count as well: they are packed like all others. What deliverkit itself keeps
    # beside the configuration is no part of the source, whether or not somebody told git to ignore it.
    how = ("--porcelain", "--untracked-files=normal", "--ignore-submodules=none")
    return bool(_run(directory, "status", *how, "--", ":(top)", ":(top,exclude,glob)**/.deliverkit/**"))


def _run(directory: Path, *arguments: str) -> str:
    status, output, complaint = _git(directory, *arguments)
    _check(directory, status, complaint)
    return output


def _try(directory: Path, *arguments: str) -> str:
    """Ask what need not have an answer; empty when it has none."""
    status, output, _ = _git(directory, *arguments)
    return output if status == 0 else ""


def _check(directory: Path, status: int, complaint: str) -> None:
    if status == 0:
        return
    if "dubious ownership" in complaint:
        raise UsageError(
            f"The git repository at {directory} belongs to another user, so git refuses to read it",
            hint=f"If you trust it: git config --global --add safe.directory {directory.resolve()}",
        )
    if status == _NO_PROGRAM:
        raise _missing_git()
    reason = _CREDENTIALS.sub("://***@", complaint).strip().removeprefix("fatal: ")
    raise DeliverkitError(f"git failed in {directory}: {reason or f'exit code {status}'}", hint="Try: git status")


def _git(directory: Path, *arguments: str) -> tuple[int, str, str]:
    """Run git, free of what an outer git left in the environment; exit code, output and complaints."""
    dropped = (word for name in _INHERITED for word in ("-u", name))
    # Asking must not write: no lock that a build running beside us could stumble over.
    command = ["env", *dropped, "git", "--no-optional-locks", *arguments]
    status, output, complaint = _in(directory).execute(command, with_extended_output=True, with_exceptions=False)
    return status, str(output), str(complaint)


def _in(directory: Path) -> Git:
    try:
        from git.cmd import Git  # noqa: PLC0415 - 90 ms that only releases made from git pay
    except ImportError as error:  # GitPython looks for the program when it is imported
        raise _missing_git() from error
    return Git(directory)


def _missing_git() -> UsageError:
    return UsageError(
        "git is not installed, or not on the PATH",
        hint="Install git, or set release.version in deliverkit.yml to a file, an environment variable or a literal",
    )
