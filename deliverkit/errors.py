"""What can go wrong, as types that carry the advice to give and the exit code to leave with.

Nothing here prints: the command line's one error boundary renders `message` and `hint` and exits with `exit_code`.
"""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes that Jenkinsfiles read; the table with their meanings is in `docs/reference/exit-codes.md`."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    ROLLED_BACK = 3
    HUMAN_NEEDED = 4
    WAITING = 5
    REJECTED = 6
    LOCKED = 7
    UNREACHABLE = 8
    INTEGRITY = 9
    INTERNAL = 70
    INTERRUPTED = 130
    TERMINATED = 143


class DeliverkitError(Exception):
    """An expected failure, told in one screen.

    Attributes:
        message: What went wrong and where: one or a few full lines, no trailing stop needed.
        hint: The next command to type or thing to change; empty when there is nothing sensible to advise.
        exit_code: What the command line leaves with.
    """

    exit_code: ExitCode = ExitCode.FAILED

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(DeliverkitError):
    """The command was typed or configured wrongly; nothing was tried."""

    exit_code = ExitCode.USAGE


class NotFoundError(DeliverkitError):
    """A named thing (release, promotion, pipeline, deployment group) does not exist."""


class ConflictError(DeliverkitError):
    """The thing exists already, with other content, or is in a state that forbids the request."""


class LockedError(DeliverkitError):
    """Another promotion holds the environment, or a freeze, window or quarantine forbids this one."""

    exit_code = ExitCode.LOCKED


class RejectedError(DeliverkitError):
    """An approver has said no, or nobody said yes in time."""

    exit_code = ExitCode.REJECTED


class NotEntitledError(DeliverkitError):
    """The person may not decide this; nothing was recorded."""

    exit_code = ExitCode.REJECTED


class FencedError(LockedError):
    """Another process took this promotion over while we were away; whatever we meant to do is now its business."""


class UnreachableError(DeliverkitError):
    """AWS, Jenkins or the sandbox does not answer, throttles beyond patience, or denies permission.

    Attributes:
        may_pass: False for what waiting mends only where it was well before, such as a host without an address.
    """

    exit_code = ExitCode.UNREACHABLE
    may_pass = True


class DeniedError(UnreachableError):
    """It answers, and does not let us in or not do this: waiting helps nothing."""

    may_pass = False


class MisaddressedError(UnreachableError):
    """There is nothing at the address, or something else than what we look for."""

    may_pass = False


class IntegrityError(DeliverkitError):
    """A digest, a signature or the ledger's chain does not verify."""

    exit_code = ExitCode.INTEGRITY
