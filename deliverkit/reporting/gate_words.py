"""Gates in words for those who decide: what a check asks for, which of its samples matter, what would have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from deliverkit.domain.analysis import Analysis
from deliverkit.domain.duration import format_duration
from deliverkit.domain.gate import Check, CheckKind, Measurement, Policy, Verdict
from deliverkit.domain.masking import Masking
from deliverkit.domain.recording import CONFIRMING, Sample, Trial
from deliverkit.domain.what_if import TIME_BOUNDS, Change
from deliverkit.domain.wording import in_plain_words
from deliverkit.reporting.markup import clipped
from deliverkit.reporting.times import duration

PHASES: Mapping[str, str] = {
    "before": "before the deployment",
    "during": "while it was deployed",
    "after": "after the deployment",
    CONFIRMING: "to confirm the rollback",
    "": "",
}
_VERDICTS: Mapping[Verdict | None, str] = {
    Verdict.PASSED: "PASSED",
    Verdict.FAILED: "FAILED",
    Verdict.ERROR: "COULD NOT BE MEASURED",
    Verdict.INCONCLUSIVE: "INCONCLUSIVE",
    None: "NOT JUDGED",
}
_WOULD_HAVE: Mapping[Verdict, str] = {
    Verdict.PASSED: "would have passed",
    Verdict.FAILED: "would have failed",
    Verdict.ERROR: "would have been an error",
    Verdict.INCONCLUSIVE: "would have been inconclusive",
}
_PASSES_SHOWN = 2
_MASKING = Masking({})
_SETTINGS_LIMIT = 240


_GRAVITY = (Verdict.FAILED, Verdict.ERROR, Verdict.INCONCLUSIVE, None, Verdict.PASSED)


def gravest_first(trials: Iterable[Trial]) -> list[Trial]:
    """Trials as people want to read them."""
    return sorted(trials, key=lambda trial: _GRAVITY.index(trial.verdict))


def headline(trial: Trial) -> str:
    """The gate, where it was asked, and its verdict."""
    where = " ".join(filter(None, (trial.leg, PHASES.get(trial.phase, trial.phase))))
    excused = ", and a named person let it pass" if trial.is_excused else ""
    return f"gate {trial.gate.name}{f', {where}' if where else ''}: {_VERDICTS[trial.verdict]}{excused}"


def because(trial: Trial) -> str:
    """Why, in one sentence."""
    if trial.verdict is Verdict.PASSED and len(trial.gate.checks) == 1 and trial.samples:
        return f"{in_plain_words(trial.reason)}: {trial.samples[-1].measurement.reason}"
    if trial.verdict is not None:
        return in_plain_words(trial.reason)
    if trial.phase == CONFIRMING:
        return "it stood in for asking the instances what they serve after the rollback"
    return "no limit was exceeded until the watching ended" if trial.samples else "nothing was measured"


def rule(check: Check) -> str:
    """What a check asks for and when its measurements become a verdict, with its numbers."""
    settings = ", ".join(_settings(check.spec))
    asked = f"{check.kind} {clipped(settings, _SETTINGS_LIMIT)}".rstrip()
    return "; ".join([asked, *_rules(check.policy)])


def _settings(spec: Mapping[str, Any], path: str = "") -> Iterator[str]:
    for name, value in spec.items():
        if isinstance(value, Mapping):
            yield from _settings(value, f"{path}{name}.")
        elif value not in (None, "", (), []):
            yield f"{path}{name} {_MASKING.hide(str(value))}"


def shown_settings(check: Check) -> Mapping[str, Any]:
    """A check's settings for whoever may read them: what looks like a secret in a command is masked.

    The settings of other kinds stay as they are, for they judge what is replayed; a command is only run.
    """
    if "run" not in check.spec or check.kind != CheckKind.COMMAND:
        return check.spec
    return {**check.spec, "run": _MASKING.hide_in(check.spec["run"])}


def _rules(policy: Policy) -> Iterator[str]:
    if policy.observe_only:
        yield "only observed, it counts for nothing"
    delay = f", first after {format_duration(policy.initial_delay)}" if policy.initial_delay else ""
    count = f", {policy.count} times in all" if policy.count else ""
    yield f"every {format_duration(policy.every)}{delay}{count}"
    bound = f" and 95 % of the answers within {format_duration(policy.p95)}" if policy.p95 is not None else ""
    yield f"to pass {policy.passes} good in a row{bound}, at most {format_duration(policy.deadline)} after it is due"
    limits = (
        f"{policy.failure_limit} failed",
        f"{policy.error_limit} unmeasurable in a row",
        f"{policy.inconclusive_limit} inconclusive",
    )
    yield f"tolerated {', '.join(limits)}"


def counts(samples: Sequence[Sample]) -> str:
    """How many measurements came to what, within which time."""
    if not samples:
        return "never measured"
    numbers = Counter(_outcome(each.measurement) for each in samples)
    told = ", ".join(f"{number:,} {outcome}" for outcome, number in numbers.items())
    return f"{told} in {duration(samples[-1].measurement.at - samples[0].measurement.at)}"


def _outcome(measurement: Measurement) -> str:
    return "adding evidence" if measurement.is_open else measurement.outcome.value


def _is_good(sample: Sample) -> bool:
    return sample.measurement.is_open or sample.measurement.outcome is Verdict.PASSED


@dataclass(frozen=True, slots=True)
class Shown:
    """Samples that are shown, in their order, and what is between them.

    Attributes:
        samples: The ones that matter most.
        left_out: How many are not shown, before each of the shown; the last number is of those after them all.
    """

    samples: tuple[Sample, ...]
    left_out: tuple[int, ...]


def important(samples: Sequence[Sample], limit: int) -> Shown:
    """The samples that explain a verdict: the last ones, those that did not pass, the first; in their order."""
    bad = sum(not _is_good(each) for each in samples)
    ranked = sorted(range(len(samples)), key=lambda place: _rank(samples, place))
    limit = min(limit, bad + 1 + _PASSES_SHOWN)  # one good sample is like another
    places = sorted(ranked[:limit])
    gaps = [place - before - 1 for before, place in zip([-1, *places], [*places, len(samples)], strict=True)]
    return Shown(tuple(samples[place] for place in places), tuple(gaps))


def _rank(samples: Sequence[Sample], place: int) -> tuple[int, int]:
    if place == len(samples) - 1:
        return 0, 0
    if not _is_good(samples[place]):
        return 1, -place
    return (2, 0) if place == 0 else (3, -place)


def sample(measurement: Measurement) -> str:
    """One measurement in a line, without its time."""
    return f"{_outcome(measurement)}  {measurement.reason}"


def change(told: Change, check: Check) -> str:
    """What a setting would have changed, for people."""
    then = f"{check.name}: " if check.name else ""
    setting = f"{then}{told.setting}: {_number(told, told.would_be)} instead of {_number(told, told.was)}"
    if told.verdict is None:
        return f"{setting} - still open where the record ends, {told.at:%H:%M:%S}"
    return f"{setting} - {_WOULD_HAVE[told.verdict]} at {told.at:%H:%M:%S}"


def _number(told: Change, value: float) -> str:
    return f"{value * 1000:g}ms" if told.setting.rpartition(".")[2] in TIME_BOUNDS else f"{value:g}"


def margin(check: Check, analysis: Analysis) -> str:
    """How near a check that passed came to failing; empty for one that was never near."""
    if not analysis.failed:
        return ""
    left = check.policy.failure_limit - analysis.failed + 1
    return f"{left} more failed {'measurement' if left == 1 else 'measurements'} would have failed it"
