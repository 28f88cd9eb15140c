"""Keys and trust in deliverkit.yml: what is written is meant, and every mistake is named at its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from deliverkit.config import Settings, load
from deliverkit.config.settings import KeyLocation, TrustSettings
from deliverkit.domain.trust import DirtyTree, SourcePolicy
from deliverkit.errors import UsageError

ARN = "arn:aws:kms:eu-west-1:123456789012:key/12345678-1234-1234-1234-123456789012"


def loaded(folder: Path, release: str) -> Settings:
    path = folder / "deliverkit.yml"
    path.write_text(
        f"""\
application: shop
release:
  bundle: {{path: build}}
  store: s3://shop-releases
{release}
environments:
  dev:
    deploy: {{codedeploy: {{group: shop-dev}}}}
""",
        encoding="utf-8",
    )
    return load(path)


def problems_of(folder: Path, release: str) -> list[str]:
    with pytest.raises(UsageError) as refused:
        loaded(folder, release)
    return [line.partition("deliverkit.yml:")[2] for line in refused.value.message.splitlines()[1:]]


def test_nothing_is_signed_or_asked_for_by_default(tmp_path: Path) -> None:
    release = loaded(tmp_path, "").release
    assert (release.sign, release.trust, release.build) == (None, None, "")


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("kms://alias/release-signing", "kms://alias/release-signing"),
        ("kms://12345678-1234-1234-1234-123456789012", "kms://12345678-1234-1234-1234-123456789012"),
        (f"kms://{ARN}", f"kms://{ARN}"),
        (ARN, f"kms://{ARN}"),
        ("kms://mrk-" + "0" * 32, "kms://mrk-" + "0" * 32),
    ],
)
def test_keys_in_kms(tmp_path: Path, written: str, means: str) -> None:
    release = loaded(tmp_path, f"  sign: {written}\n  trust: {{keys: ['{written}']}}").release
    assert release.sign == KeyLocation(means)
    assert release.trust == TrustSettings((KeyLocation(means),), SourcePolicy())


def test_keys_in_files_are_relative_to_the_configuration(tmp_path: Path) -> None:
    text = "  sign: file:keys/a.pem\n  trust: {keys: [file:keys/a.pem.pub, file:/etc/b.pub]}"
    release = loaded(tmp_path, text).release
    assert release.sign == KeyLocation("file:keys/a.pem", tmp_path / "keys/a.pem")
    assert release.trust is not None
    assert [key.path for key in release.trust.keys] == [tmp_path / "keys/a.pem.pub", Path("/etc/b.pub")]


def test_a_whole_policy(tmp_path: Path) -> None:
    text = """\
  build: make dist
  trust:
    keys: [file:a.pub]
    source:
      branches: [main, release/*]
      repository: git@git.example.com:shop.git
      dirty: allow
      builders: [https://ci.example.com/]"""
    release = loaded(tmp_path, text).release
    assert release.build == "make dist"
    assert release.trust is not None
    assert release.trust.source == SourcePolicy(
        ("main", "release/*"), "git@git.example.com:shop.git", DirtyTree.ALLOW, ("https://ci.example.com/",)
    )


@pytest.mark.parametrize(
    ("release", "problem"),
    [
        ("  sign: release.pem", "5:9 release.sign: 'release.pem' is not a key: write kms://alias/NAME"),
        ("  sign: kms://release", "5:9 release.sign: 'kms://release' is not a key"),
        ("  sign: 'file:'", "5:9 release.sign: 'file:' is not a key"),
        ("  sign: [file:a]", "5:9 release.sign: expected kms://alias/NAME"),
        ("  key: file:a", "5:3 release.key: unknown key; did you mean 'sign'?"),
        ("  trust: true", "5:10 release.trust: expected what releases must prove: {keys: [...]}"),
        ("  trust: {}", "5:3 release.trust.keys: missing"),
        ("  trust: {keys: []}", "5:17 release.trust.keys: expected a list of keys, found an empty list"),
        ("  trust: {key: [file:a]}", "5:11 release.trust.key: unknown key; did you mean 'keys'?"),
        ("  trust: {keys: [a, file:b]}", "5:18 release.trust.keys[0]: 'a' is not a key"),
        ("  trust: {keys: [file:a, file:a]}", "release.trust.keys[1]: 'file:a' stands in this list already"),
        ("  trust: {keys: [file:a], source: {dirty: refused}}", "did you mean 'refuse'?"),
        ("  trust: {keys: [file:a], source: {branch: [main]}}", "unknown key; did you mean 'branches'?"),
        ("  trust: {keys: [file:a], source: {repository: 'https://a:b@c/d'}}", "an address with a password"),
        ("  build: 'make ${nothing.like.this}'", "release.build"),
    ],
)
def test_mistakes_are_named_at_their_place(tmp_path: Path, release: str, problem: str) -> None:
    (found,) = problems_of(tmp_path, release)
    assert problem in found


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    text = "  sign: a\n  trust: {keys: [b], source: {dirty: c, builders: []}}"
    assert len(problems_of(tmp_path, text)) == 4
