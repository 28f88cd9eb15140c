"""Judging gates: verdicts become events, and events of failure follow the environment's policy. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

import msgspec

from deliverkit.domain.analysis import Judgement, condemn_gate, judge_gate
from deliverkit.domain.carriage import Carriage, CarriageStatus
from deliverkit.domain.drafts import failure, pause
from deliverkit.domain.environment import OnFailure
from deliverkit.domain.gate import Verdict
from deliverkit.domain.ledger import Draft
from deliverkit.domain.rollout import Cause, Phase, Rollout


def verdict_of(rollout: Rollout, gate: str, waited: timedelta) -> Verdict | None:
    """The gate's verdict so far, on no other ground than its measurements; None while it is open."""
    judgement = judge_gate(rollout.plan.gates[gate], rollout.analysis, waited=waited)
    return judgement.verdict if judgement else None


def condemned(rollout: Rollout, gates: Iterable[str]) -> list[Draft]:
    """Events for the first gate whose limit is exceeded; empty while all hold."""
    for gate in gates:
        judgement = condemn_gate(rollout.plan.gates[gate], rollout.analysis)
        sentence = _sentence(rollout, gate, judgement) if judgement and gate not in rollout.overridden else []
        if sentence:
            return sentence
    return []


def judge_all(rollout: Rollout, gates: Iterable[str], waited: timedelta) -> tuple[list[Draft], bool]:
    """Events for newly judged gates, and whether any gate is still open."""
    is_open = False
    for gate in gates:
        if gate in rollout.overridden:
            continue
        judgement = judge_gate(rollout.plan.gates[gate], rollout.analysis, waited=waited)
        if judgement is None:
            is_open = True
        elif sentence := _sentence(rollout, gate, judgement):
            return sentence, True
    return [], is_open


def _is_on_record(rollout: Rollout, gate: str, judgement: Judgement) -> bool:
    here = (rollout.leg.label, gate, _phase_name(rollout))
    known = (p for p in rollout.passages if (p.leg, p.gate, p.phase) == here)
    return any(passage.verdict is judgement.verdict for passage in known)


def _phase_name(rollout: Rollout) -> str:
    return {Phase.CHECKING: "before", Phase.DEPLOYING: "during", Phase.VERIFYING: "during"}.get(rollout.phase, "after")


def _sentence(rollout: Rollout, gate: str, judgement: Judgement) -> list[Draft]:
    """The judgement and what it leads to; only what is not on record yet, for a crash may have come between the two."""
    payload: Mapping[str, Any] = {"gate": gate, "phase": _phase_name(rollout), **msgspec.to_builtins(judgement)}
    judged = [] if _is_on_record(rollout, gate, judgement) else [Draft("gate.judged", payload)]
    if judgement.verdict is Verdict.PASSED:
        return judged
    reason = f"gate {gate} {judgement.verdict}: {judgement.reason}"
    own = rollout.plan.gates[gate].on_failure
    if own is OnFailure.OBSERVE:
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
