"""A query of CloudWatch Logs Insights, whose answer is a number held against limits.

`seen`: {"matched", "scanned", "rows": [{field: text}, ...], "fields": [...]}: the first rows, and what CloudWatch
counted. Without a `field` the number is that of the records that matched.
"""

from __future__ import annotations

import math
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.limits import limits_of, told
from deliverkit.domain.checks.without_data import ZERO, broken, outcome_without, problem_with
from deliverkit.domain.gate import Verdict
from deliverkit.domain.metrics import from_json

SHOWN = 160
"""Letters of a record that a reason shows."""


def assess(spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Judge the answer: the number of matched records, or a field of every row."""
    limits = limits_of(spec)
    problem = problem_with(limits)
    if problem:
        return Assessment(Verdict.ERROR, problem)
    if spec.get("field"):
        return _of_field(spec, seen, limits)
    value = from_json(seen["matched"])
    return _judged(f"{value:g} records match", value, limits, _example(seen))


def _of_field(spec: Spec, seen: Seen, limits: dict[str, float]) -> Assessment:
    field, rows = str(spec["field"]), seen.get("rows", ())
    if not rows:
        return _without(spec, "the query gives no row")
    values = [_number(row.get(field)) for row in rows]
    if all(value is None for value in values):
        known = ", ".join(sorted({name for row in rows for name in row if name != "@ptr"})) or "none"
        return _without(spec, f"no row has a field {field}; there are: {known}")
    for row, value in zip(rows, values, strict=True):
        if value is None or not math.isfinite(value):
            there = row.get(field, "not there")
            return Assessment(Verdict.ERROR, f"{field} is {there} in a row, which is no number to judge")
    numbers = [value for value in values if value is not None]
    bad = [value for value in numbers if broken(limits, value)]
    worst_one = bad[0] if bad else numbers[0]
    many = f" (in {len(bad)} of {len(rows)} rows)" if bad and len(rows) > 1 else ""
    return _judged(f"{field} is {worst_one:g}{many}", worst_one, limits, "")


def _without(spec: Spec, why: str) -> Assessment:
    if spec.get("missing_data") == ZERO:
        return _judged(f"{spec['field']} is 0, for {why}", 0.0, limits_of(spec), "")
    outcome = outcome_without(spec.get("missing_data"))
    return Assessment(outcome, why + (", which passes here" if outcome is Verdict.PASSED else ""))


def _judged(what: str, value: float, limits: dict[str, float], example: str) -> Assessment:
    if not math.isfinite(value):
        return Assessment(Verdict.ERROR, f"{what}: no number to judge")
    if broken(limits, value):
        return Assessment(Verdict.FAILED, f"{what}, allowed is {told(broken(limits, value))}{example}", value)
    return Assessment(Verdict.PASSED, f"{what}, {told(limits)}", value)


def _example(seen: Seen) -> str:
    message = next((str(row["@message"]).strip() for row in seen.get("rows", ()) if row.get("@message")), "")
    short = message if len(message) <= SHOWN else message[: SHOWN - 3] + "..."
    return f": {short}" if short else ""


def _number(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
