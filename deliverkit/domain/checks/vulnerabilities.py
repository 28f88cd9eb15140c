"""Known vulnerabilities of what runs, or of the image that is to run, against limits by severity.

    seen: {at: 2026-11-28, what: image shop:1.2 (us-east-1), scanned: 1,
           pending: [{what, why}], uncovered: [{what, why}],
           found: [{id: CVE-2026-1, severity: critical, fix: true | false | null, package, on: 3}],
           more: {low: {fixable: 10, other: 90}}}

Each vulnerability counts once, on however many resources it is. An exception holds up to its date, that day included,
and then counts no more. Whether there is a fix is not always known; then there is one, for who counts only such.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.telling import plainly, some
from deliverkit.domain.gate import Verdict

SEVERITIES = ("critical", "high", "medium", "low", "informational", "untriaged")
"""Amazon Inspector's, gravest first; ECR's UNDEFINED is `untriaged`."""
_FIXES = {"True": ", a fix is there", "False": ", no fix yet"}

Entry = Mapping[str, Any]


@plainly
def assess(spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Failed above a limit; what is not scanned is never a pass."""
    limits: Mapping[str, int] = spec["limits"]
    if "what" not in seen:
        return Assessment(Verdict.ERROR, "no scan was looked at")
    if not limits:
        return Assessment(Verdict.ERROR, "no severity has a limit, so that anything would pass")
    counting = [each for each in seen["found"] if not _is_left_out(each, spec, seen)]
    counts = {severity: _count(severity, counting, seen, spec) for severity in limits}
    over = [f"{counts[each]} {each} > {limits[each]} tolerated" for each in limits if counts[each] > limits[each]]
    value, notes = float(sum(counts.values())), _notes(spec, seen)
    if over:
        grave = [each for each in counting if counts.get(each["severity"], 0) > limits.get(each["severity"], 0)]
        told = f"{seen['what']}: {', '.join(over)}: {some([_words(each) for each in grave]) or 'see the scan'}"
        return Assessment(Verdict.FAILED, told + notes, value)
    unscanned = _unscanned(seen, value)
    if unscanned:
        return unscanned
    told = ", ".join(f"{counts[each]} {each} of {limits[each]} tolerated" for each in limits)
    return Assessment(Verdict.PASSED, f"{seen['what']}: {told}{notes}", value)


def _unscanned(seen: Seen, value: float) -> Assessment | None:
    """What is to be said of whatever was not scanned, or not yet; None when all of it was."""
    if seen["uncovered"]:
        return Assessment(Verdict.ERROR, f"{seen['what']}: not scanned: {_whys(seen['uncovered'])}", value)
    if seen["pending"]:
        told = f"{seen['what']}: the scan is not over: {_whys(seen['pending'])}"
        return Assessment(Verdict.INCONCLUSIVE, told, value, is_open=True)
    if not seen["scanned"]:
        return Assessment(Verdict.ERROR, f"{seen['what']}: nothing was scanned")
    return None


def is_named(vulnerability: str, exceptions: Iterable[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The exception for a vulnerability, whether it still holds or not; None for none."""
    return next((each for each in exceptions if str(each["id"]).lower() == vulnerability.lower()), None)


def _is_expired(exception: Mapping[str, Any], seen: Seen) -> bool:
    # Dates as ISO 8601 writes them: their order is that of time.
    return bool(exception.get("until")) and str(exception["until"]) < str(seen["at"])[:10]


def _is_left_out(entry: Entry, spec: Spec, seen: Seen) -> bool:
    exception = is_named(entry["id"], spec.get("ignore", ()))
    if exception and not _is_expired(exception, seen):
        return True
    return bool(spec.get("fixable_only")) and entry.get("fix") is False


def _count(severity: str, counting: Iterable[Entry], seen: Seen, spec: Spec) -> int:
    more = seen.get("more", {}).get(severity, {})
    besides = int(more.get("fixable", 0)) + (0 if spec.get("fixable_only") else int(more.get("other", 0)))
    return sum(1 for each in counting if each["severity"] == severity) + besides


def _words(entry: Entry) -> str:
    fix = _FIXES.get(str(entry.get("fix")), "")
    on = f", on {entry['on']}" if entry.get("on", 1) > 1 else ""
    return f"{entry['id']} ({entry['severity']}{', ' + entry['package'] if entry.get('package') else ''}{on}{fix})"


def _whys(entries: Iterable[Mapping[str, Any]]) -> str:
    return some([f"{each['what']}: {each['why']}" for each in entries])


def _notes(spec: Spec, seen: Seen) -> str:
    """Which exceptions mattered: those that hold, and those that do not any more."""
    there = {str(each["id"]).lower() for each in seen["found"]}
    named = [each for each in spec.get("ignore", ()) if str(each["id"]).lower() in there]
    expired = [f"the exception for {e['id']} ended on {e['until']}" for e in named if _is_expired(e, seen)]
    holding = [
        f"{e['id']} is ignored{' until ' + str(e['until']) if e.get('until') else ''}: {e['reason']}"
        for e in named
        if not _is_expired(e, seen)
    ]
    told = some([*expired, *holding])
    return f"; {told}" if told else ""
