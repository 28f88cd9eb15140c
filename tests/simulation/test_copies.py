"""Promotions into several regions deploy each region's own copy, or do not begin."""

from __future__ import annotations

from datetime import timedelta

import pytest
from worlds import bad_release, carry, direct, environment, piped

from deliverkit.domain.plan import Plan
from deliverkit.domain.release import Release
from deliverkit.domain.release_rules import ReplicaPlace
from deliverkit.domain.rollout import Outcome
from deliverkit.domain.trust import Evidence
from deliverkit.errors import ConflictError, IntegrityError
from deliverkit.testing.rehearsal import Rehearsal
from deliverkit.testing.replicas import MemoryReplicas

HOME, EUROPE = "us-east-1", "eu-west-1"
PLACES = {EUROPE: ReplicaPlace("copies-europe", "shop")}


def two_regions(*, is_piped: bool = False, places: dict[str, ReplicaPlace] | None = None) -> Rehearsal:
    make = piped if is_piped else direct
    world = make(environment("dev", waves=((HOME,), (EUROPE,)) if not is_piped else ((HOME, EUROPE),)))
    world.replicas = MemoryReplicas(PLACES if places is None else places, home=HOME, clock=world.clock)
    return world


def buckets(world: Rehearsal) -> list[tuple[str, str]]:
    return [(each.region, each.revision.bucket) for each in world.fleet.deployments]


def test_each_region_deploys_the_copy_of_its_own_bucket() -> None:
    world = two_regions()
    world.replicate(world.release("1.0"), EUROPE)
    assert carry(world.delivery(), "1.0", "dev").outcome is Outcome.SUCCEEDED
    assert buckets(world) == [(HOME, "memory"), (EUROPE, "copies-europe")]
    assert world.fleet.serving(EUROPE, "shop-dev") == {"1.0"}


def test_the_way_back_deploys_the_copies_too() -> None:
    world = two_regions()
    for version in ("1.0", "2.0"):
        world.replicate(world.release(version), EUROPE)
        world.clock.advance(timedelta(minutes=1))
    delivery = world.delivery()
    carry(delivery, "1.0", "dev")
    world.check.answer = bad_release("2.0", world, after=timedelta(minutes=1))
    world.fleet.refuses.add("2.0")
    assert carry(delivery, "2.0", "dev").outcome is Outcome.ROLLED_BACK
    assert {bucket for region, bucket in buckets(world) if region == EUROPE} <= {"copies-europe"}
    world.fleet.refuses.clear()
    assert world.fleet.serving(EUROPE, "shop-dev") == {"1.0"}


@pytest.mark.parametrize("is_piped", [False, True], ids=["direct", "piped"])
def test_without_a_copy_nothing_begins_and_the_command_is_told(is_piped: bool) -> None:
    world = two_regions(is_piped=is_piped)
    world.release("1.0")
    with pytest.raises(ConflictError, match="no proven copy in eu-west-1") as refusal:
        world.delivery().promote("1.0", to="dev")
    assert refusal.value.hint == "deliverkit release replicate 1.0 --to eu-west-1"
    assert refusal.value.exit_code == 1
    assert world.delivery().unfinished() == ()


def test_a_copy_that_was_lost_counts_as_none() -> None:
    world = two_regions()
    world.replicas.lose(world.replicate(world.release("1.0"), EUROPE))
    with pytest.raises(ConflictError, match="is gone"):
        world.delivery().promote("1.0", to="dev")


class Trusting:
    """Implements `attestation_ports.Trust`: every release is signed."""

    def require(self, release: Release, *, is_thorough: bool) -> Evidence:
        return Evidence(f"sha256:{release.version}:{is_thorough}", ("key",), ("file:key.pub",))


def forged(world: Rehearsal, *versions: str) -> None:
    """Releases with a copy in Europe that is not what its record says."""
    for version in versions:
        world.replicas.forge(world.replicate(world.release(version), EUROPE))


