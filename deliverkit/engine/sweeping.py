"""Strays: bundles that no record names and uploads that nobody completed, judged and removed one after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from deliverkit.domain.release import Release
from deliverkit.domain.strays import SAFE_AGE, JudgedStray, Stray, StrayKind, StrayNeeds, reasons_of, unnamed
from deliverkit.ports import Clock

BECAUSE = "in no release's record, as a packaging leaves it that dies before it ends"


class StrayRemover(Protocol):
    """Finds and removes what no release names."""

    def begun(self) -> tuple[Release, ...]:
        """Releases whose removal was begun and not ended: their bundles are no strays."""
        ...

    def found(self) -> tuple[Stray, ...]:
        """All bundles and all unfinished uploads in the store.

        Raises:
            UnreachableError: If the store does not answer, denies it, or does not list them to the end.
        """
        ...

    def digest_of(self, stray: Stray) -> str:
        """What the bytes of a bundle have; empty when nothing tells."""
        ...

    def stray_locked_until(self, stray: Stray) -> str:
        """Until when the store refuses to remove a bundle, in words; empty when it does not.

        Raises:
            UnreachableError: If the store does not answer, or denies to tell.
        """
        ...

    def remove_stray(self, stray: Stray) -> int:
        """Remove a stray with what lies around it; 0 when it is gone, or more was sent since it was found.

        Raises:
            UnreachableError: If the store denies it or does not answer; what is left is found again.
        """
        ...


NeedsOf = Callable[[Sequence[Release]], StrayNeeds]
"""What may need a bundle, asked anew, for the records that there are now."""


class Sweeper:
    """Judges strays."""

    def __init__(
        self, remover: StrayRemover, releases: Callable[[], Sequence[Release]], needs_of: NeedsOf, clock: Clock
    ) -> None:
        """Take what is asked; `releases` gives all records, read anew."""
        self._remover = remover
        self._releases = releases
        self._needs_of = needs_of
        self._clock = clock

    def judge(self) -> tuple[JudgedStray, ...]:
        """Everything in the store that no record names.

        Raises:
            IntegrityError: If a record cannot be read.
            UnreachableError: If something that must be read does not answer.
        """
        found = self._remover.found()
        # Only now, for a record that came meanwhile names what was found before.
        releases = self._releases()
        now = self._clock.now()
        strays = unnamed(found, (*releases, *self._remover.begun()))
        if not strays:
            return ()
        needs = self._needs_of(releases)
        known = (self._with_digest(each, now) for each in strays)
        return tuple(JudgedStray(each, reasons_of(each, needs, now=now)) for each in known)

    def objection(self, stray: Stray) -> str:
        """Why a stray that was judged must not go now after all; empty when it may, as far as others need it.

        Raises:
            IntegrityError: If a record cannot be read.
            UnreachableError: If something that must be read does not answer.
        """
        if stray.kind is StrayKind.UPLOAD:
            return ""  # nobody can need what is no bundle yet; whether somebody goes on with it, its removal sees
        releases = self._releases()
        if not unnamed((stray,), (*releases, *self._remover.begun())):
            return "a record names it by now"
        reasons = reasons_of(stray, self._needs_of(releases), now=self._clock.now())
        return "; ".join(reasons)

    def _with_digest(self, stray: Stray, now: datetime) -> Stray:
        is_asked = stray.kind is StrayKind.BUNDLE and now - stray.at >= SAFE_AGE
        return replace(stray, digest=self._remover.digest_of(stray)) if is_asked else stray
