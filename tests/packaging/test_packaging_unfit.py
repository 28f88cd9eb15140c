"""What cannot be packed at all is a result with a rule and a place, in every form of the report."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from command_shop import Shop
from lint_cases import GOOD
from sarif_subset import SARIF

from deliverkit.errors import DeliverkitError, ExitCode
from deliverkit.packaging.collect import collect
from deliverkit.packaging.content import read_whole
from deliverkit.packaging.report import failed


def gone(build: Path) -> None:
    build.rename(build.with_name("elsewhere"))


def left_out(build: Path) -> None:
    (build / ".deliverignore").write_text("*\n")


CASES: list[tuple[str, str, str, Callable[[Path], object]]] = [
    ("not-a-file", "build/pipe", "is a FIFO", lambda build: os.mkfifo(build / "pipe")),
    ("link-leaves", "build/out", "is a link that leaves", lambda build: (build / "out").symlink_to("/etc/passwd")),
    ("secret", "build/id_rsa", "looks like a private key", lambda build: (build / "id_rsa").write_text("x")),
    (
        "secret",
        "build/notes",
        "looks like an AWS secret",
        lambda build: (build / "notes").write_text("aws_secret_access_key=" + "a" * 40),
    ),
    ("name-unfit", "build/a%0Ab", "has a control character", lambda build: (build / "a\nb").write_text("x")),
    ("name-unfit", "build/%5Cxff", "no", lambda build: Path(os.fsdecode(bytes(build) + b"/\xff")).write_text("x")),
    ("build-unfit", "build", "does not exist", gone),
    ("build-unfit", "build", "holds nothing to pack", left_out),
]


@pytest.mark.parametrize(("rule", "uri", "words", "spoil"), CASES, ids=[f"{case[0]}-{case[2]}" for case in CASES])
def test_what_cannot_be_packed_is_a_result(
    shop: Shop, rule: str, uri: str, words: str, spoil: Callable[[Path], object]
) -> None:
    spoil(shop.directory / "build")
    packaged = shop.run("package", "--to-file", "x.zip")
    ran = shop.check("--output", "json", "--sarif", "x.sarif")
    assert (ran.returncode, ran.stderr) == (packaged.returncode, packaged.stderr)
    assert ran.returncode == 2
    assert words in ran.stderr
    document: dict[str, Any] = json.loads(ran.stdout)
    (found,) = document["findings"]
    assert (found["rule"], found["severity"], document["errors"]) == (rule, "error", 1)
    assert words in found["message"]
    log = json.loads((shop.directory / "x.sarif").read_text())
    jsonschema.validate(log, SARIF)
    (result,) = log["runs"][0]["results"]
    assert (result["ruleId"], result["level"]) == (rule, "error")
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == uri


def test_an_appspec_that_is_missing_elsewhere_is_told_there(shop: Shop) -> None:
    shop.configure(bundle=", appspec: spec.yml")
    (shop.directory / "build" / "appspec.yml").unlink()
    ran = shop.check("--output", "json")
    assert ran.returncode == 2
    (found,) = json.loads(ran.stdout)["findings"]
    assert (found["rule"], found["file"]) == ("appspec-elsewhere", str(shop.directory / "spec.yml"))


def test_everything_is_told_at_once_with_what_the_appspec_lacks(shop: Shop) -> None:
    shop.build(GOOD.replace("timeout: 60", "timeout: 5m"))
    (shop.directory / "build" / "notes").write_text("aws_secret_access_key=" + "a" * 40)
    ran = shop.check("--output", "json")
    assert [each["rule"] for each in json.loads(ran.stdout)["findings"]] == ["timeout", "secret"]


@pytest.mark.parametrize("change", [lambda file: file.write_text("more"), lambda file: file.unlink()])
def test_what_changes_while_it_is_looked_at_is_a_result_with_its_own_exit_code(
    shop: Shop, change: Callable[[Path], object]
) -> None:
    tree = shop.directory / "build"
    collection = collect(tree)
    change(tree / "appspec.yml")
    entry = collection.get("appspec.yml")
    assert entry is not None
    with pytest.raises(DeliverkitError) as caught:
        read_whole(collection, entry)
    report = failed(tree, caught.value)
    assert [(each.rule, each.place.file) for each in report.findings] == [("changed", str(tree / "appspec.yml"))]
    assert caught.value.exit_code is ExitCode.FAILED


AS_NOBODY = """
import io, os, sys
from deliverkit.cli.main import run
from deliverkit.cli.streams import Console
if os.geteuid() == 0:
    # Whatever is imported on the way may lie where only root can read it.
    run(sys.argv[1:], Console(io.StringIO(), io.StringIO()))
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
sys.exit(run(sys.argv[1:]))
"""


def test_what_may_not_be_read_is_a_result_that_says_why(shop: Shop) -> None:
    for above in (shop.directory, *shop.directory.parents):
        if above.stat().st_uid == os.geteuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o005)
    (shop.directory / "build" / "hidden").write_text("x")
    (shop.directory / "build" / "hidden").chmod(0)
    command = [sys.executable, "-c", AS_NOBODY, "package", "--check", "--output", "json"]
    ran = subprocess.run(command, cwd=shop.directory, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    (found,) = json.loads(ran.stdout)["findings"]
    assert (found["rule"], found["file"]) == ("unreadable", f"{shop.directory}/build/hidden")
    assert "mode 0000; this runs as" in found["message"]
    assert "  next: " in ran.stderr
    assert f" {shop.directory}/build/hidden" in ran.stderr.partition("  next: ")[2]


def test_a_path_that_is_too_long_cannot_be_mended_by_a_mode(shop: Shop) -> None:
    here = os.open(shop.directory / "build", os.O_RDONLY | os.O_DIRECTORY)
    try:
        for _ in range(20):
            os.mkdir("d" * 250, dir_fd=here)
            below = os.open("d" * 250, os.O_RDONLY | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = below
    finally:
        os.close(here)
    ran = shop.run("package", "--to-file", "x.zip")
    assert ran.returncode == 2
    assert "cannot be read: File name too long" in ran.stderr
    assert "chmod" not in ran.stderr
    assert "next: Leave it out with a line in" in ran.stderr
