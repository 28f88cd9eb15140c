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
        from deliverkit.domain.build_claims import web_address  # noqa: PLC0415
        from deliverkit.domain.commit_status import status_of  # noqa: PLC0415

        status = status_of(rollout, url=web_address(self._console.environ.get("BUILD_URL", "")))
        if status is None:
            self._console.tell("warning: no commit is told: the release is not exactly what one holds")
            return False
        if status == self._said:
            return True
        self._said = status  # also when it fails: once is told, and tried again when there is something new
        try:
            self._statuses.state(status)
        except (DeliverkitError, OSError) as error:
            message = error.message if isinstance(error, DeliverkitError) else str(error)
            hint = f" ({error.hint})" if isinstance(error, DeliverkitError) and error.hint else ""
            self._console.tell(f"warning: commit {status.commit[:10]} is not told: {message}{hint}")
            return False
        return True
