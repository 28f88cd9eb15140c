"""Bundles, read by the programs and libraries that will meet them: all find what Python's own readers find."""

from __future__ import annotations

import gzip
import os
import shutil
import stat
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from build_trees import ODD_NAMES, UNZIP_WOULD_CHANGE, Node, Tree, found_at, large_tree, make, odd_tree, packing_of

from deliverkit.domain.release import BundleFormat
from deliverkit.errors import UsageError
from deliverkit.packaging.codec import codec_for
from deliverkit.packaging.package import Bundle
from deliverkit.packaging.tree import Entry, EntryKind
from deliverkit.packaging.units import Slice
from deliverkit.packaging.zipstream import ZIP64_BYTES, ZipPart, ZipWriter
from deliverkit.sandbox.agent.bundle import unpack

Unpacks = Callable[[Path, Path], None]


def needed(program: str) -> str:
    found = shutil.which(program)
    if found is None:
        pytest.skip(f"{program} is not installed here")
    return found


def run(*command: str | Path, cwd: Path | None = None, locale: str = "C.UTF-8", **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, "LC_ALL": locale, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said
    return said


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[BundleFormat, Bundle]:
    """Every size and oddity in one tree: stored and deflated members, large ones in slices, links, odd names."""
    here = tmp_path_factory.mktemp("bundles")
    root = make(here / "tree", whole_tree())
    return {kind: packing_of(root, kind).write(here / f"bundle.{kind.value}") for kind in BundleFormat}


def whole_tree() -> Tree:
    return {**large_tree(), **odd_tree()}


def links_as_files(tree: Tree) -> Tree:
    """What a reader makes of it that knows neither links nor modes: a link is a file that holds the target."""
    plain = {path: Node(node.target.encode()) if node.target is not None else node for path, node in tree.items()}
    return {path: Node(node.content) for path, node in plain.items()}


# --- programs --------------------------------------------------------------------------------------


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("zip", "unzip -qo {bundle} -d {out}"),
        ("tar", "tar -xpsf {bundle} -C {out}"),
        ("tgz", "tar -xzpsf {bundle} -C {out}"),
        ("zip", "bsdtar -xpf {bundle} -C {out}"),
        ("tar", "bsdtar -xpf {bundle} -C {out}"),
        ("tgz", "bsdtar -xpf {bundle} -C {out}"),
    ],
)
def test_programs_unpack_the_very_tree(
    bundles: dict[BundleFormat, Bundle], tmp_path: Path, kind: str, command: str, locale: str
) -> None:
    # The host agent runs the first three, in whatever locale its service happens to have.
    program, *words = command.split()
    places = {"{bundle}": str(bundles[BundleFormat(kind)].path), "{out}": str(tmp_path)}
    run(needed(program), *(places.get(word, word) for word in words), locale=locale)
    assert found_at(tmp_path) == whole_tree()


def test_7zip_unpacks_the_very_files(tmp_path: Path) -> None:
    program = needed("7z")
    tree = {path: node for path, node in whole_tree().items() if node.target is None}  # it refuses links that go up
    bundle = packing_of(make(tmp_path / "tree", tree), BundleFormat.ZIP).write(tmp_path / "out.zip")
    run(program, "x", "-y", f"-o{tmp_path / 'out'}", bundle.path)
    assert found_at(tmp_path / "out", is_unpacked=False) == tree


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("zip", "unzip -tq"),
        ("zip", "zip -T"),
        ("zip", "7z t"),
        ("zip", f"{sys.executable} -m zipfile -t"),
        ("zip", "jar tf"),
        ("tgz", "gzip -t"),
        ("tgz", "pigz -t"),
        ("tgz", "7z t"),
        ("tar", "7z t"),
        ("tar", f"{sys.executable} -m tarfile -t"),
        ("tgz", f"{sys.executable} -m tarfile -t"),
    ],
)
def test_strict_checks_find_nothing(bundles: dict[BundleFormat, Bundle], kind: str, command: str) -> None:
    program, *words = command.split()
    run(needed(program), *words, bundles[BundleFormat(kind)].path)


@pytest.mark.parametrize("kind", list(BundleFormat))
def test_the_sandboxs_agent_unpacks_the_very_tree(
    bundles: dict[BundleFormat, Bundle], tmp_path: Path, kind: BundleFormat
) -> None:
    unpack(bundles[kind].path, kind.value, tmp_path / "out")
    assert found_at(tmp_path / "out") == whole_tree()


# --- libraries -------------------------------------------------------------------------------------


