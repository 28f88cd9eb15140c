"""Checks that the release which is promoted still verifies: its signature, its provenance, its bundle."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from deliverkit.background import Background
from deliverkit.check_ports import CheckContext
from deliverkit.domain.checks import ERROR, measurement
from deliverkit.domain.checks.telling import one_line
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
        self._verifications = Background[list[Mapping[str, Any]]]()

    def measure(self, check: Check, context: CheckContext) -> Measurement | None:
        """Verify the release once, from its record to the last byte of its bundle; None while that takes its time."""
        version, digest = (context.values.get(f"release.{each}", "") for each in ("version", "digest"))
        sample = context.samples.get(check.key, check.key)
        try:
            findings = self._verifications.outcome(sample, partial(self._findings, version, digest))
            seen = {"version": version, "digest": digest, "findings": findings}
        except (DeliverkitError, ValueError) as error:
            findings, seen = [], {ERROR: one_line(str(error))}
        if findings is None:
            return None
        return measurement(check, self._clock.now(), seen, query=f"deliverkit release verify {version}")

    def _findings(self, version: str, digest: str) -> list[Mapping[str, Any]]:
        if not version:
            raise ValueError("there is no release here whose signature could be verified")
        try:
            release = self._releases().get(version)
            found = list(self._verify(release)) if release.digest == digest else [_replaced(release, digest)]
        except (NotFoundError, IntegrityError) as error:
            found = [Finding("record", Verdict.BROKEN, error.message)]
        return [{"check": each.check, "verdict": each.verdict.value, "said": each.said} for each in found]


def _replaced(release: Release, digest: str) -> Finding:
    return Finding("record", Verdict.BROKEN, f"{release.version} is on record with {release.digest}, not {digest}")
