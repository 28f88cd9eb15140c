"""How a commit stands, told of its promotion."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.domain.commit_status import DESCRIPTION_LIMIT, CommitState, CommitStatus, status_of
from deliverkit.domain.environment import OnFailure, Strategy, StrategyKind
from deliverkit.domain.ledger import Draft, seal
from deliverkit.domain.plan import Drive, DriveKind, Leg, Plan, PlanKind
from deliverkit.domain.release import BundleRevision, Release, SourceRevision
from deliverkit.domain.rollout import Outcome, Phase, Rollout

AT = datetime(2026, 3, 1, tzinfo=UTC)
COMMIT = "c0ffee" + "0" * 34
RELEASE = Release(
    "shop", "1.4.0", "sha256:" + "a" * 64, 1, BundleRevision("b", "k", "v", "e"), AT, "ci", SourceRevision(COMMIT)
)
LEG = Leg(
    environment="production",
    wave=1,
    regions=("us-east-1",),
    application="shop",
    group="shop",
    strategy=Strategy(StrategyKind.ALL_AT_ONCE),
    before=(),
    during=(),
    after=(),
    bake_time=timedelta(0),
    on_failure=OnFailure.ROLLBACK,
    endpoint="",
)


def rollout(outcome: Outcome | None = None, reason: str = "", release: Release = RELEASE) -> Rollout:
    plan = Plan(PlanKind.PROMOTE, "shop", "production", release, Drive(DriveKind.DIRECT), (LEG,), {}, "ci", AT)
    event = seal(Draft("promotion.opened"), stream="promotions/production-12", after=None, actor="ci", at=AT)
    return Rollout("production-12", plan, AT, Phase.BAKING, AT, event, outcome=outcome, reason=reason)


def told(found: CommitStatus | None) -> CommitStatus:
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        (None, CommitState.PENDING),
        (Outcome.SUCCEEDED, CommitState.SUCCESS),
        *((each, CommitState.FAILURE) for each in (Outcome.FAILED, Outcome.REJECTED, Outcome.UNTRUSTED)),
        (Outcome.ROLLED_BACK, CommitState.FAILURE),
        *((each, CommitState.ERROR) for each in (Outcome.LOCKED, Outcome.UNRESOLVED, Outcome.DETACHED)),
    ],
)
def test_every_outcome_is_a_state(outcome: Outcome | None, state: CommitState) -> None:
    assert told(status_of(rollout(outcome))).state is state


def test_what_is_said() -> None:
    status = told(status_of(rollout(Outcome.ROLLED_BACK, "gate up failed"), url="https://ci.example.com/"))
    assert (status.commit, status.context) == (COMMIT, "deliverkit/production")
    assert status.description == "1.4.0 rolled back: gate up failed"
    assert told(status_of(rollout())).description == "1.4.0 baking production"


@given(st.text(max_size=300), st.sampled_from(list(Outcome)))
def test_a_description_is_one_line_that_github_takes(reason: str, outcome: Outcome) -> None:
    description = told(status_of(rollout(outcome, reason))).description
    assert 0 < len(description) <= DESCRIPTION_LIMIT
    assert len(description.splitlines()) == 1


@pytest.mark.parametrize(
    "source",
    [None, SourceRevision(COMMIT, is_dirty=True), SourceRevision("HEAD"), SourceRevision("../../" + "a" * 34)],
)
def test_a_release_that_is_not_exactly_a_commit_says_nothing_of_one(source: SourceRevision | None) -> None:
    assert status_of(rollout(release=replace(RELEASE, source=source))) is None
