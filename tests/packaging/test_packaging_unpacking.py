"""Bundles held against their manifests: what was packed holds, and whatever was changed afterwards is named."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deliverkit.domain.release import BundleFormat
from deliverkit.errors import IntegrityError
from deliverkit.packaging.archive import MANIFEST_PATH
from deliverkit.packaging.manifest import parse_manifest
from deliverkit.packaging.package import Bundle, build_bundle
from deliverkit.packaging.unpacking import Unpacked, differences, unpack

APPSPEC = "version: 0.0\nos: linux\nfiles:\n  - source: app\n    destination: /opt/app\n"
NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12).map(
    lambda name: f"{name[:24]}~"
)
TREES = st.dictionaries(NAMES, st.binary(max_size=300), min_size=1, max_size=6)
FORMATS = list(BundleFormat)


def pack(place: Path, kind: BundleFormat, files: dict[str, bytes]) -> Bundle:
    tree = place / "tree"
    (tree / "app" / "empty").mkdir(parents=True)
    (tree / "appspec.yml").write_text(APPSPEC, encoding="utf-8")
    for name, content in files.items():
        (tree / "app" / name).write_bytes(content)
    (tree / "app" / "run.sh").write_bytes(b"#!/bin/sh\n")
    (tree / "app" / "run.sh").chmod(0o755)
    (tree / "app" / "link~").symlink_to("run.sh")
    return build_bundle(tree, destination=place / f"bundle.{kind.value}", format=kind)


def read(content: bytes, kind: BundleFormat) -> Unpacked:
    return unpack(io.BytesIO(content), kind)


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=TREES)
def test_what_was_packed_is_what_the_manifest_says(
    tmp_path_factory: pytest.TempPathFactory, kind: BundleFormat, files: dict[str, bytes]
) -> None:
    bundle = pack(tmp_path_factory.mktemp("t"), kind, files)
    found = read(bundle.path.read_bytes(), kind)
    assert found.differences == ()
    assert found.manifest_digest == bundle.manifest
    assert {entry.path for entry in found.manifest.entries} >= {f"app/{name}" for name in files}


def contents(content: bytes, kind: BundleFormat) -> dict[str, bytes]:
    """Files by name, as they come out."""
    if kind is BundleFormat.ZIP:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        found = ((member.name, tar.extractfile(member) if member.isreg() else None) for member in tar)
        return {name: file.read() for name, file in found if file is not None}


def repacked(content: bytes, change: Callable[[str, bytes], bytes | None], *more: tuple[str, bytes]) -> bytes:
    """A zip archive whose files went through a function; None drops one."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(made, "w") as after:
        for info in before.infolist():
            data = change(info.filename, before.read(info))
            if data is not None:
                after.writestr(info, data)
        for name, data in more:
            after.writestr(name, data)
    return made.getvalue()


def test_every_kind_of_change_is_named(tmp_path: Path) -> None:
    bundle = pack(tmp_path, BundleFormat.ZIP, {"one~": b"1", "two~": b"22"})
    content = bundle.path.read_bytes()

    def change(name: str, data: bytes) -> bytes | None:
        return {"app/one~": b"!", "app/two~": None, "app/link~": b"/etc/passwd"}.get(name, data)

    found = read(repacked(content, change, ("app/three~", b"333")), BundleFormat.ZIP).differences
    assert [(each.change, each.path) for each in found] == [
        ("changed", "app/link~"),
        ("changed", "app/one~"),
        ("added", "app/three~"),
        ("removed", "app/two~"),
    ]
    assert "link to run.sh -> link to /etc/passwd" in str(found[0])
    assert "1 bytes 0644 sha256:" in str(found[1])


def test_a_file_that_stands_there_twice_is_named(tmp_path: Path) -> None:
    """Some readers take the first one, some the last."""
    content = pack(tmp_path, BundleFormat.ZIP, {"one~": b"1"}).path.read_bytes()
    with pytest.warns(UserWarning, match="Duplicate name"):
        doubled = repacked(content, lambda _name, data: data, ("app/one~", b"evil"))
    assert {(each.path, each.change) for each in read(doubled, BundleFormat.ZIP).differences} == {
        ("app/one~", "added"),
        ("app/one~", "changed"),
    }


