"""What a delivery works with, as the composition root puts it together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from deliverkit.build_ports import CommitStatuses
    from deliverkit.delivery import PackagedRelease, PackagingChoices
    from deliverkit.engine.blueprint import Blueprint
    from deliverkit.engine.catalogue import Catalogue
    from deliverkit.engine.gate_runs import GateRuns
    from deliverkit.engine.journal import Journal
    from deliverkit.engine.planner import Planner
    from deliverkit.engine.promotions import Promotions
    from deliverkit.ports import Clock, Identity, Ledger, LockService, ReleaseStore

    Packager = Callable[[Path | None, PackagingChoices], PackagedRelease]


class Parts(Protocol):
    """What a delivery works with; each is made when it is first asked for, so that reading pays for no driving."""

    @property
    def blueprint(self) -> Blueprint:
        """Environments, gates and pipeline."""
        ...

    @property
    def releases(self) -> ReleaseStore:
        """Where bundles and releases lie."""
        ...

    @property
    def ledger(self) -> Ledger:
        """Where everything that happened is recorded."""
        ...

    @property
    def locks(self) -> LockService:
        """Leases, in the same store."""
        ...

    @property
    def identity(self) -> Identity:
        """Who we are to AWS; asking costs a call."""
        ...

    @property
    def packager(self) -> Packager:
        """Makes releases of builds."""
        ...

    @property
    def journal(self) -> Journal:
        """The application's stream."""
        ...

    @property
    def planner(self) -> Planner:
        """Computes plans."""
        ...

    @property
    def promotions(self) -> Promotions:
        """Everything that can be done to promotions."""
        ...

    @property
    def gate_runs(self) -> GateRuns:
        """Everything that can be done to runs of gates outside of promotions."""
        ...

    @property
    def catalogue(self) -> Catalogue:
        """Reads, copies and removes releases."""
        ...

    @property
    def clock(self) -> Clock:
        """The time where we deliver to."""
        ...

    @property
    def commit_statuses(self) -> CommitStatuses | None:
        """Where commits are told how they fare; None for nowhere."""
        ...
