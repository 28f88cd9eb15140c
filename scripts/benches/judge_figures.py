"""The judge's figures as Markdown."""

from __future__ import annotations

import math
import platform
from collections.abc import Iterator, Mapping, Sequence

import judge_latency as latency
import numpy as np
from judge_goals import goals
from judge_latency import Slowness
from judge_runs import Case, Result, Row
from judge_scores import PEERS, Match, Score, Share, scored
from judge_suite import PASS_ALPHA, PASSES, SOON
from judge_traffic import ALPHA, Harm


def page(results: Mapping[Case, Result], slowness: Mapping[Slowness, latency.Result], seed: int) -> str:
    """All tables."""
    scores = scored(results)
    wished = [("goal", "wanted", "measured", "")]
    wished += [(goal.what, goal.wanted, goal.measured, goal.verdict) for goal in goals(results, scores, slowness)]
    parts = [
        facts([*results.values(), *slowness], seed),
        "**Goals**",
        _table(wished),
        "**Without harm: the share that is failed, and passed**",
        _table([("", "ours", "without the last look", "passed", "inconclusive", *PEERS[2:]), *_harmless(results)]),
    ]
    if scores:
        heads = ("", "missed", "found after", "passed", *(f"{peer}: FA / missed / after" for peer in PEERS))
        parts += [
            f"**With harm, as it ships, alpha {ALPHA:g}: the share missed, and the median time until it is found**",
            _table([heads, *_harmful(scores)]),
            "**Misses at equal realised false alarms: false alarms of both: the peer's misses -> ours**",
            _table([("", *PEERS, "bound: all tuned"), *_matched(scores)]),
        ]
    soon = [(case, result) for case, result in results.items() if case.family == SOON and case.harm.points]
    if soon:
        rows = [(f"{case.setting.name}, {case.harm.name}", *_times(result)) for case, result in soon]
        parts += [
            "**Great harm: the share that is missed, and the time until it is found**",
            _table([("", "missed", "half", "nine of ten"), *rows]),
        ]
    passes = list(_passes(results))
    if passes:
        parts += [
            f"**Passed, alpha {PASS_ALPHA:g}: without harm, and with twice the margin from some part of the bake on**",
            _table(passes),
        ]
    if slowness:
        heads = ("", *(f"{name}: failed / after" for name in (*latency.OURS, *latency.PEERS)))
        parts += ["**Response times with a heavy tail: the share that is failed, and the median time until then**"]
        parts += [_table([heads, *_slow(slowness)])]
    return "\n\n".join(parts) + "\n"


def facts(rows: Sequence[Row], seed: int) -> str:
    """What the figures were taken with."""
    runs = sorted({row.runs for row in rows}, reverse=True)
    total = sum(row.runs for row in rows)
    said = ", ".join(f"{each:,}" for each in runs)
    return (
        f"{total:,} rollouts ({said} a row), seed {seed}, alpha {ALPHA:g}, Python {platform.python_version()}, "
        f"numpy {np.__version__}. After ± stands one standard error."
    )


def _harmless(results: Mapping[Case, Result]) -> Iterator[tuple[str, ...]]:
    family = ""
    for case, result in results.items():
        if case.harm.points:
            continue
        if case.family != family:
            family = case.family
            yield (f"*{family}*", *[""] * 6)
        failed = Share(float(np.isfinite(result.failed_at).mean()), result.runs)
        alone = float((result.alone <= ALPHA).mean())
        peers = [
            f"{np.isfinite(each).mean():.3f}" if case.with_peers else "" for each in (result.once, result.each_minute)
        ]
        shares = (result.share("passed"), result.share("inconclusive"))
        yield (case.setting.name, str(failed), f"{alone:.3f}", *(f"{share:.3f}" for share in shares), *peers)


def _harmful(scores: Sequence[Score]) -> Iterator[tuple[str, ...]]:
    for score in _by_family(scores):
        if isinstance(score, str):
            yield (f"*{score}*", *[""] * 7)
            continue
        peers = [f"{each.false_alarms:.2f} / {each.misses:.2f} / {_seconds(each.median)}" for each in score.matches]
        yield _row(score), str(score.misses), _seconds(score.median), f"{score.passed:.3f}", *peers


def _matched(scores: Sequence[Score]) -> Iterator[tuple[str, ...]]:
    for score in _by_family(scores):
        if isinstance(score, str):
            yield (f"*{score}*", *[""] * 5)
        elif any(match.misses or match.ours for match in score.matches):
            yield _row(score), *(_pair(match) for match in score.matches), f"{score.bound:.3f}"


def _pair(match: Match) -> str:
    said = f"{match.false_alarms:.3f}: {match.misses:.3f} -> {match.ours:.3f}"
    return f"{said} (!)" if match.is_surely_worse else said


def _passes(results: Mapping[Case, Result]) -> Iterator[tuple[str, ...]]:
    rows: dict[str, list[tuple[str, str]]] = {}
    for case, result in results.items():
        if case.family == PASSES:
            share = Share(result.share("passed"), result.runs)
            rows.setdefault(case.setting.name, []).append((_how(case.harm), f"{share.value:.3f}"))
    if rows:
        yield ("", *(onset for onset, _ in next(iter(rows.values()))))
    for name, cells in rows.items():
        yield (name, *(share for _, share in cells))


def _how(harm: Harm) -> str:
    if not harm.points:
        return "no harm"
    return f"{100 * harm.onset:g} %" if harm.shape == "step" else {"leak": "leaking in"}.get(harm.shape, "one of fifty")


def _times(result: Result) -> tuple[str, str, str]:
    half, most = np.quantile(result.failed_at, [0.5, 0.9], method="higher")
    return f"{np.isinf(result.failed_at).mean():.3f}", _seconds(float(half)), _seconds(float(most))


def _slow(slowness: Mapping[Slowness, latency.Result]) -> Iterator[tuple[str, ...]]:
    for row, result in slowness.items():
        cells = []
        for times in result.failed_at.values():
            share = Share(float(np.isfinite(times).mean()), row.runs)
            after = "" if row.is_harmless else f" / {_seconds(float(np.median(times)))}"
            cells.append(f"{share if row.is_harmless else format(share.value, '.2f')}{after}")
        yield row.name.removeprefix(f"{latency.FAMILY}: "), *cells


def _by_family(scores: Sequence[Score]) -> Iterator[Score | str]:
    family = ""
    for score in scores:
        if score.case.family != family:
            family = score.case.family
            yield family
        yield score


def _row(score: Score) -> str:
    return f"{score.case.setting.name}, {score.case.harm.name}"


def _seconds(value: float) -> str:
    return f"{value:.0f} s" if math.isfinite(value) else "-"


def _table(rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|" + " --- |" + " ---: |" * (len(rows[0]) - 1), *lines[1:]])
