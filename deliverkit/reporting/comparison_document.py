"""A comparison of two series as JSON: the verdict, its grounds, and one verdict for each look."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from deliverkit.domain.judge.looks import Tally
from deliverkit.domain.judge.rules import Rules, SeriesKind
from deliverkit.domain.series import as_json
from deliverkit.domain.series_alternatives import Alternative
from deliverkit.domain.series_judging import Seen, SeriesJudgement


def head(judged: SeriesJudgement, others: Sequence[Alternative]) -> dict[str, Any]:
    """All but the looks.

    Args:
        judged: What the judge says.
        others: What would have changed it.
    """
    rules = judged.rules
    at = None if judged.failed_at is None else as_json(judged.failed_at, judged.moments)
    return {
        "verdict": judged.verdict.value,
        "reason": judged.end.reason,
        "kind": rules.kind.value,
        "harm": _harm(rules),
        "alpha": rules.alpha,
        "ratio": rules.ratio,
        "tolerate": rules.tolerate,
        "slower_than": rules.slower_than,
        "dispersion": rules.dispersion,
        "split": list(rules.candidate_share),
        "split_assumed": judged.assumes_split,
        "failed_at": at,
        "numbers": _plain(judged.end.numbers),
        "warnings": list(judged.end.warnings),
        "notes": list(judged.notes),
        "changes": [{"option": each.option, "verdict": each.verdict.value} for each in others],
        "ticks": {"seconds": judged.pairing.width, "shared": judged.pairing.shared, "of_one_arm": judged.pairing.alone},
    }


def looks(judged: SeriesJudgement) -> Iterator[dict[str, Any]]:
    """One look after the other."""
    for each in judged.looks:
        yield {
            "at": as_json(each.at, judged.moments),
            "verdict": each.verdict.value,
            "reason": each.finding.reason,
            "baseline": _tally(each.baseline),
            "candidate": _tally(each.candidate),
            "numbers": _plain(_numbers(each)),
        }


def _harm(rules: Rules) -> float:
    """The margin as it is asked for: of events without requests it is mostly a part of the baseline's."""
    is_relative = rules.kind is SeriesKind.COUNT and not rules.harm
    return round(rules.ratio - 1, 12) if is_relative else rules.harm


def _numbers(seen: Seen) -> Mapping[str, Any]:
    return seen.finding.numbers


def _tally(tally: Tally | None) -> dict[str, Any] | None:
    if tally is None:
        return None
    if tally.latencies:
        return {"requests": tally.requests, "mean": sum(s * n for s, n in tally.latencies) / (tally.requests or 1.0)}
    return {"events": tally.events} if tally.requests is None else {"events": tally.events, "requests": tally.requests}


def _plain(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers as JSON has them: what is infinite or unknown is null."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in numbers.items()
    }