def test_where_trust_is_asked_for_a_signed_release_does_not_vouch_for_what_a_record_calls_its_copy() -> None:
    world = two_regions()
    world.trust = Trusting()
    forged(world, "1.0")
    with pytest.raises(IntegrityError, match=r"no copy of 1\.0") as refusal:
        world.delivery().promote("1.0", to="dev")
    assert refusal.value.exit_code == 9
    assert world.ledger.streams("") == ()
    assert world.fleet.deployments == []


def test_neither_a_promotion_with_a_forged_way_back_nor_a_rollback_to_one_begins() -> None:
    world = two_regions()
    copy = world.replicate(world.release("1.0"), EUROPE)
    carry(world.delivery(), "1.0", "dev")
    world.clock.advance(timedelta(minutes=1))
    world.replicate(world.release("2.0"), EUROPE)
    carry(world.delivery(), "2.0", "dev")
    world.clock.advance(timedelta(minutes=1))
    world.replicate(world.release("3.0"), EUROPE)
    deployed, world.trust = len(world.fleet.deployments), Trusting()
    world.replicas.forge(copy)
    with pytest.raises(IntegrityError, match=r"no copy of 1\.0"):
        world.delivery().rollback("dev", to="1.0")
    (second,) = world.replicas.of(world.releases.get("2.0"))
    world.replicas.forge(second)
    with pytest.raises(IntegrityError, match=r"no copy of 2\.0"):
        world.delivery().promote("3.0", to="dev")
    assert len(world.fleet.deployments) == deployed


def test_a_way_back_whose_copy_is_gone_holds_nothing_up() -> None:
    world = two_regions()
    world.trust = Trusting()
    first = world.replicate(world.release("1.0"), EUROPE)
    carry(world.delivery(), "1.0", "dev")
    world.clock.advance(timedelta(minutes=1))
    world.replicate(world.release("2.0"), EUROPE)
    world.replicas.lose(first)
    assert carry(world.delivery(), "2.0", "dev").outcome is Outcome.SUCCEEDED


def test_a_region_without_any_place_for_copies_is_refused_where_the_stores_region_is_known() -> None:
    world = two_regions(places={})
    world.release("1.0")
    with pytest.raises(ConflictError, match="lies in us-east-1, and eu-west-1 has no copy") as refusal:
        world.delivery().promote("1.0", to="dev")
    assert "release.replicas.eu-west-1" in refusal.value.hint
    world.replicas.home = ""
    assert carry(world.delivery(), "1.0", "dev").outcome is Outcome.SUCCEEDED


def test_a_pipeline_brings_the_bundle_into_its_regions_itself() -> None:
    world = two_regions(is_piped=True, places={})
    world.release("1.0")
    assert carry(world.delivery(), "1.0", "dev").outcome is Outcome.SUCCEEDED


def test_a_plan_warns_when_the_way_back_has_no_copy() -> None:
    world = two_regions(places={})
    world.replicas.home = ""
    world.release("1.0")
    carry(world.delivery(), "1.0", "dev")
    world.replicas.places, second = PLACES, world.release("2.0")
    world.replicate(second, EUROPE)
    (warning,) = [each for each in world.delivery().plan("2.0", to="dev").warnings if "proven copy" in each]
    assert "the way back, 1.0, has no proven copy in eu-west-1" in warning


def test_a_copy_is_nothing_that_somebody_else_deployed() -> None:
    world = two_regions()
    for version in ("1.0", "2.0"):
        world.replicate(world.release(version), EUROPE)
    carry(world.delivery(), "1.0", "dev")
    assert not [each for each in world.delivery().plan("2.0", to="dev").warnings if "did not deploy" in each]


def test_a_plan_without_copies_is_recorded_as_before_there_were_any() -> None:
    world = direct()
    world.release("1.0")
    plan = world.delivery().plan("1.0", to="dev")
    assert "replicas" not in plan.to_json()
    assert Plan.from_json(plan.to_json()) == plan


def test_a_plan_with_copies_survives_its_record() -> None:
    world = two_regions()
    world.replicate(world.release("1.0"), EUROPE)
    plan = world.delivery().plan("1.0", to="dev")
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.digest == plan.digest
    assert again.revision_in(EUROPE, plan.release).bucket == "copies-europe"
    assert again.revision_in(HOME, plan.release).bucket == "memory"
