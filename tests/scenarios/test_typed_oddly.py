"""What people type in another order, for something that is not there, or with an empty secret."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = """application: shop
release:
  version: {file: VERSION}
  bundle: {path: build/}
  store: s3://shop-releases/shop
environments:
  dev: {deploy: {codedeploy: {group: shop-dev}}}
"""
NOWHERE = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_DEFAULT_REGION": "us-east-1"}
KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "none"}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "deliverkit.yml").write_text(CONFIGURATION, encoding="utf-8")
    (tmp_path / "VERSION").write_text("1.0\n", encoding="utf-8")
    return tmp_path


def typed(shop: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "DELIVERKIT_"))}
    environ = {**inherited, "PYTHONPATH": str(ROOT), **more}
    command = [sys.executable, "-m", "deliverkit", *words]
    return subprocess.run(command, cwd=shop, env=environ, capture_output=True, text=True, check=False, timeout=60)


# --- keys ------------------------------------------------------------------------------------------


def test_an_empty_passphrase_is_no_passphrase(shop: Path) -> None:
    ran = typed(shop, "release", "key", "own.pem", DELIVERKIT_KEY_PASSPHRASE="")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.splitlines()[0] == "error: DELIVERKIT_KEY_PASSPHRASE is set, but empty"
    assert "next: export DELIVERKIT_KEY_PASSPHRASE=" in ran.stderr
    assert not list(shop.glob("*.pem*"))


def test_a_key_is_a_file(shop: Path) -> None:
    ran = typed(shop, "release", "key", "-")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "error: a key pair goes to two files, not to stdout" in ran.stderr
    assert not list(shop.glob("-*"))
    assert typed(shop, "release", "key", "./-").returncode == 0


def test_a_directory_that_is_missing_is_named(shop: Path) -> None:
    ran = typed(shop, "release", "key", "keys/release.pem")
    assert ran.returncode == 2
    assert ran.stderr == (
        "error: keys/release.pem cannot be written: there is no directory keys\n  next: mkdir -p keys\n"
    )


# --- releases --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("1.0.3", "--to", "eu-west-1"),
        ("--to", "eu-west-1", "1.0.3"),
        ("--to", "eu-west-1", "--to", "ap-southeast-1", "1.0.3"),
        ("--to", "eu-west-1", "1.0.3", "--verify"),
        ("--to", "eu-west-1", "--", "1.0.3"),
    ],
)
def test_regions_and_version_come_in_any_order(shop: Path, words: tuple[str, ...]) -> None:
    """Nothing answers here: what is asked for first is the release."""
    ran = typed(shop, "release", "replicate", *words, **NOWHERE, **KEYS)
    assert ran.returncode == 8, ran.stderr
    assert "1.0.3" in ran.stderr


def test_regions_alone_are_no_release(shop: Path) -> None:
    ran = typed(shop, "release", "replicate", "--to", "eu-west-1", "us-gov-west-1")
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[0] == "error: no release was named"


# --- packaging -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("nowhere",), "the build nowhere does not exist"),
        (("VERSION",), "the build VERSION is not a directory"),
        ((), "build does not exist"),
    ],
)
@pytest.mark.parametrize("environ", [{}, {**NOWHERE, **KEYS}], ids=["no region", "no network"])
def test_a_build_is_looked_for_before_aws(
    shop: Path, words: tuple[str, ...], told: str, environ: dict[str, str]
) -> None:
    ran = typed(shop, "package", *words, **environ)
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[0].endswith(told)


def test_a_version_file_that_is_gone_is_told_in_words(shop: Path) -> None:
    (shop / "VERSION").unlink()
    (shop / "build").mkdir()
    (shop / "build" / "app").write_text("app", encoding="utf-8")
    ran = typed(shop, "package", **NOWHERE, **KEYS)
    assert ran.returncode == 2
    place = shop / "VERSION"
    assert f"error: release.version names the file {place}, which cannot be read: No such file" in ran.stderr
    assert "Errno" not in ran.stderr
    assert "  next: " in ran.stderr


@pytest.mark.parametrize("url", ["ftp://x/", "foo", "http://", "https:x"])
def test_an_endpoint_is_an_address_of_the_web(shop: Path, url: str) -> None:
    ran = typed(shop, "--endpoint-url", url, "--region", "us-east-1", "release", "list", **KEYS)
    assert ran.returncode == 2
    assert ran.stderr.splitlines() == [
        f"error: --endpoint-url {url} is no address of a web service",
        "  next: --endpoint-url http://HOST:PORT, or https://",
    ]
