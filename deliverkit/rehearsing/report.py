"""What a rehearsal found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deliverkit.errors import ExitCode
from deliverkit.rehearsing.customers import Service
from deliverkit.rehearsing.performance import Performance, Stage
from deliverkit.rehearsing.striking import Struck
from deliverkit.rehearsing.targets import Standing

Json = Mapping[str, Any]
UNTESTED = "untested"


@dataclass(frozen=True, slots=True)
class Report:
    """How the promotion went, and what it left behind.

    Attributes:
        faults: Name or path of the fault file.
        seed: Of the faults' dice.
        version: The release that was promoted.
        before: The one that served before.
        performance: How it went, as users saw it.
        afterwards: How it ended once the weather was fair again; None when it had ended.
        seconds: From the first fault to the end of the promotion.
        struck: Every declared fault, and whom it struck.
        retries: How many requests of each service were a client's second or later try.
        services: What customers got.
        standings: What every target serves in the end.
    """

    faults: str
    seed: int
    version: str
    before: str
    performance: Performance
    afterwards: Performance | None
    seconds: float
    struck: Sequence[Struck]
    retries: Mapping[str, int]
    services: Sequence[Service]
    standings: Sequence[Standing]

    @property
    def is_right_everywhere(self) -> bool:
        """True when no target serves anything but what the ledger says."""
        return all(each.is_right is not False for each in self.standings)

    @property
    def untested(self) -> tuple[Struck, ...]:
        """The faults that the promotion never met, though it might have."""
        return tuple(each for each in self.struck if each.can_strike and not each.is_tested)

    @property
    def is_vain(self) -> bool:
        """True when it met none of its faults and so withstood nothing."""
        return bool(self.untested) and not any(each.is_tested for each in self.struck)

    @property
    def exit_code(self) -> ExitCode:
        """What the command would have left with.

        4 when a target serves something else than the record says; 1 when the promotion got through because no fault
        met it, for that must not pass for having withstood them.
        """
        is_stuck = self.afterwards is not None and not any(each.is_closed for each in self.afterwards.rollouts)
        if not self.is_right_everywhere or is_stuck:
            return ExitCode.HUMAN_NEEDED
        is_done = self.performance.exit_code == ExitCode.DONE
        return ExitCode.FAILED if is_done and self.is_vain else self.performance.exit_code

    @property
    def verdict(self) -> str:
        """How the promotion ended for whoever watched it; `untested` when it got through without meeting a fault."""
        is_done = self.performance.exit_code == ExitCode.DONE
        return UNTESTED if is_done and self.is_vain else _verdict(self.performance)

    def document(self) -> Json:
        """The report as JSON."""
        return {
            "faults": {
                "file": self.faults,
                "seed": self.seed,
                "struck": [each.document() for each in self.struck],
                "untested": [each.fault["id"] for each in self.untested],
            },
            "verdict": self.verdict,
            "exit_code": int(self.exit_code),
            "trouble": self.performance.trouble,
            "afterwards": _verdict(self.afterwards) if self.afterwards else None,
            "version": self.version,
            "before": self.before,
            "seconds": round(self.seconds, 1),
            "retries": dict(self.retries),
            "stages": [_stage(each) for each in self.performance.stages],
            "gates": [_gates(rollout) for rollout in self.performance.rollouts],
            "customers": [_service(each) for each in self.services],
            "targets": [_standing(each) for each in self.standings],
            "is_right_everywhere": self.is_right_everywhere,
        }


def _verdict(performance: Performance) -> str:
    last = performance.rollouts[-1] if performance.rollouts else None
    if last is not None and last.is_closed and last.outcome is not None and not performance.trouble:
        return last.outcome.value
    return "unreachable" if performance.trouble else "waiting"


def _stage(stage: Stage) -> Json:
    return {
        "stage": stage.label,
        "environment": stage.environment,
        "state": stage.state,
        "reason": stage.reason,
        "troubles": list(stage.troubles),
        "seconds": round((stage.ended_at - stage.began_at).total_seconds(), 1),
    }


def _gates(rollout: Any) -> Json:
    passages = [
        {"leg": each.leg, "gate": each.gate, "phase": each.phase, "verdict": each.verdict.value, "reason": each.reason}
        for each in rollout.passages
    ]
    return {"promotion": rollout.id, "passages": passages}


def _service(service: Service) -> Json:
    one, everybody = service.longest_gap
    return {
        "environment": service.environment,
        "requests": service.asked,
        "answered": service.answered,
        "longest_gap_of_a_target_seconds": round(one, 1),
        "longest_gap_of_all_seconds": round(everybody, 1),
    }


def _standing(standing: Standing) -> Json:
    return {
        "environment": standing.environment,
        "target": standing.target_id,
        "region": standing.region,
        "expected": standing.expected,
        "is_right": standing.is_right,
        "detail": standing.detail,
    }
