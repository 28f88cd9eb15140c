"""What goes wrong at the keyboard: one screen with cause, place and next command; the right code; nothing half-done."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop import DIRECT, Ran, Shop, wait_until

SCREEN = 24


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    opened = Shop.open(Path(tmp_path_factory.mktemp("shop")), configuration=DIRECT)
    opened.start()
    opened.build("1.0.0")
    yield opened
    opened.stop()


@pytest.fixture
def untouched(shop: Shop) -> Iterator[None]:
    """Nothing may have been written to S3, where the ledger lies too."""
    before = keys(shop)
    yield
    assert keys(shop) == before


def keys(shop: Shop) -> list[str]:
    listed = shop.aws("s3api", "list-object-versions", "--bucket", "storefront-releases") or {}
    return [each["Key"] + each["VersionId"] for each in listed.get("Versions", [])]


def assert_refused(ran: Ran, code: int, *words: str) -> None:
    assert ran.code == code, ran
    assert "Traceback" not in ran.err + ran.out
    assert len(ran.err.splitlines()) <= SCREEN, ran.err
    assert ran.out == ""
    for word in words:
        assert word in ran.err, (word, ran.err)
    assert "next:" in ran.err, ran.err


def changed(shop: Shop, name: str, before: str, after: str) -> Path:
    path = shop.directory / name
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after, 1), encoding="utf-8")
    return path


@pytest.fixture
def restored(shop: Shop) -> Iterator[None]:
    """Undo what a test does to the configuration and the build."""
    configuration = (shop.directory / "deliverkit.yml").read_text(encoding="utf-8")
    yield
    (shop.directory / "deliverkit.yml").write_text(configuration, encoding="utf-8")
    shop.build("1.0.0")


@pytest.mark.usefixtures("untouched")
class TestNothingHappens:
    def test_a_missing_bundle_path(self, shop: Shop) -> None:
        assert_refused(shop.run("package", "nowhere/"), 2, "nowhere", "does not exist", "deliverkit package PATH")

    @pytest.mark.usefixtures("restored")
    def test_an_appspec_with_an_unknown_hook(self, shop: Shop) -> None:
        changed(shop, "build/appspec.yml", "AfterInstall", "AfterInstal")
        assert_refused(shop.run("package"), 2, "appspec.yml:", "AfterInstal", "AfterInstall")
        checked = shop.run("package", "--check")  # there the findings are the data
        assert checked.code == 2
        assert "appspec.yml:" in checked.out
        assert "did you mean AfterInstall?" in checked.out
        assert "next:" in checked.err

    @pytest.mark.usefixtures("restored")
    def test_a_typo_in_the_configuration(self, shop: Shop) -> None:
        changed(shop, "deliverkit.yml", "environments:", "enviroments:")
        for command in (("package",), ("promote", "--to", "dev"), ("status",), ("plan",)):
            assert_refused(shop.run(*command), 2, "deliverkit.yml:", "enviroments", "environments")

    @pytest.mark.usefixtures("restored")
    def test_several_mistakes_are_told_at_once(self, shop: Shop) -> None:
        changed(shop, "deliverkit.yml", "passes: 2", "pases: 2")
        changed(shop, "deliverkit.yml", "every: 200ms", "every: 200")
        changed(shop, "deliverkit.yml", "{after: [up]}", "{after: [upp]}")
        assert_refused(shop.run("plan"), 2, "pases", "passes", "every", "upp", "up")

    @pytest.mark.parametrize(
        "words",
        [
            ("package", "--to-file", ""),
            ("package", "--to-file="),
            ("package", ""),
            ("release", "show", ""),
            ("promote", "", "--to", "dev"),
        ],
    )
    def test_a_variable_that_nobody_set(self, shop: Shop, words: tuple[str, ...]) -> None:
        assert_refused(shop.run(*words), 2, "empty", "variable of the shell")

    def test_no_credentials(self, shop: Shop, tmp_path: Path) -> None:
        nothing = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
        ran = shop.run("status", **nothing, AWS_SHARED_CREDENTIALS_FILE=str(tmp_path / "none"), HOME=str(tmp_path))
        assert_refused(ran, 8, "credentials", "--profile")

    def test_an_unknown_profile(self, shop: Shop) -> None:
        assert_refused(shop.run("status", "--profile", "nobody"), 2, "nobody")

    def test_no_region(self, shop: Shop, tmp_path: Path) -> None:
        assert_refused(shop.run("status", AWS_DEFAULT_REGION="", HOME=str(tmp_path)), 2, "region", "--region")

    @pytest.mark.usefixtures("restored")
    @pytest.mark.parametrize("line", ["source: ../../etc/passwd", "source: /../../etc/passwd"])
    def test_paths_that_leave_the_bundle(self, shop: Shop, line: str) -> None:
        text = (shop.directory / "build" / "appspec.yml").read_text(encoding="utf-8")
        source = next(each.strip().removeprefix("- ") for each in text.splitlines() if "source:" in each)
        changed(shop, "build/appspec.yml", source, line)
        assert_refused(shop.run("package"), 2, "appspec.yml:", "..")

    @pytest.mark.usefixtures("restored")
    def test_a_link_that_leaves_the_build(self, shop: Shop) -> None:
        (shop.directory / "build" / "leak").symlink_to("../../../../../etc/passwd")
        assert_refused(shop.run("package"), 2, "leak")

    def test_unknown_names(self, shop: Shop) -> None:
        assert_refused(shop.run("promote", "9.9.9", "--to", "dev"), 1, "9.9.9")
        assert_refused(shop.run("promote", "--to", "prod"), 2, "prod", "dev")
        assert_refused(shop.run("wait", "dev-99"), 1, "dev-99")
        assert_refused(shop.run("release", "show", "9.9.9"), 1, "9.9.9")

    def test_wrong_flags(self, shop: Shop) -> None:
        assert_refused(shop.run("promote", "--too", "dev"), 2)
        assert_refused(shop.run("promot"), 2, "promote")
        assert_refused(shop.run("wait", "--timeout", "5 parsecs"), 2, "90s")
        assert_refused(shop.run("approve", "dev-1"), 2, "--reason")

    def test_another_directory(self, shop: Shop, tmp_path: Path) -> None:
        ran = Shop(tmp_path, shop.environ).run("status")
        assert_refused(ran, 2, "deliverkit.yml", "deliverkit init")

    def test_a_subdirectory_finds_the_configuration_above(self, shop: Shop) -> None:
        inside = Shop(shop.directory / "app", shop.environ)
        assert inside.run("status").code == 0

    def test_a_full_disk(self, shop: Shop) -> None:
        # A file may not grow beyond 512 bytes in this process and its children, as on a disk that has no more room.
        script = (
            "import resource, signal, sys; from deliverkit.cli.main import run;"
            "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (512, 512)); sys.exit(run(['package', '--to-file', 'full.zip']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=shop.directory,
            env=shop.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert_refused(Ran(done.returncode, done.stdout, done.stderr), 1, "full.zip")
        assert not [path for path in shop.directory.iterdir() if "full.zip" in path.name]


def test_a_stopped_sandbox(tmp_path: Path) -> None:
    shop = Shop.open(tmp_path, configuration=DIRECT)
    shop.start()
    shop.build("1.0.0")
    shop.stop()
    assert_refused(shop.run("status"), 8, "deliverkit sandbox")
    assert_refused(shop.run("package"), 8, "deliverkit sandbox")
    assert_refused(shop.run("status", "--sandbox"), 8, "deliverkit sandbox up")
    assert shop.run("sandbox", "status").code == 8
    assert shop.run("sandbox", "down").code == 0


def test_an_expired_approval(tmp_path: Path) -> None:
    configuration = DIRECT + "    approvals: {needed: 1, from: [release-managers], expires: 1s}\n"
    shop = Shop.open(tmp_path, configuration=configuration)
    shop.start()
    try:
        shop.release("1.0.0")
        ran = shop.run("promote", "--to", "dev")
        assert ran.code == 5, ran
        promotion = ran.out.splitlines()[0]
        began = time.monotonic()
        wait_until(lambda: time.monotonic() > began + 1.1)
        late = shop.run("approve", promotion, "--reason", "late", "--profile", "approver")
        assert_refused(late, 1, "expired", "deliverkit promote 1.0.0 --to dev")
        assert shop.run("wait", promotion).code == 1
        assert shop.serving("dev").isdisjoint({"1.0.0"})
    finally:
        shop.stop()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interruption_saves_the_state(shop: Shop, number: signal.Signals, code: int) -> None:
    version = f"1.0.{number.value}"
    shop.release(version)
    process = shop.begin("promote", version, "--to", "dev")
    assert process.stdout is not None
    promotion = process.stdout.readline().strip()
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert "the state is saved" in err
    assert shop.run("resume", promotion).code == 0
    assert shop.run("resume", promotion).code == 0
    assert shop.serving("dev") == {version}


def test_names_that_are_not_ascii(tmp_path: Path) -> None:
    place = tmp_path / "Büro für Auslieferung ☃"
    place.mkdir()
    shop = Shop.open(place, configuration=DIRECT)
    shop.start()
    try:
        shop.build("1.0.0")
        (shop.directory / "build" / "storefront" / "Preisliste für Grüße.txt").write_text("ä", encoding="utf-8")
        packaged = shop.run("package")
        assert packaged.code == 0, packaged
        (warning,) = (line for line in packaged.err.splitlines() if "[application-stop]" in line)
        assert warning.count("warning") == 1
        assert shop.run("promote", "--to", "dev").code == 0
        assert shop.serving("dev") == {"1.0.0"}
    finally:
        shop.stop()
