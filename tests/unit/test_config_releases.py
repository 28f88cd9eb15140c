"""The keys of `release` about copies, keeping and tickets: what they mean, and what can be wrong with them."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from deliverkit.config import load
from deliverkit.config.settings import ReleaseSettings
from deliverkit.domain.release_rules import KeepRules, ReplicaPlace, TicketRules
from deliverkit.errors import UsageError

BASE = """\
application: shop
release:
  bundle: {path: build}
  store: s3://shop-releases/shop
%s
environments:
  dev:
    deploy: {codedeploy: {group: shop-dev}}
"""


def release(folder: Path, line: str) -> ReleaseSettings:
    path = folder / "deliverkit.yml"
    path.write_text(BASE % f"  {line}", encoding="utf-8")
    return load(path).release


def test_without_them_nothing_is_copied_and_nothing_goes(tmp_path: Path) -> None:
    found = release(tmp_path, "version: git")
    assert (found.replicas, found.keep, found.tickets) == ({}, None, TicketRules())


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        ("keep: {last: 5, for: 30d}", KeepRules(5, timedelta(days=30))),
        ("keep: {last: 5}", KeepRules(5, timedelta(days=90))),
        ("keep: {for: 12h}", KeepRules(20, timedelta(hours=12))),
        ("keep:", KeepRules(20, timedelta(days=90))),
    ],
)
def test_what_is_kept(line: str, rules: KeepRules, tmp_path: Path) -> None:
    assert release(tmp_path, line).keep == rules


def test_copies_and_tickets(tmp_path: Path) -> None:
    found = release(tmp_path, "replicas: {eu-west-1: s3://shop-eu/a/b, ap-southeast-1: s3://shop-ap}")
    assert found.replicas == {
        "eu-west-1": ReplicaPlace("shop-eu", "a/b"),
        "ap-southeast-1": ReplicaPlace("shop-ap", ""),
    }
    written = r'tickets: {pattern: "bug=(\\d+)", url: "https://bugs.example.com/{}"}'
    assert release(tmp_path, written).tickets == TicketRules(r"bug=(\d+)", "https://bugs.example.com/{}")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("keep: {last: 0}", "release.keep.last: expected a whole number from 1 to 100000, found '0'"),
        ("keep: {for: 0s}", "release.keep.for: '0s' is no time at all: write more than 0"),
        ("keep: {days: 30}", "release.keep.days: unknown key; did you mean 'for'?"),
        (
            "replicas: {europe: s3://shop-eu}",
            "release.replicas.europe: 'europe' is not an AWS region such as eu-west-1",
        ),
        ("replicas: {eu-west-1: shop-eu}", "'shop-eu' is not a place in S3: write s3://BUCKET/PREFIX"),
        ("replicas: {}", "release.replicas: expected places in S3 by region"),
        (
            "replicas: {eu-west-1: s3://shop-releases/copies}",
            "release.replicas.eu-west-1: bucket shop-releases is that of release.store already; name one in eu-west-1",
        ),
        (
            "replicas: {eu-west-1: s3://shop-eu, eu-north-1: s3://shop-eu/other}",
            "release.replicas.eu-north-1: bucket shop-eu is that of release.replicas.eu-west-1 already",
        ),
        ('tickets: {pattern: "("}', "release.tickets.pattern: '(' is not a regular expression"),
        ('tickets: {pattern: "x*"}', "release.tickets.pattern: 'x*' matches nothing at all, and so everywhere"),
        ('tickets: {url: "https://x/"}', "release.tickets.url: 'https://x/' is not the address of tickets"),
    ],
)
def test_what_can_be_wrong(line: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        release(tmp_path, line)
    assert problem in refused.value.message
    assert "5:" in refused.value.message
