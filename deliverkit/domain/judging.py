"""Judging gates: verdicts become events, and events of failure follow the environment's policy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import msgspec

from deliverkit.domain.analysis import Judgement, condemn_gate, judge_gate
from deliverkit.domain.carriage import Carriage, CarriageStatus
from deliverkit.domain.drafts import failure, pause
from deliverkit.domain.environment import OnFailure
from deliverkit.domain.gate import Verdict
from deliverkit.domain.ledger import Draft
from deliverkit.domain.rollout import Cause, Phase, Rollout
from deliverkit.domain.watching import awaited_since


def is_settled(rollout: Rollout, gate: str, now: datetime) -> bool:
    """True when a gate is asked no more: one in front of the deployment that has passed; behind it, the end counts."""
    if _is_excused(rollout, gate):
        return True
    judgement = judge_gate(rollout.plan.gates[gate], rollout.analysis, waited=timedelta(0), now=now)
    has_passed = judgement is not None and judgement.verdict is Verdict.PASSED
    return has_passed and rollout.phase is Phase.CHECKING


def _is_excused(rollout: Rollout, gate: str) -> bool:
    """True for a gate that somebody let pass, and for one in front of the deployment whose pass is on record."""
    has_passed = rollout.phase is Phase.CHECKING and _is_on_record(rollout, gate, Verdict.PASSED)
    return has_passed or gate in rollout.overridden


def condemned(rollout: Rollout, gates: Iterable[str]) -> list[Draft]:
    """Events for the first gate whose limit is exceeded; empty while all hold."""
    for gate in gates:
        judgement = condemn_gate(rollout.plan.gates[gate], rollout.analysis)
        sentence = _sentence(rollout, gate, judgement) if judgement and gate not in rollout.overridden else []
        if sentence:
            return sentence
    return []


def judge_all(rollout: Rollout, gates: Iterable[str], due: datetime, now: datetime) -> tuple[list[Draft], bool]:
    """Events for newly judged gates, which have had to be passed since a moment, and whether any is still open."""
    waited = now - awaited_since(rollout, due)
    is_open = False
    for gate in gates:
        if _is_excused(rollout, gate):
            continue
        judgement = judge_gate(rollout.plan.gates[gate], rollout.analysis, waited=waited, now=now)
        if judgement is None:
            is_open = True
        elif sentence := _sentence(rollout, gate, judgement):
            return sentence, True
    return [], is_open


def _is_on_record(rollout: Rollout, gate: str, verdict: Verdict) -> bool:
    here = (rollout.leg.label, gate, _phase_name(rollout))
    known = (p for p in rollout.passages if (p.leg, p.gate, p.phase) == here)
    return any(passage.verdict is verdict for passage in known)


def _phase_name(rollout: Rollout) -> str:
    return {Phase.CHECKING: "before", Phase.DEPLOYING: "during", Phase.VERIFYING: "during"}.get(rollout.phase, "after")


def _sentence(rollout: Rollout, gate: str, judgement: Judgement) -> list[Draft]:
    """The judgement and what it leads to; only what is not on record yet, for a crash may have come between the two."""
    payload: Mapping[str, Any] = {"gate": gate, "phase": _phase_name(rollout), **msgspec.to_builtins(judgement)}
    judged = [] if _is_on_record(rollout, gate, judgement.verdict) else [Draft("gate.judged", payload)]
    if judgement.verdict is Verdict.PASSED:
        return judged
    reason = f"gate {gate} {judgement.verdict}: {judgement.reason}"
    own = rollout.plan.gates[gate].on_failure
    if own is OnFailure.OBSERVE and rollout.phase is not Phase.CHECKING:
        return judged
    if judgement.verdict is Verdict.INCONCLUSIVE:
        return [*judged, pause(Cause.GATE, reason, gate)]
    return [*judged, *setback(rollout, failure(Cause.GATE, reason, gate))]


def setback(rollout: Rollout, failed: Draft) -> list[Draft]:
    """What a failure leads to; where the environment says so, nothing that was not begun can be observed."""
    policy = rollout.on_failure(failed.payload["gate"])
    if rollout.phase is Phase.CHECKING or policy is OnFailure.ROLLBACK:
        return [failed]
    if policy is OnFailure.PAUSE:
        return [Draft("rollout.paused", failed.payload)]
    return [] if failed.payload["cause"] == Cause.GATE.value else [failed]


def arrest(carriage: Carriage) -> Draft:
    """The failure that a carriage which is over without having arrived leads to."""
    is_superseded = carriage.status is CarriageStatus.SUPERSEDED
    return failure(Cause.SUPERSEDED if is_superseded else Cause.DEPLOYMENT, carriage.reason)
