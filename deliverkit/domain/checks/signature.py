"""Signature, provenance and bundle of the release that is promoted, as `deliverkit release verify` finds them.

    seen: {version, digest, findings: [{check: signature, verdict: holds, said: signed by ...}]}

Anything broken fails. A release whose signature nobody looked at is an error: nothing has been proved.
"""

from __future__ import annotations

from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.telling import plainly, some
from deliverkit.domain.gate import Verdict
from deliverkit.domain.trust import Verdict as Holding

SIGNATURE = "signature"


@plainly
def assess(_spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Passed only when the signature holds now, and nothing else is broken."""
    findings, version = seen.get("findings", ()), seen.get("version", "the release")
    broken = [each for each in findings if each["verdict"] == Holding.BROKEN]
    if broken:
        told = some([f"{each['check']}: {' '.join(str(each['said']).split())}" for each in broken])
        return Assessment(Verdict.FAILED, f"{version} does not verify: {told}")
    signed = [each for each in findings if each["check"] == SIGNATURE]
    if not signed or signed[0]["verdict"] != Holding.HOLDS:
        why = signed[0]["said"] if signed else "nobody looked at the signature"
        return Assessment(Verdict.ERROR, f"nothing is proved of {version}: {why}")
    holding = [each["check"] for each in findings if each["verdict"] == Holding.HOLDS]
    return Assessment(Verdict.PASSED, f"{version} is {signed[0]['said']}; what holds: {', '.join(holding)}")
