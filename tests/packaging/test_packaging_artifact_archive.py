"""Artifacts of pipelines: unpacked without writing anywhere else, packed with everything that a build left."""

from __future__ import annotations

import io
import os
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from deliverkit.errors import IntegrityError, UsageError
from deliverkit.packaging.artifact_archive import pack_artifact, unpack_artifact


def zip_of(path: Path, *members: tuple[str, int, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode, content in members:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, mode << 16
            archive.writestr(info, content)
    return path


def tar_of(path: Path, *members: tuple[str, bytes, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, kind, content in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            if kind == tarfile.REGTYPE:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
            else:
                info.linkname = content.decode()
                archive.addfile(info)
    return path


FILE, LINK = stat.S_IFREG | 0o644, stat.S_IFLNK | 0o777


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", FILE, b"x")],
        [("/etc/evil", FILE, b"x")],
        [("a/../../evil", FILE, b"x")],
        [("..\\evil", FILE, b"x")],
        [("out", LINK, b"/tmp")],
        [("out", LINK, b"..")],
        [("in", LINK, b"."), ("out", LINK, b"in/../../x")],
        [("out", LINK, b"."), ("out/../../evil", FILE, b"x")],
    ],
)
def test_a_zip_that_leads_out_is_refused(tmp_path: Path, members: list[tuple[str, int, bytes]]) -> None:
    archive = zip_of(tmp_path / "a.zip", *members)
    with pytest.raises(IntegrityError, match="leads out of it"):
        unpack_artifact(archive, tmp_path / "deep" / "in")
    assert not list(tmp_path.rglob("evil"))


@pytest.mark.parametrize("member", [("../evil", tarfile.REGTYPE, b"x"), ("out", tarfile.SYMTYPE, b"/tmp/x")])
def test_a_tar_that_leads_out_is_refused(tmp_path: Path, member: tuple[str, bytes, bytes]) -> None:
    archive = tar_of(tmp_path / "a.tgz", member)
    with pytest.raises(IntegrityError, match="cannot be unpacked"):
        unpack_artifact(archive, tmp_path / "deep" / "in")
    assert not list(tmp_path.rglob("evil"))


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    members = [("d", LINK, b"elsewhere"), ("d/file", FILE, b"x")]
    with pytest.raises((IntegrityError, OSError)):
        unpack_artifact(zip_of(tmp_path / "a.zip", *members), tmp_path / "in")
    assert not (tmp_path / "in" / "elsewhere").exists()


def test_broken_archives_are_told_and_other_files_kept(tmp_path: Path) -> None:
    whole = zip_of(tmp_path / "whole.zip", ("a", FILE, os.urandom(1000))).read_bytes()
    for number, content in enumerate((whole[:500], whole.replace(whole[60:70], bytes(10)))):
        (tmp_path / "Broken").write_bytes(content)
        with pytest.raises(IntegrityError, match="cannot be unpacked"):
            unpack_artifact(tmp_path / "Broken", tmp_path / f"in-{number}")
    (tmp_path / "Notes").write_text("no archive")
    unpack_artifact(tmp_path / "Notes", tmp_path / "in")
    assert (tmp_path / "in" / "Notes").read_text() == "no archive"


def test_an_archive_larger_than_the_disk_is_refused_before_it_fills_it(tmp_path: Path) -> None:
    archive = zip_of(tmp_path / "a.zip", ("a", FILE, b"x"))
    content = bytearray(archive.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    content[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    archive.write_bytes(bytes(content))
    small = Path("/dev/shm")
    if os.statvfs(small).f_bavail * os.statvfs(small).f_frsize > 0xFFFFFFF0:
        pytest.skip("no small disk here")
    target = small / f"deliverkit-{os.getpid()}"
    try:
        with pytest.raises(OSError, match="4294967280 bytes to unpack"):
            unpack_artifact(archive, target)
    finally:
        target.rmdir()


def test_what_was_packed_comes_out_as_it_was(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "empty").mkdir()
    (tree / "bin" / "run").write_bytes(b"#!/bin/sh\n")
    (tree / "bin" / "run").chmod(0o755)
    (tree / "run").symlink_to("bin/run")
    (tree / "plain").write_text("text")
    os.utime(tree / "plain", (0, 0))  # before 1980, which zip cannot tell
    pack_artifact(tree, tmp_path / "a.zip")
    unpack_artifact(tmp_path / "a.zip", tmp_path / "in")
    found = {each.relative_to(tmp_path / "in").as_posix(): each for each in (tmp_path / "in").rglob("*")}
    assert set(found) == {"bin", "bin/run", "empty", "plain", "run"}
    assert stat.S_IMODE(found["bin/run"].stat().st_mode) == 0o755
    assert found["run"].readlink() == Path("bin/run")
    assert found["empty"].is_dir()


def test_what_is_no_file_cannot_be_packed(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    os.mkfifo(tmp_path / "tree" / "pipe")
    with pytest.raises(UsageError, match="pipe is neither file"):
        pack_artifact(tmp_path / "tree", tmp_path / "a.zip")
