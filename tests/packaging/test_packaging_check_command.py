"""`deliverkit package --check` in a real process: findings on stdout, talk on stderr, exit code 2 for errors."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from typing import Any

import pytest
from command_shop import Shop
from lint_cases import GOOD


def test_a_good_build_says_nothing_on_stdout(shop: Shop) -> None:
    ran = shop.check()
    assert (ran.returncode, ran.stdout) == (0, "")
    assert ran.stderr == "the build can be packaged: nothing found\n"


def test_errors_and_warnings_are_told_together_and_leave_with_2(shop: Shop) -> None:
    shop.build(GOOD.replace("AfterInstall", "ApplicationStop").replace("timeout: 60", "timeout: 5m"))
    ran = shop.check()
    assert ran.returncode == 2
    place = f"{shop.directory}/build/appspec.yml"
    lines = ran.stdout.splitlines()
    assert lines[0].startswith(f"{place}:7:3: warning: ")
    assert lines[0].endswith("[application-stop]")
    assert f"{place}:9:16: error: timeout must be whole seconds, not '5m' [timeout]" in lines
    assert sum(line.startswith("    fix: ") for line in lines) == 2
    assert "cannot be packaged: 1 error, 1 warning" in ran.stderr
    assert "next: " in ran.stderr


def test_notes_are_told_and_warn_nobody_who_packages(shop: Shop) -> None:
    shop.build(GOOD.replace("      timeout: 60\n", ""))
    ran = shop.check()
    assert ran.returncode == 0
    assert "note: scripts/run.sh has no timeout [timeout-missing]" in ran.stdout
    assert "1 note" in ran.stderr
    assert "timeout" not in shop.run("package", "--to-file", "x.zip").stderr


def test_findings_as_data(shop: Shop) -> None:
    shop.build(GOOD.replace("timeout: 60", "timeout: 5m"))
    ran = shop.run("--output", "json", "package", "--check")
    document: dict[str, Any] = json.loads(ran.stdout)
    assert ran.returncode == 2
    assert (document["errors"], document["warnings"]) == (1, 0)
    (found,) = document["findings"]
    assert (found["rule"], found["severity"], found["line"], found["column"]) == ("timeout", "error", 9, 16)


def test_a_good_build_as_data_is_a_document_too(shop: Shop) -> None:
    assert json.loads(shop.run("--output", "json", "package", "--check").stdout)["findings"] == []


def test_sarif_is_written_for_good_and_bad_builds(shop: Shop) -> None:
    for appspec, code in ((GOOD, 0), (GOOD.replace("os: linux", "os: linus"), 2)):
        shop.build(appspec)
        assert shop.check("--sarif", "lint.sarif").returncode == code
        results = json.loads((shop.directory / "lint.sarif").read_text())["runs"][0]["results"]
        assert len(results) == (code != 0)
        for result in results:
            location = result["locations"][0]["physicalLocation"]["artifactLocation"]
            assert location == {"uri": "build/appspec.yml", "uriBaseId": "%SRCROOT%"}


def test_sarif_goes_to_stdout_alone(shop: Shop) -> None:
    for appspec, code in ((GOOD, 0), (GOOD.replace("os: linux", "os: linus"), 2)):
        shop.build(appspec)
        ran = shop.check("--sarif", "-")
        assert ran.returncode == code
        assert len(json.loads(ran.stdout)["runs"][0]["results"]) == (code != 0)
        assert "packaged: " in ran.stderr
    assert not (shop.directory / "-").exists()
    ran = shop.check("--sarif", "-", "--output", "json")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "next: deliverkit package --check --sarif FILE --output json" in ran.stderr


def test_sarif_on_a_full_disk_leaves_no_stub(shop: Shop) -> None:
    words = f"ulimit -f 1; exec '{sys.executable}' -m deliverkit package --check --sarif lint.sarif"
    for before in (None, "old"):
        if before:
            (shop.directory / "lint.sarif").write_text(before, encoding="utf-8")
        ran = subprocess.run(["sh", "-c", words], cwd=shop.directory, capture_output=True, text=True, check=False)
        assert ran.returncode == 1
        assert ran.stderr.splitlines()[0] == "error: lint.sarif cannot be written: File too large"
        assert "next: free some space on that disk" in ran.stderr
        left = [(each.name, each.read_text()) for each in shop.directory.iterdir() if "sarif" in each.name]
        assert left == ([("lint.sarif", "old")] if before else [])


def test_sarif_where_nothing_can_be_created_is_a_wrong_argument(shop: Shop) -> None:
    ran = shop.check("--sarif", "gone/lint.sarif")
    assert ran.returncode == 2
    assert "error: gone/lint.sarif cannot be written: No such file or directory" in ran.stderr


def test_sarif_goes_into_what_is_no_file_without_replacing_it(shop: Shop) -> None:
    process = subprocess.run(
        ["sh", "-c", f"'{sys.executable}' -m deliverkit package --check --sarif /dev/fd/3 3>&1 >/dev/null | cat"],
        cwd=shop.directory,
        capture_output=True,
        check=False,
    )
    assert json.loads(process.stdout)["version"] == "2.1.0"


def test_findings_are_told_once(shop: Shop) -> None:
    (shop.directory / "build" / "id_rsa").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\n", encoding="utf-8")
    ran = shop.check()
    assert ran.returncode == 2
    assert "id_rsa" in ran.stdout
    assert "error: the build cannot be packaged: 1 error" in ran.stderr
    assert "id_rsa looks" not in ran.stderr
    assert "next: Leave what does not belong" in ran.stderr


def test_sarif_belongs_to_check(shop: Shop) -> None:
    ran = shop.run("package", "--sarif", "x.sarif", "--to-file", "x.zip")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "deliverkit package --check --sarif FILE" in ran.stderr
    assert not (shop.directory / "x.zip").exists()


def test_the_configuration_declares_the_hosts(shop: Shop) -> None:
    shop.configure("  lint: {hosts: {os: windows, free_disk: 1 MiB, max_revisions: 1000}}\n")
    (shop.directory / "build" / "app" / "large").write_bytes(b"x" * 2000)
    ran = shop.check()
    assert ran.returncode == 2
    assert "[os-fleet]" in ran.stdout
    assert "[disk]" in ran.stdout


def test_the_configuration_allows_rules_with_reasons_at_a_place(shop: Shop) -> None:
    shop.configure(
        "  lint:\n    allow:\n      - {rule: application-stop, reason: it cannot fail}\n"
        "      - {rule: sudo, reason: gone long ago}\n"
    )
    shop.build(GOOD.replace("AfterInstall", "ApplicationStop"))
    ran = shop.check()
    assert ran.returncode == 0
    assert f"{shop.directory}/deliverkit.yml:9:9: warning: allows sudo" in ran.stdout
    assert "application-stop" not in ran.stdout
    assert "1 warning, 1 allowed" in ran.stderr
    packaged = shop.run("package", "--to-file", "x.zip")
    assert packaged.returncode == 0
    assert "application-stop" not in packaged.stderr


@pytest.mark.parametrize(
    ("lint", "word"),
    [
        ("{allow: [{rule: sudo}]}", "reason"),
        ("{allow: [{rule: sudo, reason: ''}]}", "reason"),
        ("{allow: []}", "list"),
        ("{hosts: {os: macos}}", "linux"),
        ("{hosts: {free_disk: 20 GB}}", "20 GiB"),
        ("{hosts: {free_disk: 0 GiB}}", "20 GiB"),
        ("{hosts: {max_revisions: 0}}", "1 to 1000"),
    ],
)
def test_a_wrong_configuration_is_refused(lint: str, word: str, shop: Shop) -> None:
    shop.configure(f"  lint: {lint}\n")
    ran = shop.check()
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "release.lint" in ran.stderr
    assert word in ran.stderr


def test_a_bundle_in_a_file_is_told_as_json_too(shop: Shop) -> None:
    ran = shop.run("package", "--to-file", "x.zip", "--output", "json")
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout)
    assert told["path"] == "x.zip"
    assert told["digest"] == "sha256:" + hashlib.sha256((shop.directory / "x.zip").read_bytes()).hexdigest()
