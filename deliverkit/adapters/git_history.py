"""Commits between two revisions of the local repository; nothing is fetched."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

from deliverkit.adapters import git
from deliverkit.domain.changes import Commit, CommitRange
from deliverkit.errors import DeliverkitError

_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_FIELD = "\x1f"
_FORMAT = "%H%x1f%P%x1f%an%x1f%cI%x1f%s%x1f%b"


def commits_between(path: Path, old: str, new: str) -> CommitRange:
    """What two commits do not have in common, as far as the repository around a path knows.

    Args:
        path: A directory, or a file in one.
        old: Full id of the earlier commit.
        new: Full id of the later commit.

    Returns:
        The commits of either side; `unknown` says why some or all of them cannot be told.
    """
    try:
        return _between(path, old, new)
    except DeliverkitError as error:
        # Whoever compares releases wants to see the files even where git cannot be asked.
        return CommitRange(unknown=error.message)


def _between(path: Path, old: str, new: str) -> CommitRange:
    if not git.is_in_repository(path):
        return CommitRange(unknown=f"{path} is in no git repository")
    for commit in (old, new):
        if not _is_known(path, commit):
            return CommitRange(unknown=f"commit {commit[:10]} is not in the repository at {path} (git fetch)")
    is_shallow = git.attempt(path, "rev-parse", "--is-shallow-repository") == "true"
    unknown = f"the repository at {path} is shallow, commits may be missing (git fetch --unshallow)"
    return CommitRange(_only_in(path, new, old), _only_in(path, old, new), unknown if is_shallow else "")


def _is_known(path: Path, commit: str) -> bool:
    is_id = _ID.fullmatch(commit) is not None  # what comes from a record is not trusted to be no option
    return is_id and bool(git.attempt(path, "rev-parse", "--verify", "--quiet", f"{commit}^{{commit}}"))


def _only_in(path: Path, commit: str, other: str) -> tuple[Commit, ...]:
    """Commits that are reached from one and not from the other, the newest first."""
    settings = ("-c", "log.showSignature=false", "-c", "i18n.logOutputEncoding=UTF-8")
    told = git.ask(path, *settings, "log", "-z", "--no-color", f"--format={_FORMAT}", commit, f"^{other}")
    return tuple(_commit(record) for record in told.split("\0") if record.strip())


def _commit(record: str) -> Commit:
    commit, parents, author, at, subject, body = record.lstrip("\n").split(_FIELD, 5)
    moment = datetime.fromisoformat(at).astimezone(UTC)
    return Commit(commit, author, moment, subject, body.strip(), is_merge=len(parents.split()) > 1)
