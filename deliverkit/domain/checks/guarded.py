"""Assessing by code that is not ours: whatever it does, its outcome is one of the four, and no pass by accident."""

from __future__ import annotations

import json
import math
from typing import Any

from deliverkit.domain.checks import Assessment, Assessor, Seen, Spec, encodable
from deliverkit.domain.gate import Verdict

REASON_LIMIT = 500
"""Characters of a reason."""


class Guarded:
    """An assessor that turns what another one does wrong into an error that names it."""

    def __init__(self, assessor: Assessor, label: str) -> None:
        """Take the other one, and what it is called."""
        self._assessor = assessor
        self._label = label

    def assess(self, spec: Spec, seen: Seen, state: Any) -> Assessment:
        """What the other one says, when it says something that can be used."""
        try:
            found = self._assessor.assess(spec, seen, state)
            wrong = _wrong(found)
        except Exception as error:  # noqa: BLE001  (whatever it raises, its measurement is an error)
            wrong = f"cannot judge: {type(error).__name__}: {error}"
        if wrong:
            return Assessment(Verdict.ERROR, f"{self._label} {_bounded(wrong)}", state=state)
        value = None if found.value is None else float(found.value)
        return Assessment(found.outcome, _bounded(found.reason), value, found.state, found.is_open)


def _bounded(text: str) -> str:
    return encodable(" ".join(text.split())[:REASON_LIMIT])


def _wrong(found: Any) -> str:
    """Why an assessment cannot be used; empty when it can."""
    if not isinstance(found, Assessment):
        return f"gave no assessment, but {type(found).__name__}"
    outcome, reason, value, is_open = _parts(found)
    if not isinstance(outcome, Verdict):
        return f"gave {outcome!r} for an outcome"
    if not isinstance(reason, str) or not reason.strip():
        return "gave no reason"
    return _wrong_number(value) or _wrong_opening(outcome, is_open) or _wrong_state(found.state)


def _wrong_number(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if value is not None and not (is_number and math.isfinite(value)):
        return f"gave {value!r} for a value, which is no number"
    return ""


def _wrong_opening(outcome: Verdict, is_open: Any) -> str:
    if not isinstance(is_open, bool):
        return f"gave {is_open!r} for is_open, which is neither True nor False"
    if is_open and outcome is not Verdict.INCONCLUSIVE:
        return f"gave {outcome.value} and is_open together: only what is inconclusive can be open"
    return ""


def _wrong_state(state: Any) -> str:
    try:
        json.dumps(state, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        return f"gave a state that JSON cannot hold: {error}"
    return ""


def _parts(found: Assessment) -> tuple[Any, Any, Any, Any]:
    """Its parts, which may be anything at all."""
    return found.outcome, found.reason, found.value, found.is_open
