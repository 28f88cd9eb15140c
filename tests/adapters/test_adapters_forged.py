"""Whoever can write to the bucket: what he plants there is never signed, and never taken for what we made."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from builds import SIGNED, SmallBuild

from deliverkit.adapters.aws.releases import S3Releases
from deliverkit.domain.release import BundleFormat
from deliverkit.errors import ExitCode, IntegrityError
from deliverkit.packaging.remembered import Remembered
from deliverkit.testing.releases import described_bundle

EVIL = b"EVIL BYTES"
TRUST = "  trust: {keys: [file:key.pem.pub]}\n"


@pytest.fixture
def build(tmp_path: Path, place, network) -> SmallBuild:
    return SmallBuild(tmp_path, place, network.endpoint)


def plant(s3: Any, bucket: str, key: str, content: bytes, *, told: bytes | None = None) -> None:
    """Store bytes under a bundle's name, with a note that says that they are its own."""
    checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
    put = s3.put_object(Bucket=bucket, Key=key, Body=content, ChecksumAlgorithm="SHA256", ChecksumSHA256=checksum)
    note = {
        "digest": f"sha256:{(told or hashlib.sha256(content).digest()).hex()}",
        "size": len(content),
        "version_id": put["VersionId"],
        "e_tag": put["ETag"].strip('"'),
        "checksum": checksum,
    }
    s3.put_object(Bucket=bucket, Key=f"{key}.json", Body=json.dumps(note).encode())


# --- what is signed --------------------------------------------------------------------------------


def test_a_planted_bundle_with_a_note_of_its_own_is_not_signed(build: SmallBuild) -> None:
    build.configure(SIGNED)
    plant(build.s3, build.place.bucket, build.bundle_key, EVIL)
    code, _, err = build.run("package")
    assert (code, build.bundle_key in err) == (ExitCode.INTEGRITY, True), err
    assert build.keys("attestations/") + build.keys("releases/") == []


def test_a_genuine_bundle_that_was_written_over_is_not_signed_although_it_is_remembered(build: SmallBuild) -> None:
    build.configure(SIGNED)
    build.packaged()
    plant(build.s3, build.place.bucket, build.bundle_key, EVIL)
    before = build.keys("")
    code, _, err = build.run("package")
    assert code == ExitCode.INTEGRITY, err
    assert build.keys("") == before


def test_a_statement_that_is_added_later_is_never_about_what_somebody_planted(build: SmallBuild) -> None:
    plant(build.s3, build.place.bucket, build.bundle_key, EVIL)
    build.packaged()  # unsigned: the note saves work, and nothing is stated
    build.configure(SIGNED)
    code, _, err = build.run("package")
    assert code == ExitCode.INTEGRITY, err
    assert build.keys("supplements/") == []


