"""Artifacts of pipelines: unpacked without writing anywhere else, packed with everything that a build left."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tarfile
import tempfile
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

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
            info.type, info.mode = kind, 0o755
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
        [("out", LINK, b"p/q/../.."), ("p", LINK, b"d"), ("d/q", LINK, b"..")],
        [("out", LINK, b"in"), ("in", LINK, b"out")],
    ],
)
def test_a_zip_that_leads_out_is_refused(tmp_path: Path, members: list[tuple[str, int, bytes]]) -> None:
    archive = zip_of(tmp_path / "a.zip", *members)
    with pytest.raises(IntegrityError, match="leads out of it"):
        unpack_artifact(archive, tmp_path / "deep" / "in")
    assert not list(tmp_path.rglob("evil"))


REG, SYM, HARD, FOLDER = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


@pytest.mark.parametrize(
    "members",
    [
        [("../evil", REG, b"x")],
        [("/evil", REG, b"x")],
        [("out", SYM, b"/tmp/x")],
        [("out", HARD, b"../evil")],
        [("out", SYM, b"p/q/../.."), ("p", SYM, b"d"), ("d/q", SYM, b"..")],
        [("d/in", SYM, b".."), ("out", HARD, b"d/in")],
    ],
)
def test_a_tar_that_leads_out_is_refused(tmp_path: Path, members: list[tuple[str, bytes, bytes]]) -> None:
    archive = tar_of(tmp_path / "a.tgz", *members)
    with pytest.raises(IntegrityError, match="leads out of it"):
        unpack_artifact(archive, tmp_path / "deep" / "in")
    assert not list(tmp_path.rglob("evil"))


STEPS = st.sampled_from(["a", "b", "c", "..", "."])
NAMES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map("/".join)
MEMBERS = st.lists(
    st.tuples(NAMES, st.sampled_from([REG, SYM, SYM, SYM, HARD, FOLDER]), st.lists(STEPS, min_size=1).map("/".join)),
    max_size=8,
)


@pytest.mark.filterwarnings("ignore:Duplicate name")
@settings(deadline=None, max_examples=150)
@given(MEMBERS, st.booleans())
@example([("a", SYM, "b/c/../.."), ("b", SYM, "c"), ("c/c", SYM, "..")], False)
@example([("a", SYM, "b/c/../.."), ("b", SYM, "c"), ("c/c", SYM, "..")], True)
@example([("c/b", REG, ""), ("a", HARD, "b"), ("b", SYM, "c"), ("c/c", SYM, "..")], True)
def test_whatever_an_archive_holds_nothing_leads_out_of_it(members: list[tuple[str, bytes, str]], is_tar: bool) -> None:
    modes = {SYM: LINK, FOLDER: stat.S_IFDIR | 0o755}
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made).resolve()
        if is_tar:
            tar_of(directory / "a", *((name, kind, content.encode()) for name, kind, content in members))
        else:
            zip_of(directory / "a", *((name, modes.get(kind, FILE), to.encode()) for name, kind, to in members))
        with suppress(IntegrityError):
            unpack_artifact(directory / "a", directory / "deep" / "in")
            for path in (directory / "deep" / "in").rglob("*"):
                # By the library's way and by the kernel's, which tell the same of what is there.
                assert Path(os.path.realpath(path)).is_relative_to(directory / "deep" / "in"), path
        assert sorted(each.name for each in directory.iterdir()) == ["a", "deep"]
        assert [each.name for each in (directory / "deep").iterdir()] == ["in"]


def test_links_that_stay_inside_are_made_wherever_they_lead(tmp_path: Path) -> None:
    links = [("d/up", b"../top"), ("top", b"d/e"), ("through", b"top/../f"), ("gone", b"d/nothing"), ("self", b".")]
    zip_of(tmp_path / "a.zip", *((name, LINK, to) for name, to in links), ("d/f", FILE, b"x"), ("d/e/g", FILE, b"x"))
    content = [("./", FOLDER, b""), ("d/f", REG, b"x"), ("d/e/g", REG, b"x"), ("hard", HARD, b"d/f")]
    tar_of(tmp_path / "a.tgz", *((name, SYM, to) for name, to in links), *content)
    for archive in ("a.zip", "a.tgz"):
        found = tmp_path / f"in-{archive}"
        unpack_artifact(tmp_path / archive, found)
        assert {name: os.fsencode((found / name).readlink()) for name, _ in links} == dict(links)
        assert (found / "through").resolve() == (found / "d" / "f").resolve()
    assert (tmp_path / "in-a.tgz" / "hard").samefile(tmp_path / "in-a.tgz" / "d" / "f")


def test_the_last_of_several_members_of_a_tar_counts(tmp_path: Path) -> None:
    archive = tar_of(tmp_path / "a.tgz", ("app", REG, b"old"), ("other", REG, b"x"), ("app", REG, b"new"))
    unpack_artifact(archive, tmp_path / "in")
    assert (tmp_path / "in" / "app").read_bytes() == b"new"


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_ends_with_a_jar_is_a_tar(tmp_path: Path, mode: Literal["w", "w:gz"]) -> None:
    jar = zip_of(tmp_path / "lib.jar", ("META-INF/MANIFEST.MF", FILE, b"x"))
    for name in ("app.py", "lib.jar"):
        (tmp_path / name).touch()
    with tarfile.open(tmp_path / "Bundle", mode) as archive:
        archive.add(tmp_path / "app.py", "app.py")
        archive.add(jar, "lib.jar")
    unpack_artifact(tmp_path / "Bundle", tmp_path / "in")
    assert sorted(each.name for each in (tmp_path / "in").iterdir()) == ["app.py", "lib.jar"]


def test_a_zip_with_a_program_in_front_of_it_is_a_zip(tmp_path: Path) -> None:
    content = zip_of(tmp_path / "a.zip", ("app", FILE, b"x")).read_bytes()
    (tmp_path / "Installer").write_bytes(b"#!/bin/sh\nexec unzip $0\n" + content)
    unpack_artifact(tmp_path / "Installer", tmp_path / "in")
    assert [each.name for each in (tmp_path / "in").iterdir()] == ["app"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize(
    "names", [["x", "x"], ["x", "x/y"], ["x/y", "x"], ["x" * 300], ["/".join(["x" * 200] * 30)], ["x", "x/"]]
)
def test_names_that_no_directory_can_hold_are_the_fault_of_the_archive(tmp_path: Path, names: list[str]) -> None:
    archive = zip_of(tmp_path / "a.zip", *((name, FILE, b"x") for name in names))
    with pytest.raises(IntegrityError, match=r"cannot be unpacked: [^:]+: x.{0,90}$"):
        unpack_artifact(archive, tmp_path / "in")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2"])
def test_damage_in_a_compressed_tar_is_the_fault_of_the_archive(tmp_path: Path, mode: Literal["w:gz", "w:bz2"]) -> None:
    with tarfile.open(tmp_path / "a", mode) as archive:
        info = tarfile.TarInfo("a")
        info.size = 1_200_000  # more than a block of bzip2
        archive.addfile(info, io.BytesIO(os.urandom(info.size)))
    content = bytearray((tmp_path / "a").read_bytes())
    content[1_100_000:1_100_100] = bytes(100)
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(IntegrityError, match="cannot be unpacked"):
        unpack_artifact(tmp_path / "a", tmp_path / "in")


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
    count = shutil.disk_usage(tmp_path).free // 0xFFFFFFF0 + 1
    archive = zip_of(tmp_path / "a.zip", *((f"a{number}", FILE, b"x") for number in range(count)))
    content, at = bytearray(archive.read_bytes()), -1
    while (at := content.find(b"PK\x01\x02", at + 1)) >= 0:
        content[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")  # the size that it says it has
    archive.write_bytes(bytes(content))
    with pytest.raises(OSError, match=f"{count * 0xFFFFFFF0} bytes to unpack"):
        unpack_artifact(archive, tmp_path / "in")
    assert not list((tmp_path / "in").iterdir())


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


def test_names_must_be_text_but_links_need_not_lead_to_it(tmp_path: Path) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "link").symlink_to(os.fsdecode(b"\xff"))
    pack_artifact(tmp_path / "tree", tmp_path / "a.zip")
    unpack_artifact(tmp_path / "a.zip", tmp_path / "in")
    assert os.fsencode((tmp_path / "in" / "link").readlink()) == b"\xff"
    (tmp_path / "tree" / os.fsdecode(b"\xff")).touch()
    with pytest.raises(UsageError, match=r"the name \\xff is no UTF-8"):
        pack_artifact(tmp_path / "tree", tmp_path / "b.zip")
