"""What lies between two source revisions: commits, and the tickets that their messages name."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from deliverkit.domain.release_rules import TicketRules


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit.

    Attributes:
        id: Full hexadecimal commit id.
        author: Name of its author.
        at: When it was committed, UTC.
        subject: First line of its message.
        message: The rest of it.
        is_merge: True when it has more than one parent.
    """

    id: str
    author: str
    at: datetime
    subject: str
    message: str = ""
    is_merge: bool = False

    @property
    def short_id(self) -> str:
        """Enough of the id to find it."""
        return self.id[:10]


@dataclass(frozen=True, slots=True)
class CommitRange:
    """Commits between two revisions.

    Attributes:
        added: Reached from the new revision alone, the newest first.
        dropped: Reached from the old revision alone: work that the new release takes back or never had.
        unknown: Why nothing, or not all, can be said; empty when all commits are known.
    """

    added: tuple[Commit, ...] = ()
    dropped: tuple[Commit, ...] = ()
    unknown: str = ""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A ticket that commits name.

    Attributes:
        name: As it is written in them.
        url: Where it is; empty when the configuration does not say.
        commits: Ids of the commits that name it.
    """

    name: str
    url: str
    commits: tuple[str, ...]


def tickets_in(commits: Iterable[Commit], rules: TicketRules) -> tuple[Ticket, ...]:
    """The tickets that commits name, in natural order."""
    pattern = re.compile(rules.pattern)
    found: dict[str, list[str]] = {}
    for commit in commits:
        for name in _names(pattern, f"{commit.subject}\n{commit.message}"):
            found.setdefault(name, []).append(commit.id)
    named = sorted(found, key=_natural)
    return tuple(Ticket(name, _address(rules.url, name), tuple(found[name])) for name in named)


def _names(pattern: re.Pattern[str], text: str) -> Iterable[str]:
    """Each ticket once."""
    found = (match[1] if pattern.groups else match[0] for match in pattern.finditer(text))
    return dict.fromkeys(name for name in found if name)


def _address(url: str, name: str) -> str:
    return url.replace("{}", name.removeprefix("#")) if url else ""


def _natural(name: str) -> list[tuple[bool, int, str]]:
    return [(not part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name)]