def test_pythons_zipfile_finds_every_member_as_it_is(bundles: dict[BundleFormat, Bundle]) -> None:
    tree = whole_tree()
    with zipfile.ZipFile(bundles[BundleFormat.ZIP].path) as archive:
        assert archive.testzip() is None
        for info in archive.infolist():
            path = info.filename.removesuffix("/")
            if path.split("/")[0] == ".deliverkit":
                continue
            node, mode = tree.pop(path), info.external_attr >> 16
            assert info.is_dir() == stat.S_ISDIR(mode) == (node == Node())
            assert stat.S_ISLNK(mode) == (node.target is not None)
            assert archive.read(info) == (node.content or (node.target or "").encode())
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
    assert not tree


@pytest.mark.parametrize("kind", [BundleFormat.TAR, BundleFormat.TGZ])
def test_pythons_tarfile_unpacks_the_very_tree(
    bundles: dict[BundleFormat, Bundle], tmp_path: Path, kind: BundleFormat
) -> None:
    with tarfile.open(bundles[kind].path) as archive:
        members = archive.getmembers()
        archive.extractall(tmp_path, filter="tar")
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "", "")}
    assert {member.mtime for member in members} == {315_532_800}
    assert found_at(tmp_path) == whole_tree()


def test_a_tgz_is_one_gzip_member_and_nothing_behind_it(bundles: dict[BundleFormat, Bundle]) -> None:
    # The agent on Windows reads only the first member of several.
    packed = bundles[BundleFormat.TGZ].path.read_bytes()
    reader = zlib.decompressobj(wbits=31)
    content = reader.decompress(packed)
    assert reader.eof
    assert reader.unused_data == b""
    assert gzip.decompress(packed) == content


JAVA_STREAM = """
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.zip.*;

/** Reads a zip as a stream, by its local headers alone, and through its central directory. */
public class Reads {
    public static void main(String[] arguments) throws IOException {
        Path out = Path.of(arguments[1]);
        try (var in = new ZipInputStream(new BufferedInputStream(new FileInputStream(arguments[0])))) {
            for (ZipEntry entry = in.getNextEntry(); entry != null; entry = in.getNextEntry()) {
                put(out.resolve("stream"), entry, in.readAllBytes());
            }
        }
        try (var file = new ZipFile(arguments[0])) {
            for (var entries = file.entries(); entries.hasMoreElements();) {
                ZipEntry entry = entries.nextElement();
                put(out.resolve("central"), entry, file.getInputStream(entry).readAllBytes());
            }
        }
    }

    static void put(Path out, ZipEntry entry, byte[] content) throws IOException {
        Path path = out.resolve(entry.getName());
        if (entry.isDirectory()) {
            Files.createDirectories(path);
        } else {
            Files.createDirectories(path.getParent());
            Files.write(path, content);
        }
    }
}
"""


def test_java_reads_it_as_a_stream_and_from_the_directory(bundles: dict[BundleFormat, Bundle], tmp_path: Path) -> None:
    source = tmp_path / "Reads.java"
    source.write_text(JAVA_STREAM, encoding="utf-8")
    run(needed("java"), "-Dsun.jnu.encoding=UTF-8", source, bundles[BundleFormat.ZIP].path, tmp_path / "out")
    for way in ("stream", "central"):
        assert found_at(tmp_path / "out" / way) == links_as_files(whole_tree())


def test_javas_jar_unpacks_it(bundles: dict[BundleFormat, Bundle], tmp_path: Path) -> None:
    run(needed("jar"), "xf", bundles[BundleFormat.ZIP].path, cwd=tmp_path)
    assert found_at(tmp_path) == links_as_files(whole_tree())


NODE_READS = """
const yauzl = require('yauzl'), fs = require('fs'), path = require('path');
// Like .NET's ZipArchive it goes by the central directory, and by the sizes there.
yauzl.open(process.argv[2], {lazyEntries: true, strictFileNames: true, validateEntrySizes: true}, (error, zip) => {
  if (error) throw error;
  zip.on('error', (error) => { throw error; });
  zip.on('entry', (entry) => {
    const where = path.join(process.argv[3], entry.fileName);
    if (entry.fileName.endsWith('/')) { fs.mkdirSync(where, {recursive: true}); return zip.readEntry(); }
    zip.openReadStream(entry, (error, stream) => {
      if (error) throw error;
      fs.mkdirSync(path.dirname(where), {recursive: true});
      stream.pipe(fs.createWriteStream(where)).on('finish', () => zip.readEntry());
    });
  });
  zip.readEntry();
});
"""


def test_a_reader_of_central_directories_unpacks_it(tmp_path: Path) -> None:
    node = needed("node")
    if subprocess.run([node, "-e", "require('yauzl')"], capture_output=True, check=False).returncode != 0:
        pytest.skip("the npm package yauzl is not installed here (set NODE_PATH to where it is)")
    # Names that only Unix can have are refused there, as on Windows.
    tree = {path: what for path, what in whole_tree().items() if "\\" not in path and "C:" not in path}
    bundle = packing_of(make(tmp_path / "tree", tree), BundleFormat.ZIP).write(tmp_path / "out.zip")
    script = tmp_path / "reads.js"
    script.write_text(NODE_READS, encoding="utf-8")
    run(node, script, bundle.path, tmp_path / "out")
    assert found_at(tmp_path / "out") == links_as_files(tree)