def test_a_manifest_that_was_fitted_to_other_files_has_another_digest(tmp_path: Path) -> None:
    good = pack(tmp_path / "a", BundleFormat.ZIP, {"one~": b"1"})
    evil = pack(tmp_path / "b", BundleFormat.ZIP, {"one~": b"2"})
    found = read(evil.path.read_bytes(), BundleFormat.ZIP)
    assert found.differences == ()
    assert found.manifest_digest != good.manifest


def test_a_member_that_is_longer_than_it_should_be_is_read_no_further(tmp_path: Path) -> None:
    content = pack(tmp_path, BundleFormat.ZIP, {"one~": b"1"}).path.read_bytes()
    bomb = repacked(content, lambda name, data: bytes(100 << 20) if name == "app/one~" else data)
    (found,) = read(bomb, BundleFormat.ZIP).differences
    assert found.path == "app/one~"
    assert int(found.after.split()[0]) < 1 << 20


@pytest.mark.parametrize("kind", [BundleFormat.TAR, BundleFormat.TGZ])
def test_devices_and_hard_links_in_a_tar_archive_are_named(tmp_path: Path, kind: BundleFormat) -> None:
    bundle = pack(tmp_path, kind, {"one~": b"1"})
    made = io.BytesIO()
    with tarfile.open(bundle.path) as before, tarfile.open(fileobj=made, mode="w") as after:
        for member in before:
            after.addfile(member, before.extractfile(member) if member.isreg() else None)
        for name, type_ in (("app/device", tarfile.CHRTYPE), ("app/hard", tarfile.LNKTYPE)):
            member = tarfile.TarInfo(name)
            member.type, member.linkname = type_, "app/one~"
            after.addfile(member)
    found = read(made.getvalue(), kind).differences
    assert {each.path for each in found if each.change == "added"} == {"app/device", "app/hard"}


@pytest.mark.parametrize("kind", FORMATS)
def test_an_archive_without_manifest_or_none_at_all_is_refused(kind: BundleFormat, tmp_path: Path) -> None:
    whole = pack(tmp_path, kind, {}).path.read_bytes()
    for content in (b"", b"nothing", b"PK\5\6" + bytes(18), whole[: len(whole) // 2], whole[len(whole) // 2 :]):
        with pytest.raises(IntegrityError):
            read(content, kind)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(kind=st.sampled_from(FORMATS), at=st.integers(0, 1 << 20), mask=st.integers(1, 255))
def test_no_changed_byte_changes_a_file_unnoticed(
    tmp_path_factory: pytest.TempPathFactory, kind: BundleFormat, at: int, mask: int
) -> None:
    bundle = pack(tmp_path_factory.mktemp("t"), kind, {"one~": b"1" * 50, "two~": bytes(range(256))})
    content = bytearray(bundle.path.read_bytes())
    content[at % len(content)] ^= mask
    try:
        found = read(bytes(content), kind)
    except IntegrityError:
        return
    # A byte of padding or of a time may change without a file changing; then the digest of the bundle tells.
    if found.differences == () and found.manifest_digest == bundle.manifest:
        assert contents(bytes(content), kind) == contents(bundle.path.read_bytes(), kind)


def test_two_manifests_are_compared_entry_by_entry(tmp_path: Path) -> None:
    one = read(pack(tmp_path / "a", BundleFormat.ZIP, {"x~": b"1", "y~": b"1"}).path.read_bytes(), BundleFormat.ZIP)
    two = read(pack(tmp_path / "b", BundleFormat.TAR, {"x~": b"2", "z~": b"1"}).path.read_bytes(), BundleFormat.TAR)
    found = differences(one.manifest.entries, two.manifest.entries)
    assert [(each.change, each.path) for each in found] == [
        ("changed", "app/x~"),
        ("removed", "app/y~"),
        ("added", "app/z~"),
    ]
    assert parse_manifest(one.document) == one.manifest
    assert MANIFEST_PATH not in {entry.path for entry in one.manifest.entries}
