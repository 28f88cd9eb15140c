"""Telling a promotion's commit how it fares, where the configuration says so. It never fails what it tells of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.errors import DeliverkitError

if TYPE_CHECKING:
    from deliverkit.build_ports import CommitStatuses
    from deliverkit.cli.streams import Console
    from deliverkit.domain.commit_status import CommitStatus
    from deliverkit.domain.rollout import Rollout


class CommitNews:
    """Says each status once."""

    def __init__(self, statuses: CommitStatuses, console: Console) -> None:
        """Take where it is said."""
        self._statuses = statuses
        self._console = console
        self._said: CommitStatus | None = None

    def begin(self, rollout: Rollout) -> None:
        """Say that the promotion is under way, unless something was said before."""
        if self._said is None:
            self.tell(rollout)

    def tell(self, rollout: Rollout) -> bool:
        """Say how the commit stands now; True when it is said."""
        try:
            return self._tell(rollout)
        except Exception as error:  # noqa: BLE001  (whatever is wrong with the news, the delivery goes on)
            self._console.tell(f"warning: {self._commit} is not told: {_why(error)}")
            return False

    @property
    def _commit(self) -> str:
        return f"commit {self._said.commit[:10]}" if self._said else "the commit"

    def _tell(self, rollout: Rollout) -> bool:
        from deliverkit.domain.build_claims import web_address  # noqa: PLC0415
        from deliverkit.domain.commit_status import status_of  # noqa: PLC0415

        status = status_of(rollout, url=web_address(self._console.environ.get("BUILD_URL", "")))
        if status is None:
            self._console.tell("warning: no commit is told: the release is not exactly what one holds")
            return False
        if status != self._said:
            self._said = status  # also when it fails: once is told, and tried again when there is something new
            self._statuses.state(status)
        return True


def _why(error: Exception) -> str:
    if not isinstance(error, DeliverkitError):
        return str(error) or type(error).__name__
    return f"{error.message} ({error.hint})" if error.hint else error.message
