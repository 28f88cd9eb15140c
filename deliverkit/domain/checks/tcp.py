"""Assessing connections over TCP: whether there was one, and what the other side said first.

`seen` holds `places`, one for each address:

    asked     tcp shop.example.com:5432
    seconds   from the first packet to the last byte of what was waited for
    greeting  the beginning of what it said, for people
    has       whether each expected text was in the greeting, by text
    filled    expected texts whose placeholders were filled in, by what the settings say
    silent    why there was no connection, which fails
    unusable  why it could not be asked, which is an error
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec, percentiles
from deliverkit.domain.checks.several import together
from deliverkit.domain.gate import Verdict


def assess(spec: Spec, seen: Seen, state: Any) -> Assessment:
    """Judge the connections to all addresses; the worst decides."""
    places: list[Mapping[str, Any]] = list(seen.get("places") or ())
    latencies = [float(each["seconds"]) for each in places if "seconds" in each]
    found = together([_judged(spec, each) for each in places])
    return percentiles.bounded(spec, found, percentiles.sliding(spec, state, latencies))


def _judged(spec: Spec, place: Mapping[str, Any]) -> Assessment:
    asked = str(place.get("asked", "it"))
    if "unusable" in place:
        return Assessment(Verdict.ERROR, f"{asked}: {place['unusable']}")
    if "silent" in place:
        return Assessment(Verdict.FAILED, f"{asked}: {place['silent']}")
    if "seconds" not in place:
        return Assessment(Verdict.ERROR, f"{asked}: no connection is on record")
    taken = f"{asked} answered in {place['seconds'] * 1000:.0f} ms"
    banner = str(spec.get("banner") or "")
    return _heard(banner, place, taken) if banner else Assessment(Verdict.PASSED, taken)


def _heard(banner: str, place: Mapping[str, Any], taken: str) -> Assessment:
    text = (place.get("filled") or {}).get(banner, banner)
    has = (place.get("has") or {}).get(text)
    if has is None:
        return Assessment(Verdict.ERROR, f"{taken}, but whether it says {text!r} was not recorded")
    if has is not True:
        said = place.get("greeting") or "it says nothing"
        return Assessment(Verdict.FAILED, f"{taken}, but without {text!r}: {said}")
    return Assessment(Verdict.PASSED, taken)
