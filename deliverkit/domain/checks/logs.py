"""A query of CloudWatch Logs Insights, whose answer is a number held against limits.

`seen`: {"answers": [{"region", "matched", "scanned", "rows": [{field: text}, ...], "row_count", "row_limit"}, ...]}:
the first rows, those that could decide, and what CloudWatch counted. As many rows as were asked for may be not all of
them, so that they pass nothing. Without a `field` the number is that of the records that matched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.several import together
from deliverkit.domain.checks.without_data import ZERO, broken, outcome_without, problem_with
from deliverkit.domain.gate import Verdict
from deliverkit.domain.limits import limits_of, told
from deliverkit.domain.metrics import from_json

SHOWN = 160
"""Letters of a record that a reason shows."""


def assess(spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Judge the answers of all regions: the worst decides."""
    limits = limits_of(spec)
    problem = problem_with(limits)
    if problem:
        return Assessment(Verdict.ERROR, problem)
    return together([_judged(spec, answer, limits) for answer in seen.get("answers", ())])


def _judged(spec: Spec, answer: Mapping[str, Any], limits: Mapping[str, float]) -> Assessment:
    where = f" ({answer['region']})"
    if not spec.get("field"):
        value = from_json(answer["matched"])
        return _held(f"{value:g} records match{where}", value, limits, _example(answer))
    field, rows = str(spec["field"]), list(answer.get("rows", ()))
    if not rows:
        return _without(spec, f"the query gives no row{where}", limits)
    if not any(field in row for row in rows):
        known = ", ".join(sorted({name for row in rows for name in row if name != "@ptr"})) or "none"
        return _without(spec, f"no row has a field {field}{where}; there are: {known}", limits)
    found = _of_field(field, rows, limits, where)
    count, most = int(answer.get("row_count", len(rows))), int(answer.get("row_limit", 0))
    if found.outcome is Verdict.PASSED and most and count >= most:
        return Assessment(Verdict.ERROR, f"the query gives {most:,} rows{where}, and maybe more: let it aggregate them")
    return found


def _of_field(field: str, rows: list[Mapping[str, Any]], limits: Mapping[str, float], where: str) -> Assessment:
    numbers = [(row.get(field, "not there"), _number(row.get(field))) for row in rows]
    bad = [value for _, value in numbers if math.isfinite(value) and broken(limits, value)]
    if bad:
        many = f" in {len(bad)} of {len(rows)} rows" if len(rows) > 1 else ""
        return _held(f"{field} is {bad[0]:g}{many}{where}", bad[0], limits, "")
    unfit = next((there for there, value in numbers if not math.isfinite(value)), None)
    if unfit is not None:
        return Assessment(Verdict.ERROR, f"{field} is {unfit} in a row{where}, which is no number to judge")
    return _held(f"{field} is {numbers[0][1]:g}{where}", numbers[0][1], limits, "")


def _without(spec: Spec, why: str, limits: Mapping[str, float]) -> Assessment:
    if spec.get("missing_data") == ZERO:
        return _held(f"{spec['field']} is 0, for {why}", 0.0, limits, "")
    outcome = outcome_without(spec.get("missing_data"))
    return Assessment(outcome, why + (", which passes here" if outcome is Verdict.PASSED else ""))


def _held(what: str, value: float, limits: Mapping[str, float], example: str) -> Assessment:
    if not math.isfinite(value):
        return Assessment(Verdict.ERROR, f"{what}: no number to judge")
    wrong = broken(limits, value)
    if wrong:
        return Assessment(Verdict.FAILED, f"{what}, allowed is {told(wrong)}{example}", value)
    return Assessment(Verdict.PASSED, f"{what}, {told(limits)}", value)


def _example(answer: Mapping[str, Any]) -> str:
    rows = answer.get("rows", ())
    message = next((str(row["@message"]).strip() for row in rows if row.get("@message")), "")
    short = message if len(message) <= SHOWN else message[: SHOWN - 3] + "..."
    return f": {short}" if short else ""


def _number(text: Any) -> float:
    """The number that a field holds; NaN for what is none."""
    try:
        return float(text)
    except (TypeError, ValueError):
        return math.nan