def test_what_is_signed_is_what_was_made_whatever_the_note_says(build: SmallBuild) -> None:
    build.packaged()
    content = build.read(build.bundle_key)
    plant(build.s3, build.place.bucket, build.bundle_key, content, told=b"\xff" * 32)
    build.configure(SIGNED)
    (build.directory / ".deliverkit").rename(build.directory / "forgotten")
    build.s3.delete_object(Bucket=build.place.bucket, Key="shop/releases/1.0.json")
    packaged = build.packaged()
    assert packaged["upload"]["sent"] is False
    assert build.recorded()["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
    code, _, err = build.run("release", "verify", "1.0")
    assert code == 0, err


def test_an_unsigned_release_has_no_digest_that_contradicts_s3(build: SmallBuild) -> None:
    build.packaged()
    content = build.read(build.bundle_key)
    plant(build.s3, build.place.bucket, build.bundle_key, content, told=b"\xff" * 32)
    build.s3.delete_object(Bucket=build.place.bucket, Key="shop/releases/1.0.json")
    build.packaged()
    assert build.recorded()["digest"] == f"sha256:{hashlib.sha256(content).hexdigest()}"


# --- what saves work -------------------------------------------------------------------------------


class Maker:
    """A bundle that counts how often its bytes are made."""

    def __init__(self, content: bytes) -> None:
        self.count, self._content = 0, content
        self.bundle = described_bundle(b"manifest", BundleFormat.ZIP, len(content), self._chunks)

    def _chunks(self) -> Iterator[bytes]:
        self.count += 1
        yield self._content


def test_what_this_machine_measured_itself_saves_making_it_again(place, network, shaky_aws, tmp_path: Path) -> None:
    maker, memory = Maker(b"genuine"), Remembered(tmp_path / "tree.digests")
    store = S3Releases(shaky_aws, bucket=place.bucket, prefix="shop")
    first = store.upload(maker.bundle, measured=memory)
    network.seen.clear()
    again = store.upload(maker.bundle, measured=memory)
    assert (again.digest, again.revision, again.was_sent) == (first.digest, first.revision, False)
    assert maker.count == 1
    assert {asked.split()[0] for asked in network.seen} <= {"GET", "HEAD"}


@pytest.mark.parametrize("is_lost", [True, False], ids=["lost", "not trusted"])
def test_without_that_memory_it_is_made_again_and_not_sent(place, tmp_path: Path, is_lost: bool) -> None:
    maker, path = Maker(b"genuine"), tmp_path / "tree.digests"
    store = S3Releases(place.aws, bucket=place.bucket, prefix="shop")
    first = store.upload(maker.bundle, measured=Remembered(path))
    memory = Remembered(tmp_path / "other.digests") if is_lost else Remembered(path, is_trusted=False)
    again = store.upload(maker.bundle, measured=memory)
    assert (again.digest, again.was_sent, maker.count) == (first.digest, False, 2)


def test_what_is_remembered_of_one_bundle_says_nothing_of_another(place, tmp_path: Path) -> None:
    memory = Remembered(tmp_path / "tree.digests")
    store = S3Releases(place.aws, bucket=place.bucket, prefix="shop")
    evil = described_bundle(b"another manifest", BundleFormat.ZIP, 10, lambda: iter([EVIL]))
    store.upload(evil, measured=memory)
    maker = Maker(b"genuine!!!")
    key = f"shop/bundles/{maker.bundle.manifest_digest.removeprefix('sha256:')}.zip"
    plant(place.aws.client("s3"), place.bucket, key, EVIL)
    with pytest.raises(IntegrityError, match="not those of its name"):
        store.upload(maker.bundle, measured=memory)


def test_an_unsigned_run_takes_the_stores_word_and_makes_nothing(place) -> None:
    maker = Maker(b"genuine")
    store = S3Releases(place.aws, bucket=place.bucket, prefix="shop")
    store.upload(maker.bundle)
    assert not store.upload(maker.bundle).was_sent
    assert maker.count == 1


# --- what is on record -----------------------------------------------------------------------------


def test_the_signature_is_not_lost_when_another_builder_records_the_same_build_unsigned_first(
    build: SmallBuild, network
) -> None:
    """Between our look at the record and our own."""

    def record_first() -> None:
        build.configure()
        build.packaged("--fresh")

    build.configure(SIGNED + TRUST)
    network.concerns = lambda asked: asked.startswith("PUT") and "/shop/releases/" in asked
    network.between = record_first
    packaged = build.packaged()
    assert packaged["statement_added"].startswith("sha256:")
    build.configure(SIGNED + TRUST)
    _, out, err = build.run("release", "verify", "1.0", "--output", "json")
    verdicts = {each["check"]: each["verdict"] for each in json.loads(out)}
    assert (verdicts["signature"], verdicts["statement"]) == ("holds", "holds"), err


@pytest.mark.parametrize("more", ["", SIGNED], ids=["unsigned", "signed"])
def test_a_version_that_names_another_build_is_refused_before_anything_is_sent(
    build: SmallBuild, network, more: str
) -> None:
    build.configure(more)
    build.packaged()
    before = build.keys("")
    (build.directory / "build" / "shop.txt").write_text("another one")
    network.seen.clear()
    code, _, err = build.run("package")
    assert code == ExitCode.FAILED, err
    assert "version 1.0 already names" in err
    assert "next: commit or tag the build" in err
    assert [asked for asked in network.seen if asked.startswith("PUT") and build.place.bucket in asked] == []
    assert build.keys("") == before
