"""Tickets in messages, commits between revisions of real repositories."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deliverkit.adapters.git_history import commits_between
from deliverkit.domain.changes import Commit, tickets_in
from deliverkit.domain.release_rules import TicketRules

AT = datetime(2026, 1, 5, tzinfo=UTC)


def commit(subject: str, message: str = "", number: int = 1) -> Commit:
    return Commit(f"{number:040x}", "Ann", AT, subject, message)


def names(*commits: Commit, rules: TicketRules | None = None) -> list[str]:
    return [ticket.name for ticket in tickets_in(commits, rules or TicketRules())]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SHOP-12: prices", ["SHOP-12"]),
        ("fixes #7, see #12 and SHOP-3", ["#7", "#12", "SHOP-3"]),
        ("UTF-8, sha-256, x#5, &#39; and AB-0", ["UTF-8"]),
        ("nothing", []),
    ],
)
def test_tickets_are_found_as_trackers_write_them(text: str, expected: list[str]) -> None:
    assert names(commit(text)) == expected


def test_tickets_are_named_once_in_natural_order_with_their_commits_and_address() -> None:
    rules = TicketRules(url="https://jira.example.com/browse/{}")
    first, second = commit("SHOP-10 a", number=1), commit("b", "closes SHOP-9\nSHOP-10", number=2)
    found = tickets_in((first, second), rules)
    assert [(each.name, each.url[-7:], each.commits) for each in found] == [
        ("SHOP-9", "/SHOP-9", (second.id,)),
        ("SHOP-10", "SHOP-10", (first.id, second.id)),
    ]


def test_a_pattern_of_ones_own_names_its_first_group() -> None:
    assert names(commit("bug=17, bug=18"), rules=TicketRules(r"bug=(\d+)")) == ["17", "18"]


# --- git -------------------------------------------------------------------------------------------


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "shop"
    root.mkdir()
    git(root, "init", "-q", "-b", "main")
    return root


def git(root: Path, *arguments: str) -> str:
    who = ("-c", "user.name=Ann \x1b Lee", "-c", "user.email=ann@example.com", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True)
    return done.stdout.strip()


def make(root: Path, subject: str, body: str = "") -> str:
    git(root, "commit", "-q", "--allow-empty", "-m", f"{subject}\n\n{body}")
    return git(root, "rev-parse", "HEAD")


def test_commits_between_two_releases_are_told_the_newest_first(repository: Path) -> None:
    old = make(repository, "begin")
    make(repository, "SHOP-1 prices")
    new = make(repository, "ä second", "with a body\n\nand SHOP-2")
    found = commits_between(repository, old, new)
    assert [each.subject for each in found.added] == ["ä second", "SHOP-1 prices"]
    assert found.added[0].message == "with a body\n\nand SHOP-2"
    assert (found.dropped, found.unknown) == ((), "")
    assert commits_between(repository, new, old).dropped == found.added
    assert commits_between(repository, new, new).added == ()


def test_a_revision_that_is_no_descendant_is_told_both_ways_with_its_merges(repository: Path) -> None:
    make(repository, "begin")
    git(repository, "checkout", "-q", "-b", "hotfix")
    old = make(repository, "only on the hotfix")
    git(repository, "checkout", "-q", "main")
    make(repository, "on main")
    git(repository, "checkout", "-q", "-b", "side", "HEAD~1")
    make(repository, "beside")
    git(repository, "checkout", "-q", "main")
    git(repository, "merge", "-q", "--no-ff", "-m", "Merge side", "side")
    found = commits_between(repository, old, git(repository, "rev-parse", "HEAD"))
    assert {each.subject: each.is_merge for each in found.added} == {
        "Merge side": True,
        "beside": False,
        "on main": False,
    }
    assert [each.subject for each in found.dropped] == ["only on the hotfix"]


def test_what_cannot_be_told_says_why(repository: Path, tmp_path: Path) -> None:
    old, new = make(repository, "begin"), make(repository, "end")
    assert "no git repository" in commits_between(tmp_path, old, new).unknown
    assert "ffffffffff is not in the repository" in commits_between(repository, old, "f" * 40).unknown
    assert "is not in the repository" in commits_between(repository, "--output=/tmp/x", new).unknown
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{repository}", "shallow")
    assert "is not in the repository" in commits_between(tmp_path / "shallow", old, new).unknown
    assert "shallow" in commits_between(tmp_path / "shallow", new, new).unknown