# --- names that unzip changes ----------------------------------------------------------------------


@pytest.mark.parametrize("name", UNZIP_WOULD_CHANGE)
def test_names_that_unzip_would_change_are_refused_for_a_zip(tmp_path: Path, name: str) -> None:
    tree: Tree = {**odd_tree(), f"app/{name}": Node(b"x")}
    root = make(tmp_path / "tree", tree)
    with pytest.raises(UsageError, match="unzip on the hosts would change") as caught:
        packing_of(root, BundleFormat.ZIP)
    assert "tgz" in caught.value.hint
    bundle = packing_of(root, BundleFormat.TGZ).write(tmp_path / "out.tgz")
    unpack(bundle.path, "tgz", tmp_path / "out")
    assert found_at(tmp_path / "out") == tree


@pytest.mark.parametrize("name", UNZIP_WOULD_CHANGE)
def test_unzip_does_change_them(tmp_path: Path, name: str) -> None:
    program = needed("unzip")
    with zipfile.ZipFile(tmp_path / "names.zip", "w") as archive:
        info = zipfile.ZipInfo(name)
        info.create_system, info.external_attr = 3, 0o100644 << 16
        archive.writestr(info, b"x")
    subprocess.run([program, "-qo", tmp_path / "names.zip", "-d", tmp_path / "out"], check=False, capture_output=True)
    assert name not in {path.name for path in (tmp_path / "out").iterdir()}


def test_odd_names_are_those_that_unzip_keeps() -> None:
    assert not set(ODD_NAMES) & set(UNZIP_WOULD_CHANGE)


# --- 64 bits ---------------------------------------------------------------------------------------


def test_more_members_than_16_bits_can_count(tmp_path: Path) -> None:
    root = make(tmp_path / "tree", {**odd_tree()})
    for number in range(66):
        folder = root / "app" / f"many-{number}"
        folder.mkdir()
        for each in range(1000):
            os.close(os.open(folder / f"{each}", os.O_CREAT | os.O_WRONLY, 0o644))
    bundle = packing_of(root, BundleFormat.ZIP).write(tmp_path / "out.zip")
    with zipfile.ZipFile(bundle.path) as archive:
        assert len(archive.infolist()) == 66 * 1001 + len(odd_tree()) + 2
    run(needed("unzip"), "-tq", bundle.path)
    run(needed("7z"), "t", bundle.path)


@pytest.mark.parametrize("size", [ZIP64_BYTES - 1, ZIP64_BYTES, 2**32 - 1, 2**32, 5 * 2**30])
def test_members_and_offsets_that_32_bits_cannot_tell(tmp_path: Path, size: int) -> None:
    """The headers of an archive whose first member is so large, as a reader finds them; its zeros are a hole."""
    writer = ZipWriter(codec_for())
    large = Entry("large", EntryKind.FILE, 0o644, size)
    path = tmp_path / "holey.zip"
    with path.open("wb") as file:
        # A member in one slice, of which only the size is told to the writer: it neither reads nor keeps content.
        for piece in writer.take(ZipPart(Slice(large, 0, size), [Hole(size)], crc=7)):  # type: ignore[list-item]
            if isinstance(piece, Hole):
                file.seek(len(piece), os.SEEK_CUR)
            else:
                file.write(piece)
        for piece in (*writer.add(Entry("behind", EntryKind.FILE, 0o644, 3), b"abc"), *writer.end()):
            file.write(piece)
    with zipfile.ZipFile(path) as archive:
        assert archive.read("behind") == b"abc"
        first, second = archive.infolist()
        assert (first.file_size, first.compress_size, first.CRC, first.header_offset) == (size, size, 7, 0)
        is_wide = size >= ZIP64_BYTES
        behind = 30 + len("large") + 20 * is_wide + size + (24 if is_wide else 16)
        assert second.header_offset == behind
    for command in (("unzip", "-p"), ("7z", "e", "-so"), ("bsdtar", "-xOf")):
        # Exactly this size makes unzip 6.0 look for more than there is in the next member's record: a flaw of its own.
        if shutil.which(command[0]) and not (command[0] == "unzip" and size == 2**32 - 1):
            assert run(*command, path, "behind") == "abc"
    with path.open("rb") as file:
        file.seek(second.header_offset - (24 if is_wide else 16))
        form = "<4sIQQ" if is_wide else "<4sIII"
        assert struct.unpack(form, file.read(struct.calcsize(form))) == (b"PK\x07\x08", 7, size, size)


class Hole:
    """So many zeros."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size
