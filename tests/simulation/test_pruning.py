"""What pruning may remove, whatever happened before: laws over histories, races, and what cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from worlds import MANAGER, REGION, approved, bad_release, carry, direct, environment

from deliverkit.delivery import Delivery
from deliverkit.domain.gate import Verdict
from deliverkit.domain.release import BundleRevision, Release
from deliverkit.domain.release_rules import KeepRules
from deliverkit.domain.rollout import AbortMode, Outcome
from deliverkit.domain.strays import file_name
from deliverkit.engine.promotion_log import open_promotion
from deliverkit.engine.pruning import PRUNE_LEASE, Fate, Pruned, refuse_while_pruning
from deliverkit.errors import (
    ConflictError,
    DeliverkitError,
    FencedError,
    IntegrityError,
    LockedError,
    NotFoundError,
    UnreachableError,
)
from deliverkit.testing.contracts.releases import digest_of
from deliverkit.testing.rehearsal import Rehearsal
from deliverkit.testing.releases import ready_bundle

HARSH = KeepRules(last=1, younger_than=timedelta(seconds=1))
ENVIRONMENTS = ("dev", "prod")


def harsh(*environments: Any) -> Rehearsal:
    world = direct(*(environments or (environment("dev"), approved("prod"))))
    world.keep = HARSH
    return world


def aged(world: Rehearsal, *versions: str) -> list[Release]:
    made = []
    for version in versions:
        made.append(world.release(version))
        world.clock.advance(timedelta(days=1))
    return made


def pruned(delivery: Delivery) -> dict[str, Fate]:
    return {each.version: each.fate for each in delivery.catalogue.pruner.prune()}


def removable(delivery: Delivery) -> set[str]:
    return {each.release.version for each in delivery.catalogue.pruner.plan().removals}


# --- the law ---------------------------------------------------------------------------------------

VERSIONS = ("1", "2", "3", "4", "5")
versions = st.sampled_from(VERSIONS)
places = st.sampled_from(ENVIRONMENTS)
steps = st.one_of(
    st.tuples(st.just("promote"), versions, places),
    st.tuples(st.just("promote"), versions, places),
    st.tuples(st.just("fail"), versions, places),
    st.tuples(st.just("leave open"), versions, places),
    st.tuples(st.just("detach"), versions, places),
    st.tuples(st.just("roll back"), versions, places),
    st.tuples(st.just("quarantine"), versions, places),
    st.tuples(st.just("lift"), versions, places),
    st.tuples(st.just("lose record"), versions, places),
    st.tuples(st.just("prune"), versions, places),
)


def happen(world: Rehearsal, what: str, version: str, name: str) -> None:
    """One step of a history; what the delivery refuses does not happen."""
    delivery = world.delivery()
    world.check.answer = bad_release(version, world) if what == "fail" else lambda *_: Verdict.PASSED
    with suppress(DeliverkitError):
        if what in {"promote", "fail"}:
            approve_all(world, delivery.promote(version, to=name))
        elif what == "leave open":
            delivery.promote(version, to=name)
        elif what == "detach":
            opened = delivery.promote(version, to=name)
            delivery.abort(opened, AbortMode.DETACH)
            delivery.watch(opened)
        elif what == "roll back":
            delivery.watch(delivery.rollback(name))
        elif what == "quarantine":
            delivery.quarantine(version, "looked bad")
        elif what == "lose record":
            lose_record(world, version)
        elif what == "lift":
            delivery.lift(version, "looked good")
        else:
            check_pruning(world)
    world.clock.advance(timedelta(hours=1))


def approve_all(world: Rehearsal, promotion: str) -> None:
    if world.delivery().watch(promotion).waits_for_human:
        world.delivery(MANAGER).decide(promotion, is_approved=True, reason="yes")
        world.delivery().watch(promotion)


def indispensable(world: Rehearsal) -> set[str]:
    """Versions that somebody needs, asked of the world itself: instances, and what the commands would do now."""
    delivery = world.delivery()
    found = {version for name in ENVIRONMENTS for version in world.fleet.serving(REGION, f"shop-{name}")}
    for name in ENVIRONMENTS:
        with suppress(ConflictError):
            found.add(delivery.plan_rollback(name).release.version)
    found |= {entry.version for entry in delivery.estate().quarantined.values()}
    for rollout in delivery.unfinished():
        found.add(rollout.plan.release.version)
        found |= {leg.previous.version for leg in rollout.plan.legs if leg.previous}
    return found - {"None", ""}


def check_pruning(world: Rehearsal) -> None:
    delivery, needed = world.delivery(), indispensable(world)
    plan = delivery.catalogue.pruner.plan()
    doomed = {each.release.version for each in plan.removals}
    assert doomed.isdisjoint(needed)
    assert {each.release.version for each in plan.kept} | doomed == {each.version for each in world.releases.list()}
    assert all(each.reasons for each in plan.kept)
    on_record = {release.version for release in world.releases.list()}
    fates = list(delivery.catalogue.pruner.prune())
    assert {each.version for each in fates if each.kind == "release"} == doomed
    left = {release.version: release for release in world.releases.list()}
    assert needed & set(VERSIONS) & on_record <= left.keys()
    # Also of those whose record a careless hand has removed.
    bundles = {version: bundle for bundle, version in world.fleet.versions.items()}
    assert all(world.releases.exists(bundles[version]) for version in needed & set(VERSIONS))
    assert all(world.releases.exists(release.bundle) for release in left.values())
    assert world.releases.begun() == ()
    assert doomed <= delivery.estate().pruned.keys()
    assert delivery.locks.show(PRUNE_LEASE) is None


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=14))
def test_what_is_needed_is_never_removed_whatever_happened(history: list[tuple[str, str, str]]) -> None:
    world = harsh()
    aged(world, *VERSIONS)
    for step in history:
        happen(world, *step)
    check_pruning(world)


# --- reasons ---------------------------------------------------------------------------------------


def test_two_ways_back_stay_and_what_lies_behind_them_goes() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3", "4", "5")
    delivery = world.delivery()
    for version in ("1", "2", "3", "4"):
        carry(delivery, version, "dev")
    plan = delivery.catalogue.pruner.plan()
    reasons = {each.release.version: each.reasons for each in plan.kept}
    assert reasons["4"][0] == "serves dev"
    assert reasons["3"][0] == reasons["2"][0] == "way back of dev"
    assert reasons["5"] == ("among the newest 1",)
    assert [each.release.version for each in plan.removals] == ["1"]
    assert "needed nowhere" in plan.removals[0].reason


def test_a_rollback_after_a_rollback_is_still_possible_after_pruning() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3", "4")
    delivery = world.delivery()
    for version in ("1", "2", "3"):
        carry(delivery, version, "dev")
    pruned(delivery)
    for expected in ("2", "1"):
        assert delivery.watch(delivery.rollback("dev")).outcome is Outcome.SUCCEEDED
        assert world.fleet.serving(REGION, "shop-dev") == {expected}


def test_what_was_deployed_by_hand_stays() -> None:
    world = harsh(environment("dev"))
    first, *_ = aged(world, "1", "2", "3")
    deployer = world.fleet.deployer(REGION)
    deployer.create("shop", "shop-dev", first.bundle, strategy=environment("dev").strategy, marker="by hand")
    world.clock.advance(timedelta(hours=1))
    plan = world.delivery().catalogue.pruner.plan()
    assert {each.release.version: each.reasons for each in plan.kept}["1"] == (
        f"last deployed to shop-dev in {REGION}",
    )
    assert removable(world.delivery()) == {"2"}


def test_a_promotion_that_nobody_watches_to_its_end_keeps_its_release() -> None:
    world = harsh()
    aged(world, "1", "2", "3")
    delivery = world.delivery()
    opened = delivery.promote("1", to="prod")
    assert removable(delivery) == {"2"}
    delivery.abort(opened, AbortMode.DETACH)
    delivery.watch(opened)
    kept = {each.release.version: each.reasons for each in delivery.catalogue.pruner.plan().kept}
    assert f"{opened} ended detached" in kept["1"][0]


def test_the_way_back_that_an_open_promotion_planned_stays() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3", "4")
    delivery = world.delivery()
    for version in ("1", "2"):
        carry(delivery, version, "dev")
    opened = delivery.promote("3", to="dev")
    delivery.watch(delivery.rollback("dev"))
    kept = {each.release.version: each.reasons for each in delivery.catalogue.pruner.plan().kept}
    assert kept["2"] == kept["3"] == (f"promotion {opened} is not finished",)


def test_a_bundle_that_a_kept_release_shares_stays() -> None:
    world = harsh(environment("dev"))
    (first,) = aged(world, "1")
    world.releases.record(replace(first, version="1-again", created_at=world.clock.now()))
    delivery = world.delivery()
    (removal,) = delivery.catalogue.pruner.plan().removals
    assert (removal.release.version, removal.shared_with, removal.freed) == ("1", ("1-again",), 0)
    assert pruned(delivery) == {"1": Fate.REMOVED}
    assert world.releases.exists(first.bundle)


def test_young_and_newest_releases_stay() -> None:
    world = direct()
    world.keep = KeepRules(last=2, younger_than=timedelta(days=3))
    aged(world, "1", "2", "3", "4", "5")
    kept = {each.release.version: each.reasons for each in world.delivery().catalogue.pruner.plan().kept}
    assert kept == {
        "5": ("among the newest 2", "younger than 3d"),
        "4": ("among the newest 2", "younger than 3d"),
    }


# --- what goes wrong -------------------------------------------------------------------------------


class Broken:
    """A port of which one call fails."""

    def __init__(self, port: Any, call: str) -> None:
        self._port = port
        self._call = call

    def __getattr__(self, name: str) -> Any:
        if name == self._call:
            return self._fail
        return getattr(self._port, name)

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise UnreachableError("no answer")


@pytest.mark.parametrize("call", ["read", "streams", "group_facts"])
def test_nothing_is_removed_while_something_cannot_be_read(call: str) -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3")
    world.wrap = lambda port: Broken(port, call) if hasattr(port, call) else port
    with pytest.raises(UnreachableError):
        pruned(world.delivery())
    world.wrap = lambda port: port
    assert len(world.releases.list()) == 3
    assert removable(world.delivery()) == {"1", "2"}


def test_a_ledger_that_was_tampered_with_removes_nothing() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3")
    delivery = world.delivery()
    carry(delivery, "3", "dev")
    ledger: Any = world.ledger
    events = ledger.read("application")
    changed = Tampered(ledger, {0: replace(events[0], payload={**events[0].payload, "environment": "other"})})
    world.ledger = changed
    with pytest.raises(IntegrityError):
        pruned(world.delivery())
    assert len(world.releases.list()) == 3


class Tampered:
    """A ledger some of whose events were changed."""

    def __init__(self, ledger: Any, changed: dict[int, Any]) -> None:
        self._ledger = ledger
        self._changed = changed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def read(self, stream: str, after: int = 0) -> tuple[Any, ...]:
        events = self._ledger.read(stream, after)
        is_whole = stream == "application" and after == 0
        return tuple(self._changed.get(i, e) for i, e in enumerate(events)) if is_whole else events


class Interrupting:
    """The remover, with something that happens in front of the n-th use of one of its calls."""

    def __init__(self, port: Any, call: str, happens: Callable[[], None], at: int) -> None:
        self._port = port
        self._call = call
        self._happens = happens
        self._left = at

    def __getattr__(self, name: str) -> Any:
        if name == self._call:
            self._left -= 1
            if self._left == 0:
                self._happens()
        return getattr(self._port, name)


def interrupted(world: Rehearsal, call: str, happens: Callable[[], None], *, at: int = 1) -> Delivery:
    wrapped = Interrupting(world.releases, call, happens, at)
    world.wrap = lambda port: wrapped if port is world.releases else port
    return world.delivery()


def test_a_quarantine_meanwhile_spares_the_release() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3")
    other = world.delivery()

    def quarantine() -> None:
        other.quarantine("1", "evidence")

    fates = pruned(interrupted(world, "begun", quarantine))
    assert fates == {"1": Fate.SPARED, "2": Fate.REMOVED}
    assert world.releases.begun() == ()


def test_nobody_can_begin_a_promotion_while_releases_are_removed() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3")
    other, seen = world.delivery(), []

    def promote() -> None:
        with pytest.raises(LockedError, match="being removed") as refusal:
            other.promote("1", to="dev")
        seen.append(refusal.value.exit_code)

    pruned(interrupted(world, "remove", promote))
    assert seen == [7]
    assert other.unfinished() == ()


@pytest.mark.parametrize(("at", "fate"), [(1, Fate.SPARED), (2, Fate.REMOVED)], ids=["seen", "unseen"])
def test_a_promotion_recorded_after_its_checks_is_seen_or_ends_without_touching_anything(at: int, fate: Fate) -> None:
    """Its checks had passed before anybody pruned; 2 goes first, then 1, which it wants to promote."""
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3")
    plan, opened = world.delivery().plan("1", to="dev"), []

    def record() -> None:
        opened.append(open_promotion(world.ledger, plan, clock=world.clock))

    assert pruned(interrupted(world, "remove", record, at=at))["1"] is fate
    world.wrap = lambda port: port
    rollout = world.delivery().watch(opened[0])
    assert world.delivery().lease_of("dev") is None
    if fate is Fate.SPARED:
        assert rollout.outcome is Outcome.SUCCEEDED
    else:
        assert rollout.outcome is Outcome.FAILED
        assert "bundle is gone" in rollout.reason
        assert world.fleet.deployments == []


def test_a_claim_while_releases_are_removed_is_refused_and_gives_its_lease_back() -> None:
    world = harsh(environment("dev"))
    aged(world, "1")
    delivery = world.delivery()
    opened = delivery.promote("1", to="dev")
    world.locks.acquire(
        PRUNE_LEASE, holder="somebody", ttl=timedelta(minutes=5), now=world.clock.now(), reason="release prune"
    )
    rollout = delivery.watch(opened)
    assert rollout.outcome is Outcome.LOCKED
    assert "being removed" in rollout.reason
    assert delivery.lease_of("dev") is None


def test_two_cannot_prune_at_once_and_a_dead_one_blocks_for_a_while_only() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2")
    begun = world.delivery(driver="dead").catalogue.pruner.prune()
    world.locks.acquire(PRUNE_LEASE, holder="dead", ttl=timedelta(minutes=15), now=world.clock.now(), reason="prune")
    with pytest.raises(LockedError):
        pruned(world.delivery(driver="other"))
    world.clock.advance(timedelta(minutes=16))
    assert pruned(world.delivery(driver="other")) == {"1": Fate.REMOVED}
    begun.close()


def test_what_a_crash_left_half_removed_is_ended_by_the_next() -> None:
    world = harsh(environment("dev"))
    first, *_ = aged(world, "1", "2")
    delivery = world.delivery()
    world.releases.remove(first, by="somebody", at=world.clock.now())
    with pytest.raises(NotFoundError):
        delivery.promote("1", to="dev")
    assert [release.version for release in delivery.catalogue.pruner.begun()] == ["1"]
    assert pruned(delivery) == {"1": Fate.REMOVED}
    assert world.releases.begun() == ()
    assert delivery.estate().pruned["1"].reason == "its removal was begun earlier"


def test_a_locked_bundle_is_left_and_told() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3")
    world.releases.locks["1"] = "its bundle is locked until 2030-01-01 (Object Lock)"
    delivery = world.delivery()
    fates = list(delivery.catalogue.pruner.prune())
    assert Pruned("1", Fate.SPARED, "its bundle is locked until 2030-01-01 (Object Lock)") in fates
    assert [release.version for release in world.releases.list()] == ["3", "1"]


def test_what_the_store_refuses_is_told_and_the_rest_goes() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3")
    real = world.releases.remove

    class Refusing:
        def __getattr__(self, name: str) -> Any:
            return self._remove if name == "remove" else getattr(world.releases, name)

        def _remove(self, release: Release, **how: Any) -> int:
            if release.version == "1":
                raise UnreachableError("AccessDenied")
            return real(release, **how)

    world.wrap = lambda port: Refusing() if port is world.releases else port
    assert pruned(world.delivery()) == {"1": Fate.REFUSED, "2": Fate.REMOVED}
    assert "1" not in world.delivery().estate().pruned


class Spoilt:
    """The remover, which fails in one call for one release."""

    def __init__(self, world: Rehearsal, call: str, version: str, error: DeliverkitError) -> None:
        self._world = world
        self._call = call
        self._version = version
        self._error = error

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._world.releases, name)
        return real if name != self._call else lambda release, **how: self._called(real, release, how)

    def _called(self, real: Any, release: Release, how: dict[str, Any]) -> Any:
        if release.version == self._version:
            raise self._error
        return real(release, **how)


@pytest.mark.parametrize("call", ["remove", "locked_until", "settle"])
@pytest.mark.parametrize("error", [IntegrityError("another's record"), ConflictError("409"), UnreachableError("403")])
def test_one_release_that_cannot_be_removed_does_not_keep_the_others(call: str, error: DeliverkitError) -> None:
    """It was begun earlier, so that it comes first every time."""
    world = harsh(environment("dev"))
    first, *_ = aged(world, "1", "2", "3")
    world.releases.remove(first, by="somebody", at=world.clock.now())
    spoilt = Spoilt(world, call, "1", error)
    world.wrap = lambda port: spoilt if port is world.releases else port
    fates = {each.version: each for each in world.delivery().catalogue.pruner.prune()}
    assert (fates["1"].fate, fates["1"].detail) == (Fate.REFUSED, error.message)
    assert fates["2"].fate is Fate.REMOVED
    assert world.releases.begun() == (first,)
    world.wrap = lambda port: port
    assert pruned(world.delivery()) == {"1": Fate.REMOVED}


@pytest.mark.parametrize("error", [LockedError("taken"), FencedError("taken")])
def test_whoever_lost_the_lease_removes_nothing_more(error: DeliverkitError) -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3")
    spoilt = Spoilt(world, "remove", "2", error)
    world.wrap = lambda port: spoilt if port is world.releases else port
    with pytest.raises(type(error)):
        pruned(world.delivery())
    assert {release.version for release in world.releases.list()} == {"1", "2", "3"}


@pytest.mark.parametrize("call", ["streams", "group_facts"])
def test_what_cannot_be_read_any_more_ends_pruning(call: str) -> None:
    """It was read for the plan, and does not answer when it is asked again."""
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3")
    broken: set[str] = set()

    class Failing:
        def __init__(self, port: Any) -> None:
            self._port = port

        def __getattr__(self, name: str) -> Any:
            if name == "begun" and self._port is world.releases:
                broken.add(call)
            if name in broken:
                raise UnreachableError("no answer")
            return getattr(self._port, name)

    world.wrap = Failing
    with pytest.raises(UnreachableError):
        pruned(world.delivery())
    assert len(world.releases.list()) == 3


def by_hand(world: Rehearsal, bundle: BundleRevision) -> Callable[[], None]:
    def deploy() -> None:
        deployer = world.fleet.deployer(REGION)
        deployer.create("shop", "shop-dev", bundle, strategy=environment("dev").strategy, marker="by hand")
        world.clock.advance(timedelta(minutes=1))

    return deploy


def test_what_is_deployed_by_hand_while_releases_are_removed_stays() -> None:
    world = harsh(environment("dev"))
    first, *_ = aged(world, "1", "2", "3")
    delivery = interrupted(world, "begun", by_hand(world, first.bundle))
    fates = {each.version: each for each in delivery.catalogue.pruner.prune()}
    assert (fates["1"].fate, fates["1"].detail) == (Fate.SPARED, f"last deployed to shop-dev in {REGION}")
    assert fates["2"].fate is Fate.REMOVED


def test_a_stray_that_is_deployed_by_hand_after_it_was_judged_stays() -> None:
    world = harsh(environment("dev"))
    aged(world, "1")
    stray = world.releases.upload(ready_bundle(b"left by a crash")).revision
    world.fleet.versions[stray] = "left by a crash"
    delivery = interrupted(world, "digest_of", by_hand(world, stray))
    assert swept(delivery) == {file_name(stray.key): Fate.SPARED}


# --- a removal that takes long ---------------------------------------------------------------------


class Slow:
    """The remover, to which something happens before each step of a removal."""

    def __init__(self, world: Rehearsal, happens: Callable[[], None]) -> None:
        self._world = world
        self._happens = happens

    def __getattr__(self, name: str) -> Any:
        return self._remove if name == "remove" else getattr(self._world.releases, name)

    def _remove(self, release: Release, *, keep: Callable[[], None], **how: Any) -> int:
        def slowly() -> None:
            self._happens()
            keep()

        return self._world.releases.remove(release, keep=slowly, **how)


def test_a_removal_that_outlasts_the_lease_stops_before_the_bundle() -> None:
    """A promotion that was planned before begins then, and its bundle is there."""
    world = harsh(environment("dev"))
    aged(world, "1", "2")
    plan, opened = world.delivery().plan("1", to="dev"), []

    def promote() -> None:
        world.clock.advance(timedelta(minutes=16))
        opened.append(open_promotion(world.ledger, plan, clock=world.clock))
        world.delivery(driver="other").watch(opened[0])

    slow = Slow(world, promote)
    world.wrap = lambda port: slow if port is world.releases else port
    with pytest.raises(LockedError, match="ran out"):
        pruned(world.delivery())
    world.wrap = lambda port: port
    assert world.fleet.serving(REGION, "shop-dev") == {"1"}
    assert world.releases.exists(plan.release.bundle)
    assert pruned(world.delivery()) == {"1": Fate.SPARED}


def test_the_lease_lasts_as_long_as_a_removal_goes_on() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2", "3")
    seen: list[bool] = []

    def pass_ten_minutes() -> None:
        world.clock.advance(timedelta(minutes=10))
        with suppress(LockedError):
            refuse_while_pruning(world.locks, world.clock.now())
            seen.append(True)

    slow = Slow(world, pass_ten_minutes)
    world.wrap = lambda port: slow if port is world.releases else port
    assert pruned(world.delivery()) == {"1": Fate.REMOVED, "2": Fate.REMOVED}
    assert seen == []


def test_each_removal_of_a_version_is_recorded_and_none_twice() -> None:
    world = harsh(environment("dev"))
    first, *_ = aged(world, "1", "2")
    delivery = world.delivery()
    pruned(delivery)
    journal = delivery._parts.journal
    journal.prune(first, "ended by another process after a crash")
    again = replace(first, bundle=replace(first.bundle, version_id="2"))
    journal.prune(again, "packaged anew, and removed anew")
    events = [event for event in delivery.ledger.read("application") if event.kind == "release.pruned"]
    assert [event.payload["bundle"] for event in events] == [first.bundle.uri, again.bundle.uri]
    assert events[0].payload["digest"] == first.digest


# --- strays ----------------------------------------------------------------------------------------


def stray_key(world: Rehearsal, content: bytes) -> str:
    """A bundle that is in the store and on no record."""
    return world.releases.upload(ready_bundle(content)).revision.key


def swept(delivery: Delivery) -> dict[str, Fate]:
    return {each.version: each.fate for each in delivery.catalogue.pruner.prune() if each.kind == "bundle"}


def judged(delivery: Delivery) -> dict[str, tuple[str, ...]]:
    return {each.stray.key: each.reasons for each in delivery.catalogue.pruner.plan().strays}


def lose_record(world: Rehearsal, version: str) -> Release:
    """A careless hand removes the record alone."""
    release = world.releases.get(version)
    del world.releases._records[version]
    return release


def test_a_bundle_without_a_record_goes_once_it_is_old_and_the_ledger_knows() -> None:
    world = harsh(environment("dev"))
    aged(world, "1")
    key = stray_key(world, b"left by a crash")
    world.releases.stored_at[key] = world.clock.now()
    delivery = world.delivery()
    world.clock.advance(timedelta(hours=23, minutes=59))
    assert judged(delivery) == {key: ("younger than 1d",)}
    assert swept(delivery) == {}
    world.clock.advance(timedelta(minutes=1))
    assert judged(delivery) == {key: ()}
    assert swept(delivery) == {file_name(key): Fate.REMOVED}
    assert judged(delivery) == {}
    events = [event.payload for event in delivery.ledger.read("application") if event.kind == "bundle.pruned"]
    assert [(each["bundle"], each["digest"]) for each in events] == [(key, digest_of(b"left by a crash"))]
    assert world.releases.exists(world.releases.get("1").bundle)


def test_what_the_ledger_needs_stays_although_its_record_is_gone() -> None:
    """It serves, it is the way back, it is under quarantine, an open promotion carries it: each without a record."""
    world = harsh(environment("dev"), environment("test"), environment("prod"))
    aged(world, "1", "2", "3", "4", "5")
    delivery = world.delivery()
    for version in ("1", "2"):
        carry(delivery, version, "dev")
    delivery.quarantine("3", "evidence")
    delivery.promote("4", to="test")
    lost = {version: lose_record(world, version) for version in ("1", "2", "3", "4")}
    assert set(judged(delivery)) == {each.bundle.key for each in lost.values()}
    assert all(judged(delivery).values())
    assert swept(delivery) == {}
    assert all(world.releases.exists(each.bundle) for each in lost.values())


def test_what_was_deployed_by_hand_and_has_no_record_stays() -> None:
    world = harsh(environment("dev"))
    first, *_ = aged(world, "1", "2")
    world.fleet.deployer(REGION).create(
        "shop", "shop-dev", first.bundle, strategy=environment("dev").strategy, marker="by hand"
    )
    world.clock.advance(timedelta(hours=1))
    lose_record(world, "1")
    assert swept(world.delivery()) == {}
    assert world.releases.exists(first.bundle)


def test_while_a_quarantine_has_no_record_no_bundle_of_unknown_bytes_goes() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2")
    delivery = world.delivery()
    delivery.quarantine("1", "evidence")
    known, unknown = stray_key(world, b"known"), stray_key(world, b"unknown")
    world.releases.without_digest.add(unknown)
    lost = lose_record(world, "1")
    world.releases.without_digest.add(lost.bundle.key)
    assert judged(delivery)[unknown] == ("it may be 1, which is under quarantine and has no record",)
    assert swept(delivery) == {file_name(known): Fate.REMOVED}
    assert world.releases.exists(lost.bundle)


def test_while_nobody_knows_what_a_detached_promotion_left_no_stray_goes() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2")
    delivery = world.delivery()
    opened = delivery.promote("1", to="dev")
    delivery.abort(opened, AbortMode.DETACH)
    delivery.watch(opened)
    lose_record(world, "1")
    key = stray_key(world, b"some other")
    assert f"{opened} ended detached" in judged(delivery)[key][0]
    assert swept(delivery) == {}


@pytest.mark.parametrize("call", ["found", "digest_of", "begun", "group_facts", "streams"])
def test_no_stray_goes_while_something_cannot_be_read(call: str) -> None:
    world = harsh(environment("dev"))
    aged(world, "1")
    key = stray_key(world, b"left by a crash")
    world.wrap = lambda port: Broken(port, call) if hasattr(port, call) else port
    with pytest.raises(UnreachableError):
        pruned(world.delivery())
    world.wrap = lambda port: port
    assert judged(world.delivery()) == {key: ()}


def test_a_record_that_comes_while_strays_go_saves_its_bundle() -> None:
    """A build packages the very bytes again, after the stray was judged and before it is removed."""
    world = harsh(environment("dev"))
    aged(world, "1")
    key = stray_key(world, b"9")

    def record() -> None:
        world.release("9")

    delivery = interrupted(world, "digest_of", record)
    fates = {each.version: each for each in delivery.catalogue.pruner.prune()}
    assert (fates[file_name(key)].fate, fates[file_name(key)].detail) == (Fate.SPARED, "a record names it by now")
    assert world.releases.exists(world.releases.get("9").bundle)


def test_a_locked_stray_and_one_that_the_store_refuses_are_told() -> None:
    world = harsh(environment("dev"))
    aged(world, "1")
    locked, refused = stray_key(world, b"locked"), stray_key(world, b"refused")
    world.releases.locks[locked] = "its bundle is locked until 2030-01-01 (Object Lock)"

    class Refusing:
        def __getattr__(self, name: str) -> Any:
            return self._remove if name == "remove_stray" else getattr(world.releases, name)

        def _remove(self, _: Any) -> int:
            raise UnreachableError("AccessDenied")

    world.wrap = lambda port: Refusing() if port is world.releases else port
    assert swept(world.delivery()) == {file_name(locked): Fate.SPARED, file_name(refused): Fate.REFUSED}


def test_pruning_tells_what_it_does_before_it_does_it() -> None:
    world = harsh(environment("dev"))
    aged(world, "1", "2")
    heard: list[str] = []
    fates = world.delivery().catalogue.pruner.prune(heard.append)
    heard.extend(f"told {each.version}" for each in fates)
    assert heard == [
        "asking the deployment groups what they run",
        "reading the records of all releases, and the ledger",
        "removing 1 (1 of 1)",
        "told 1",
        "looking for bundles that no release names",
    ]
