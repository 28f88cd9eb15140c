"""Bundles held against their manifests: what was packed holds, and whatever was changed afterwards is named."""

from __future__ import annotations

import gzip
import io
import random
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Literal

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
    mode: Literal["w", "w:gz"] = "w" if kind is BundleFormat.TAR else "w:gz"
    with tarfile.open(bundle.path) as before, tarfile.open(fileobj=made, mode=mode) as after:
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


# --- archives that are made to do harm ---------------------------------------------------------------


def peak(content: bytes, kind: BundleFormat) -> int:
    """MiB of memory that it takes to refuse an archive."""
    tracemalloc.start()
    try:
        with pytest.raises(IntegrityError):
            read(content, kind)
        return tracemalloc.get_traced_memory()[1] >> 20
    finally:
        tracemalloc.stop()


def header(name: str, size: int, kind: bytes) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.USTAR_FORMAT)


def gzipped(*pieces: tuple[bytes, int]) -> bytes:
    made = io.BytesIO()
    with gzip.GzipFile(fileobj=made, mode="wb", compresslevel=6, mtime=0) as file:
        for piece, count in pieces:
            for _ in range(count):
                file.write(piece)
    return made.getvalue()


MIB = 1 << 20
PAX = b"%d x=%s\n" % (MIB, b"a" * (MIB - 11))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_member_that_no_agent_could_read_is_refused(tmp_path: Path, method: int) -> None:
    bundle = pack(tmp_path, BundleFormat.ZIP, {"one~": b"1" * 500}).path.read_bytes()
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(bundle)) as before, zipfile.ZipFile(made, "w") as after:
        for info in before.infolist():
            after.writestr(info, before.read(info), compress_type=method)
    whole = bytearray(made.getvalue())
    with pytest.raises(IntegrityError, match=f"method {method}"):
        read(bytes(whole), BundleFormat.ZIP)
    at = whole.find(b"manifest.json") + 40
    whole[at : at + 40] = bytes(each ^ 0xFF for each in whole[at : at + 40])
    with pytest.raises(IntegrityError):
        read(bytes(whole), BundleFormat.ZIP)


@pytest.mark.parametrize("mode", ["w:xz", "w:bz2", "w", "w:gz"])
def test_a_tar_archive_is_compressed_as_its_type_says_or_refused(
    tmp_path: Path, mode: Literal["w:xz", "w:bz2", "w", "w:gz"]
) -> None:
    bundle = pack(tmp_path, BundleFormat.TAR, {"one~": random.Random(1).randbytes(300_000)})
    made = io.BytesIO()
    with tarfile.open(bundle.path) as before, tarfile.open(fileobj=made, mode=mode) as after:
        for member in before:
            after.addfile(member, before.extractfile(member) if member.isreg() else None)
    whole = bytearray(made.getvalue())
    for kind, own in ((BundleFormat.TAR, "w"), (BundleFormat.TGZ, "w:gz")):
        if mode != own:
            with pytest.raises(IntegrityError):
                read(bytes(whole), kind)
    middle = len(whole) // 2
    whole[middle : middle + 50] = bytes(each ^ 0xFF for each in whole[middle : middle + 50])
    for kind in (BundleFormat.TAR, BundleFormat.TGZ):
        try:
            assert [each.path for each in read(bytes(whole), kind).differences] == ["app/one~"]
        except IntegrityError:
            continue


@pytest.mark.parametrize(
    "pieces",
    [
        [(header("p", 64 * MIB, b"L"), 1), (b"a" * MIB, 64), (header("f", 0, b"0"), 1), (bytes(1024), 1)],
        [(header("p", 64 * MIB, b"K"), 1), (b"a" * MIB, 64), (header("f", 0, b"0"), 1), (bytes(1024), 1)],
        [(header("p", 64 * MIB, b"x"), 1), (PAX, 64), (header("f", 0, b"0"), 1), (bytes(1024), 1)],
        [(header("p", 64 * MIB, b"g"), 1), (PAX, 64), (header("f", 0, b"0"), 1), (bytes(1024), 1)],
        [(header("p", MIB, b"x") + PAX + header("f", 0, b"0"), 64), (bytes(1024), 1)],
        [(header("f", 0, b"0"), 100_000), (bytes(1024), 1)],
    ],
    ids=["long name", "long link", "extended", "global", "many extended", "many members"],
)
def test_headers_that_ask_for_memory_do_not_get_it(pieces: list[tuple[bytes, int]]) -> None:
    bomb = gzipped(*pieces)
    assert len(bomb) < MIB
    assert peak(bomb, BundleFormat.TGZ) < 8


def test_a_manifest_that_is_much_larger_than_the_bundle_is_refused() -> None:
    entry = b'{"kind":"file","mode":"0644","path":"a","sha256":"%s","size":0},' % (b"0" * 64)
    size = 128 * MIB
    content = (header(MANIFEST_PATH, size, b"0"), 1), (entry * 8192, size // len(entry * 8192) + 1)
    assert peak(gzipped(*content, (bytes(1024), 1)), BundleFormat.TGZ) < 40


def test_a_link_that_unpacks_to_more_than_it_says_is_read_no_further(tmp_path: Path) -> None:
    content = pack(tmp_path, BundleFormat.ZIP, {"one~": b"1"}).path.read_bytes()
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as before, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as after:
        for info in before.infolist():
            after.writestr(info, bytes(64 * MIB) if info.filename == "app/link~" else before.read(info))
    bomb = made.getvalue().replace((64 * MIB).to_bytes(4, "little"), (6).to_bytes(4, "little"))
    tracemalloc.start()
    try:
        found = read(bomb, BundleFormat.ZIP).differences
        assert tracemalloc.get_traced_memory()[1] < 16 * MIB
    except IntegrityError:
        return
    finally:
        tracemalloc.stop()
    assert [each.path for each in found] == ["app/link~"]


@pytest.mark.parametrize("offset", [1 << 62, 1 << 63, (1 << 64) - 1])
def test_a_member_that_lies_nowhere_is_refused(offset: int, tmp_path: Path) -> None:
    name, extra = MANIFEST_PATH.encode(), struct.pack("<HHQ", 1, 8, offset)
    entry = struct.pack(
        "<4s4B4HL2L5H2L", b"PK\1\2", 20, 3, 45, 0, 0, 0, 0, 0, 0, 9, 9, len(name), 12, 0, 0, 0, 0, 0xFFFFFFFF
    )
    directory = entry + name + extra
    content = directory + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1, 1, len(directory), 0, 0)
    with pytest.raises(IntegrityError):
        read(content, BundleFormat.ZIP)
    (tmp_path / "x.zip").write_bytes(content)
    with (tmp_path / "x.zip").open("rb") as file, pytest.raises(IntegrityError):
        unpack(file, BundleFormat.ZIP)


def test_a_name_as_long_as_a_host_can_have_is_read(tmp_path: Path) -> None:
    long = "/".join(["d" * 250] * 15)
    tree = tmp_path / "tree"
    (tree / "app").mkdir(parents=True)
    (tree / "appspec.yml").write_text(APPSPEC, encoding="utf-8")
    (tree / "app" / "link~").symlink_to(long)
    for kind in (BundleFormat.TAR, BundleFormat.TGZ):
        bundle = build_bundle(tree, destination=tmp_path / f"b.{kind.value}", format=kind)
        assert read(bundle.path.read_bytes(), kind).differences == ()


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
