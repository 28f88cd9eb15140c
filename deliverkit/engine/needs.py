"""Which releases are needed, and for what: whatever is named here is never removed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from deliverkit.domain.release import Release
from deliverkit.domain.rollout import Outcome, Rollout
from deliverkit.domain.strays import StrayNeeds, file_name
from deliverkit.engine.journal import Estate, Served

WAYS_BACK = 2
"""Releases behind the serving one that stay: the way back, and what would be the way back from there."""
_LEFT_BEHIND = frozenset({Outcome.UNRESOLVED, Outcome.DETACHED})
"""Endings after which nobody verified what the targets run."""


def needs_of(
    estate: Estate, unfinished: Iterable[Rollout], releases: Sequence[Release], revisions: Mapping[str, str]
) -> Mapping[str, Sequence[str]]:
    """Why bytes are needed, by digest.

    Args:
        estate: What serves where, what is quarantined.
        unfinished: Promotions that are not closed.
        releases: All releases on record.
        revisions: What each deployment group says was deployed to it last, `s3://bucket/key`, by its name for people.
    """
    needs: dict[str, list[str]] = defaultdict(list)
    for environment in estate.history:
        for digest, reason in _of_environment(estate, environment):
            needs[digest].append(reason)
    for digest in estate.quarantined:
        needs[digest].append("under quarantine: evidence")
    for rollout in unfinished:
        for release in _carried(rollout):
            needs[release.digest].append(f"promotion {rollout.id} is not finished")
    for release in releases:
        needs[release.digest].extend(_left_behind(estate, release))
        needs[release.digest].extend(_deployed(release, revisions))
    return {digest: tuple(dict.fromkeys(reasons)) for digest, reasons in needs.items() if reasons}


def needs_of_strays(
    estate: Estate, unfinished: Sequence[Rollout], releases: Sequence[Release], revisions: Mapping[str, str]
) -> StrayNeeds:
    """What may need a bundle although no record names it; the arguments are those of `needs_of`.

    The ledger tells quarantines and endings by digest and version alone. Where the record that would tell the rest is
    missing, any bundle may be the one: then none goes.
    """
    carried = tuple(release for rollout in unfinished for release in _carried(rollout))
    served = tuple(each.release for history in estate.history.values() for each in history)
    versions, digests = {each.version for each in releases}, {each.digest for each in releases}
    return StrayNeeds(
        digests=frozenset(needs_of(estate, unfinished, (), revisions)),
        names=frozenset({file_name(uri) for uri in revisions.values()} | {_name(each) for each in carried}),
        names_once=frozenset(map(_name, served)),
        doubts=tuple(why for version, why in _all_left_behind(estate) if version not in versions),
        doubts_of_unknown=tuple(
            f"it may be {entry.version}, which is under quarantine and has no record"
            for digest, entry in estate.quarantined.items()
            if digest not in digests
        ),
    )


def _name(release: Release) -> str:
    return file_name(release.bundle.key)


def _of_environment(estate: Estate, environment: str) -> Iterable[tuple[str, str]]:
    serving = estate.serving(environment)
    if serving is None:
        return
    yield serving.release.digest, f"serves {environment}"
    for served in _ways_back(estate, environment):
        yield served.release.digest, f"way back of {environment}"


def _ways_back(estate: Estate, environment: str) -> Iterable[Served]:
    """What a rollback would go back to, and a rollback after that one."""
    history = estate.history[environment]
    candidate = history[-1].release.digest
    for _ in range(WAYS_BACK):
        shortened = replace(estate, history={**estate.history, environment: history})
        back = shortened.way_back(environment, candidate)
        if back is None:
            return
        yield back
        # As the journal does it: whoever goes back drops what was gone back over.
        history = history[: history.index(back) + 1]
        candidate = back.release.digest


def _carried(rollout: Rollout) -> Iterable[Release]:
    yield rollout.plan.release
    yield from (leg.previous for leg in rollout.plan.legs if leg.previous)


def _left_behind(estate: Estate, release: Release) -> Iterable[str]:
    return (why for version, why in _all_left_behind(estate) if version == release.version)


def _all_left_behind(estate: Estate) -> Iterable[tuple[str, str]]:
    """Versions that may be on targets, and why."""
    for ending in estate.endings.values():
        serving = estate.serving(ending.environment)
        is_over = serving is not None and serving.at > ending.at
        if ending.outcome in _LEFT_BEHIND and not is_over:
            why = f"may be on the targets of {ending.environment}: {ending.promotion} ended {ending.outcome.value}"
            yield ending.version, why


def _deployed(release: Release, revisions: Mapping[str, str]) -> Iterable[str]:
    # Replicas have the same file name in other buckets.
    return (f"last deployed to {group}" for group, uri in revisions.items() if file_name(uri) == _name(release))
