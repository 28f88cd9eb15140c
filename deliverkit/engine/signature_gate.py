"""Checks that the release which is promoted still verifies: its signature, its provenance, its bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import ERROR, measurement
from deliverkit.domain.gate import Check, Measurement
from deliverkit.domain.release import Release
from deliverkit.domain.trust import Finding, Verdict
from deliverkit.errors import DeliverkitError, IntegrityError, NotFoundError
from deliverkit.ports import Clock, ReleaseStore

Verify = Callable[[Release], Iterable[Finding]]
"""What `deliverkit release verify` does."""


class SignatureCheck:
    """Measures checks of kind `signature`."""

    def __init__(self, releases: Callable[[], ReleaseStore], verify: Verify, *, clock: Clock) -> None:
        """Take where releases are, what verifies them, and the clock that dates measurements."""
        self._releases = releases
        self._verify = verify
        self._clock = clock

    def measure(self, check: Check, context: CheckContext) -> Measurement:
        """Verify the release once, from its record to the last byte of its bundle."""
        version, digest = context.values["release.version"], context.values["release.digest"]
        try:
            seen = {"version": version, "digest": digest, "findings": self._findings(version, digest)}
        except (DeliverkitError, ValueError) as error:
            seen = {ERROR: str(error)}
        return measurement(check, self._clock.now(), seen, query=f"deliverkit release verify {version}")

    def _findings(self, version: str, digest: str) -> list[Mapping[str, Any]]:
        try:
            release = self._releases().get(version)
            found = list(self._verify(release)) if release.digest == digest else [_replaced(release, digest)]
        except (NotFoundError, IntegrityError) as error:
            found = [Finding("record", Verdict.BROKEN, error.message)]
        return [{"check": each.check, "verdict": each.verdict.value, "said": each.said} for each in found]


def _replaced(release: Release, digest: str) -> Finding:
    return Finding("record", Verdict.BROKEN, f"{release.version} is on record with {release.digest}, not {digest}")
