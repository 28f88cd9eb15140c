"""`deliverkit package --to-file` in a real process: what its name says is what it is, and `-` is stdout."""

from __future__ import annotations

import hashlib
import io
import json
import os
import pty
import tarfile
import zipfile
from pathlib import Path

import pytest
from command_shop import Shop


def kind_of(file: Path) -> str:
    head = file.read_bytes()[:4]
    return {b"PK\x03\x04": "zip", b"\x1f\x8b\x08\x00": "tgz"}.get(head, "tar" if tarfile.is_tarfile(file) else "?")


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        *(("x.zip", "zip"), ("x.tar", "tar"), ("x.tgz", "tgz"), ("x.tar.gz", "tgz"), ("X.TGZ", "tgz")),
        *(("x", "zip"), ("x.bundle", "zip"), ("x.gz", "zip"), ("tgz", "zip")),
    ],
)
def test_the_suffix_tells_the_format(shop: Shop, name: str, kind: str) -> None:
    assert shop.run("package", "--to-file", name).returncode == 0
    assert kind_of(shop.directory / name) == kind


@pytest.mark.parametrize(
    ("name", "choice", "bundle", "kind"),
    [
        ("x.zip", "tgz", "", ""),
        ("x.tar.gz", "tar", "", ""),
        ("x.tgz", "zip", ", format: tgz", ""),
        ("x.tgz", None, ", format: zip", ""),
        ("x.zip", None, ", format: tgz", ""),
        ("x", "tgz", ", format: zip", "tgz"),
        ("x", None, ", format: tgz", "tgz"),
        ("x.tgz", "tgz", ", format: zip", "tgz"),
        ("x.tar.gz", None, ", format: tgz", "tgz"),
    ],
)
def test_a_suffix_that_contradicts_what_was_said_is_refused(
    shop: Shop, name: str, choice: str | None, bundle: str, kind: str
) -> None:
    shop.configure(bundle=bundle)
    ran = shop.run("package", "--to-file", name, *(("--format", choice) if choice else ()))
    file = shop.directory / name
    if kind:
        assert (ran.returncode, kind_of(file)) == (0, kind)
        return
    assert (ran.returncode, ran.stdout, file.exists()) == (2, "", False)
    assert f"error: {name} is the name of a " in ran.stderr
    assert ("but --format says" if choice else "but release.bundle.format says") in ran.stderr
    assert "next: Name it x." in ran.stderr


@pytest.mark.parametrize("kind", ["zip", "tar", "tgz"])
def test_a_bundle_goes_to_stdout(shop: Shop, kind: str) -> None:
    process = shop.start("package", "--to-file", "-", "--format", kind)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert err.decode() == f"sha256:{hashlib.sha256(out).hexdigest()}  -\n"
    if kind == "zip":
        assert "appspec.yml" in zipfile.ZipFile(io.BytesIO(out)).namelist()
    else:
        with tarfile.open(fileobj=io.BytesIO(out)) as archive:
            assert "appspec.yml" in archive.getnames()
    assert not (shop.directory / "-").exists()
    assert shop.run("package", "--to-file", f"./x.{kind}").returncode == 0
    assert (shop.directory / f"x.{kind}").read_bytes() == out
    assert shop.run("package", "--to-file", "./-").returncode == 0
    assert kind_of(shop.directory / "-") == "zip"


def test_no_bundle_goes_to_a_terminal_or_among_json(shop: Shop) -> None:
    ran = shop.run("package", "--to-file", "-", "--output", "json")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "--output json" in ran.stderr
    main, terminal = pty.openpty()
    try:
        process = shop.start("package", "--to-file", "-", stdout=terminal)
        err = process.communicate(timeout=60)[1].decode()
    finally:
        os.close(terminal)
        os.close(main)
    assert process.returncode == 2
    assert "stdout is a terminal" in err
    assert not (shop.directory / "-").exists()


def test_a_bundle_whose_reader_went_away_is_no_success(shop: Shop) -> None:
    (shop.directory / "build" / "noise").write_bytes(os.urandom(1 << 20))
    reading, writing = os.pipe()
    process = shop.start("package", "--to-file", "-", stdout=writing)
    os.close(writing)
    os.close(reading)
    err = process.communicate(timeout=60)[1].decode()
    assert process.returncode == 1
    assert err == "error: whoever read the bundle from stdout went away before its end\n"


def test_a_secret_found_on_the_way_to_stdout_is_no_success(shop: Shop) -> None:
    text = "aws_secret_access_key = " + "aB3/" * 10 + "\n"
    (shop.directory / "build" / "notes.txt").write_text(text)
    process = shop.start("package", "--to-file", "-")
    assert b"notes.txt looks like an AWS secret access key" in process.communicate(timeout=60)[1]
    assert process.returncode == 2


def test_who_checks_writes_no_bundle(shop: Shop) -> None:
    ran = shop.check("--to-file", "x.zip")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "--to-file" in ran.stderr
    assert "next: deliverkit package --check" in ran.stderr
    assert not (shop.directory / "x.zip").exists()


def test_what_is_allowed_in_vain_is_told(shop: Shop) -> None:
    shop.configure(bundle=", allow: [gone.pem, scripts/run.sh, '*.key']")
    told = [
        f"{shop.directory}/deliverkit.yml:4:{column}: warning: allows '{name}', which no file matches"
        " [allow-file-unused]"
        for column, name in ((34, "gone.pem"), (60, "*.key"))
    ]
    ran = shop.run("package", "--to-file", "x.zip")
    assert ran.returncode == 0
    assert ran.stderr.splitlines() == told
    ran = shop.check()
    assert ran.returncode == 0
    assert [line for line in ran.stdout.splitlines() if not line.startswith(" ")] == told
    findings = json.loads(shop.check("--output", "json").stdout)["findings"]
    assert [(each["rule"], each["severity"], each["line"]) for each in findings] == [
        ("allow-file-unused", "warning", 4)
    ] * 2
