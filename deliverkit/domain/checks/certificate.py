"""How long a certificate is still good: one of AWS Certificate Manager, or the one that an address serves.

    seen: {at: 2026-11-28T12:00:00+00:00,
           certificates: [{name, region, status: ISSUED, not_after, in_use: 2, renewal: PENDING_AUTO_RENEWAL}],
           served: [{address, not_after} | {address, invalid: why} | {address, error: why}]}

What is served must be trusted, be of that host, and have `days` left; what ACM keeps must be issued and in use besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.telling import Found, plainly, together
from deliverkit.domain.gate import Verdict

_DAY = 86400


@plainly
def assess(spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Passed when every certificate is good for long enough."""
    if "at" not in seen:
        return Assessment(Verdict.ERROR, "no certificate was looked at")
    at = datetime.fromisoformat(seen["at"])
    ends = [each["not_after"] for each in (*seen["certificates"], *seen["served"]) if each.get("not_after")]
    value = min((_days_left(each, at) for each in ends), default=None)
    found = [*_kept(spec, seen, at), *_served(spec, seen, at)]
    return together(found, nothing="there is no certificate", value=value)


def _kept(spec: Spec, seen: Seen, at: datetime) -> Iterator[Found]:
    for each in seen["certificates"]:
        where = f"certificate {each['name']} ({each['region']})"
        if each["status"] == "PENDING_VALIDATION":
            yield Verdict.INCONCLUSIVE, f"{where} waits for its domain to be validated"
        elif each["status"] != "ISSUED":
            end = f":{_ending(each, at)}" if each.get("not_after") else ""
            yield Verdict.FAILED, f"{where} is {each['status']}, not ISSUED{end}"
        elif spec["in_use"] and not each["in_use"]:
            yield Verdict.FAILED, f"{where} is used by nothing"
        else:
            yield _judged(where, each, spec, at)


def _served(spec: Spec, seen: Seen, at: datetime) -> Iterator[Found]:
    for each in seen["served"]:
        where = f"the certificate of {each['address']}"
        if each.get("error"):
            yield Verdict.ERROR, f"{where} cannot be seen: {each['error']}"
        elif each.get("invalid"):
            yield Verdict.FAILED, f"{where} is not good: {each['invalid']}"
        else:
            yield _judged(where, each, spec, at)


def _judged(where: str, certificate: Mapping[str, Any], spec: Spec, at: datetime) -> Found:
    if not certificate.get("not_after"):
        return Verdict.ERROR, f"{where} tells no end"
    needed = int(spec["days"])
    verdict = Verdict.PASSED if _days_left(certificate["not_after"], at) >= needed else Verdict.FAILED
    return verdict, f"{where}{_ending(certificate, at)}, {needed} days are needed{_renewal(certificate)}"


def _ending(certificate: Mapping[str, Any], at: datetime) -> str:
    if not certificate.get("not_after"):
        return ""
    left, day = _days_left(certificate["not_after"], at), str(certificate["not_after"])[:10]
    return f" ends on {day}, in {int(left)} days" if left >= 0 else f" expired on {day}, {int(-left)} days ago"


def _renewal(certificate: Mapping[str, Any]) -> str:
    """What ACM says of its renewal (ACM API reference, RenewalSummary)."""
    renewal = certificate.get("renewal")
    words = {
        "PENDING_AUTO_RENEWAL": "its renewal is under way",
        "PENDING_VALIDATION": "its renewal waits for the domain to be validated",
        "FAILED": "its renewal failed",
        "INELIGIBLE": "ACM does not renew it",
    }
    return f"; {words[renewal]}" if renewal in words else ""


def _days_left(not_after: str, at: datetime) -> float:
    return (datetime.fromisoformat(not_after) - at).total_seconds() / _DAY
