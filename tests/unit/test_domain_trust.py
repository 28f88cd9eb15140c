"""Source policies: what is not known does not pass."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from deliverkit.domain.trust import DirtyTree, Origin, Provenance, SourcePolicy, same_repository

AT = datetime(2026, 3, 1, tzinfo=UTC)
ORIGIN = Origin("https://git.example.com/team/shop.git", "c" * 40, "main")
BUILT = Provenance(
    application="shop",
    version="1.0",
    bundle="sha256:a",
    format="zip",
    path="build",
    manifest="sha256:b",
    sbom="sha256:d",
    builder="https://ci.example.com/",
    builder_version="1",
    started_at=AT,
    finished_at=AT,
    origin=ORIGIN,
)
STRICT = SourcePolicy(
    branches=("main", "release/*"),
    repository="git@git.example.com:team/shop.git",
    builders=("https://ci.example.com",),
)


def test_what_holds_has_no_objections() -> None:
    assert STRICT.objections(BUILT) == ()
    assert SourcePolicy().objections(BUILT) == ()


@pytest.mark.parametrize(
    ("origin", "said"),
    [
        (replace(ORIGIN, branch="feature"), "from branch feature, not main or release/*"),
        (replace(ORIGIN, branch="release"), "from branch release, not"),
        (replace(ORIGIN, branch="main2"), "from branch main2, not"),
        (replace(ORIGIN, branch=""), "from no known branch, not"),
        (replace(ORIGIN, repository="https://git.example.com/evil/shop"), "evil/shop, not git@git"),
        (replace(ORIGIN, repository=""), "a repository without a remote, not git@git"),
        (replace(ORIGIN, is_dirty=True), "working tree differed from commit cccccccccccc"),
        (None, "outside a git repository"),
    ],
)
def test_other_sources_are_told(origin: Origin | None, said: str) -> None:
    (objection,) = STRICT.objections(replace(BUILT, origin=origin))
    assert said in objection


def test_any_release_branch_passes() -> None:
    assert STRICT.objections(replace(BUILT, origin=replace(ORIGIN, branch="release/1/4"))) == ()


def test_other_builders_are_told_and_all_objections_come_at_once() -> None:
    bad = replace(BUILT, builder="https://laptop", origin=replace(ORIGIN, is_dirty=True, branch="x", repository="/x"))
    assert len(STRICT.objections(bad)) == 4
    assert "not by https://ci.example.com" in STRICT.objections(bad)[-1]


def test_an_empty_policy_still_wants_a_clean_commit() -> None:
    dirty = replace(BUILT, origin=replace(ORIGIN, is_dirty=True))
    assert SourcePolicy().objections(dirty)
    assert SourcePolicy().objections(replace(BUILT, origin=None))
    assert SourcePolicy(dirty=DirtyTree.ALLOW).objections(dirty) == ()
    assert SourcePolicy(dirty=DirtyTree.ALLOW).objections(replace(BUILT, origin=None)) == ()


@pytest.mark.parametrize(
    "address",
    [
        "https://git.example.com/team/shop.git",
        "https://GIT.example.com/team/shop/",
        "https://robot@git.example.com/team/shop",
        "git+https://git.example.com/team/shop",
        "ssh://git@git.example.com/team/shop.git",
        "git@git.example.com:team/shop.git",
        "git.example.com:/team/shop",
    ],
)
def test_spellings_of_one_repository_are_one(address: str) -> None:
    assert same_repository(address) == "git.example.com/team/shop"


@pytest.mark.parametrize(
    "address",
    [
        *("https://git.example.com/team/shop2", "https://example.com/team/shop", "", "shop"),
        # Folders, whatever they are called, are no hosts: somebody can make them on any machine.
        *("/git.example.com/team/shop", "git.example.com/team/shop", "./git.example.com:x/team/shop"),
        *("file://git.example.com/team/shop", "file:///git.example.com/team/shop"),
        # A program of this name would be asked (gitremote-helpers(7)).
        "own://git.example.com/team/shop",
        "own::https://git.example.com/team/shop",
    ],
)
def test_other_repositories_are_others(address: str) -> None:
    assert same_repository(address) != "git.example.com/team/shop"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("/srv/shop.git", "file:///srv/shop/"),
        ("shop", "shop/"),
        ("git://git.example.com/shop", "http://git.example.com/shop.git"),
    ],
)
def test_folders_and_older_protocols_have_spellings_too(one: str, other: str) -> None:
    assert same_repository(one) == same_repository(other)


@pytest.mark.parametrize("address", ["https:///srv/shop", "https://file:/srv/shop", "ssh://file@/srv/shop"])
def test_no_host_is_taken_for_a_folder(address: str) -> None:
    assert same_repository(address) != same_repository("/srv/shop")


@pytest.mark.parametrize("wanted", ["/", "file://", ".git"])
def test_a_build_without_a_remote_is_from_no_repository_at_all(wanted: str) -> None:
    policy = SourcePolicy(repository=wanted)
    (objection,) = policy.objections(replace(BUILT, origin=replace(ORIGIN, repository="")))
    assert "without a remote" in objection
