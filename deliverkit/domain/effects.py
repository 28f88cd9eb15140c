"""Effects a rollout asks for, and the facts that carrying them out brings back. Both are values; nothing here acts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deliverkit.domain.carriage import Carriage, Handle, TargetReport
from deliverkit.domain.gate import Measurement
from deliverkit.domain.release import Release
from deliverkit.domain.rollout import Cause


@dataclass(frozen=True, slots=True)
class Claim:
    """Take the lease of an environment."""

    environment: str


@dataclass(frozen=True, slots=True)
class Measure:
    """Take one measurement of each check, all at once.

    Attributes:
        leg: Index of the leg.
        checks: Their keys.
        release: The release that should be healthy.
    """

    leg: int
    checks: tuple[str, ...]
    release: Release


@dataclass(frozen=True, slots=True)
class Begin:
    """Begin a leg, or find the carriage that an earlier process began."""

    leg: int


@dataclass(frozen=True, slots=True)
class Locate:
    """Find out whether a leg was begun by a process that could not record it; never begins one."""

    leg: int


@dataclass(frozen=True, slots=True)
class Follow:
    """Look at an admitted leg, and answer the pipeline's entry approval if it stands in the way."""

    leg: int
    handle: Handle


@dataclass(frozen=True, slots=True)
class Look:
    """Look at a leg without touching anything."""

    leg: int
    handle: Handle


@dataclass(frozen=True, slots=True)
class Verify:
    """Ask every target of a leg which release it serves."""

    leg: int
    release: Release


@dataclass(frozen=True, slots=True)
class Accept:
    """Tell the pipeline that the leg was judged good, and look."""

    leg: int
    handle: Handle
    reason: str


@dataclass(frozen=True, slots=True)
class Announce:
    """Record that the environment now serves the release."""

    leg: int


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop whatever of the leg still runs, and look."""

    leg: int
    handle: Handle
    reason: str


@dataclass(frozen=True, slots=True)
class Revert:
    """Begin a new deployment of the leg's last good release.

    Attributes:
        leg: Index of the leg.
        attempt: From 1; from the second on without the pipeline, which failed to do it.
    """

    leg: int
    attempt: int


@dataclass(frozen=True, slots=True)
class FollowRevert:
    """Look at a leg's rollback, and answer the pipeline's entry approval if it stands in the way."""

    leg: int
    handle: Handle


@dataclass(frozen=True, slots=True)
class Settle:
    """Tell the pipeline that the rollback was verified, and look."""

    leg: int
    handle: Handle


@dataclass(frozen=True, slots=True)
class File:
    """Write the outcome into the application's journal and give the environments back."""


Effect = (
    Claim
    | Measure
    | Begin
    | Locate
    | Follow
    | Look
    | Verify
    | Accept
    | Announce
    | Stop
    | Revert
    | FollowRevert
    | Settle
    | File
)


@dataclass(frozen=True, slots=True)
class Claimed:
    """The lease is ours."""

    environment: str


@dataclass(frozen=True, slots=True)
class Measured:
    """Measurements came in."""

    measurements: tuple[Measurement, ...]


@dataclass(frozen=True, slots=True)
class Begun:
    """A leg is under way."""

    leg: int
    handle: Handle


@dataclass(frozen=True, slots=True)
class NotBegun:
    """A leg that an earlier process meant to begin was not begun."""

    leg: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The remote side refused for good; trying again would not help."""

    leg: int
    cause: Cause
    reason: str


@dataclass(frozen=True, slots=True)
class Seen:
    """A look at a leg."""

    leg: int
    carriage: Carriage


@dataclass(frozen=True, slots=True)
class Verified:
    """What the targets of a leg serve."""

    leg: int
    reports: tuple[TargetReport, ...]


@dataclass(frozen=True, slots=True)
class Announced:
    """The environment's new release is on record."""

    leg: int


@dataclass(frozen=True, slots=True)
class RevertBegun:
    """A rollback is under way."""

    leg: int
    handle: Handle


@dataclass(frozen=True, slots=True)
class RevertSeen:
    """A look at a leg's rollback."""

    leg: int
    carriage: Carriage


@dataclass(frozen=True, slots=True)
class Settled:
    """The pipeline's rollback execution ended well, or there was none."""

    leg: int


@dataclass(frozen=True, slots=True)
class Filed:
    """The journal has the outcome, and the leases are free."""


Fact = (
    Claimed
    | Measured
    | Begun
    | NotBegun
    | Refused
    | Seen
    | Verified
    | Announced
    | RevertBegun
    | RevertSeen
    | Settled
    | Filed
)


@dataclass(frozen=True, slots=True)
class Intent:
    """What to do next.

    Attributes:
        effects: To carry out now, in this order.
        wake_at: When to look again if nothing else happens.
    """

    effects: tuple[Effect, ...]
    wake_at: datetime
