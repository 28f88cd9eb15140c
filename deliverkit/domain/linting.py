"""What the lint of an appspec is told: the hosts it will reach, and what somebody decided to live with."""

from __future__ import annotations

from dataclasses import dataclass, field

MAX_REVISIONS = 5
"""Releases that the host agent keeps unless its own configuration says otherwise."""


@dataclass(frozen=True, slots=True)
class Hosts:
    """What is declared about the hosts; nothing is guessed about what is not.

    Attributes:
        os: `linux` or `windows`; None when it is not said.
        free_disk: Bytes that are free for the agent's folder; None when it is not said.
        max_revisions: Releases that the agent keeps for each deployment group.
        style: `in-place` or `blue-green`; None when it is not said.
        has_load_balancer: Whether the deployment group has one; None when it is not said.
    """

    os: str | None = None
    free_disk: int | None = None
    max_revisions: int = MAX_REVISIONS
    style: str | None = None
    has_load_balancer: bool | None = None


@dataclass(frozen=True, slots=True)
class AllowedRule:
    """A rule whose findings are lived with in the whole build.

    Attributes:
        rule: Its id, as it was written.
        reason: Why.
        file: Where that was written.
        line: Counted from 1.
        column: Counted from 1.
    """

    rule: str
    reason: str
    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class LintPolicy:
    """What is known and decided before a build is looked at."""

    hosts: Hosts = field(default_factory=Hosts)
    allow: tuple[AllowedRule, ...] = ()
