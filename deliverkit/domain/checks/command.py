"""Assessing how a command ended.

| exit code | outcome |
|---|---|
| 0 | passed |
| 1 | failed |
| 75 (`EX_TEMPFAIL` of sysexits.h) | inconclusive: a human must decide |
| any other, a signal, a timeout, a command that is not there | error: it could not be measured |

`seen` holds `exit_code` (negative for a signal, None for a command that was late), `limit` (the time it had, in
seconds), `seconds` (the time it took) and `tail`, the last lines of its output.
"""

from __future__ import annotations

import signal
from collections.abc import Mapping
from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.gate import Verdict

_OUTCOMES: Mapping[int, Verdict] = {0: Verdict.PASSED, 1: Verdict.FAILED, 75: Verdict.INCONCLUSIVE}
_LINE = 200


def assess(_spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Judge the exit code; the last line of the output says why."""
    if "exit_code" not in seen:
        return Assessment(Verdict.ERROR, "the command's end is not on record")
    code = seen["exit_code"]
    if code is None:
        return Assessment(Verdict.ERROR, _with_output(f"no end within {seen.get('limit', 0):g} s, killed", seen))
    return Assessment(_OUTCOMES.get(code, Verdict.ERROR), _with_output(_described(code), seen))


def _described(exit_code: int) -> str:
    if exit_code < 0:
        return f"ended by {_signal_name(-exit_code)}"
    if exit_code in {126, 127}:
        return f"exit code {exit_code}: the shell found nothing to run"
    return f"exit code {exit_code}"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _with_output(said: str, seen: Seen) -> str:
    lines = [str(line) for line in seen.get("tail") or ()]
    last = lines[-1] if lines else ""
    shown = last if len(last) <= _LINE else last[: _LINE - 3] + "..."
    return f"{said}: {shown}" if shown else said
