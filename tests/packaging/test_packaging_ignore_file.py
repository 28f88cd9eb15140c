"""A `.deliverignore` that is no plain text file of the build is refused, by name."""

from __future__ import annotations

import os

import pytest
from command_shop import Shop


@pytest.mark.parametrize("kind", ["directory", "fifo", "link to a directory"])
def test_what_is_no_file_is_refused(shop: Shop, kind: str) -> None:
    rules = shop.directory / "build" / ".deliverignore"
    if kind == "directory":
        rules.mkdir()
    elif kind == "fifo":
        os.mkfifo(rules)
    else:
        (shop.directory / "build" / "folder").mkdir()
        rules.symlink_to("folder")
    ran = shop.run("package", "--to-file", "x.zip")
    assert ran.returncode == 2
    assert ran.stderr.splitlines()[0] == "error: .deliverignore is not a regular file"


@pytest.mark.parametrize("target", ["../rules", "ABSOLUTE/rules", "folder/../../rules"])
def test_rules_from_outside_the_build_are_refused(shop: Shop, target: str) -> None:
    (shop.directory / "build" / "folder").mkdir()
    (shop.directory / "rules").write_text("*.log\n", encoding="utf-8")
    rules = shop.directory / "build" / ".deliverignore"
    rules.symlink_to(target.replace("ABSOLUTE", str(shop.directory)))
    for words in (("--to-file", "x.zip"), ("--check",)):
        ran = shop.run("package", *words)
        assert ran.returncode == 2
        assert ".deliverignore is a link that leaves the build" in ran.stdout + ran.stderr
        assert "next: " in ran.stderr


def test_rules_behind_a_link_in_the_build_apply(shop: Shop) -> None:
    build = shop.directory / "build"
    (build / "rules").write_text("*.log\n", encoding="utf-8")
    (build / "noise.log").write_text("x", encoding="utf-8")
    (build / ".deliverignore").symlink_to("rules")
    ran = shop.run("package", "--to-file", "x.zip")
    assert ran.returncode == 0, ran.stderr
    assert b"noise.log" not in (shop.directory / "x.zip").read_bytes()


def test_rules_that_are_gone_are_missed(shop: Shop) -> None:
    (shop.directory / "build" / ".deliverignore").symlink_to("gone")
    ran = shop.run("package", "--to-file", "x.zip")
    assert ran.returncode == 2
    assert ran.stderr.startswith("error: .deliverignore is a link to nothing")
