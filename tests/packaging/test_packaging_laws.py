"""The laws of bundles, for generated trees and for every size and oddity that is known to matter."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from build_trees import (
    Node,
    Tree,
    found_at,
    large_tree,
    make,
    odd_tree,
    packable,
    packing_of,
    to_be_told,
    told_by,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverkit.domain.release import BundleFormat, Compression
from deliverkit.packaging.archive import MANIFEST_PATH
from deliverkit.packaging.manifest import parse_manifest
from deliverkit.packaging.package import Bundle
from deliverkit.packaging.tarstream import EPOCH_SECONDS, TarWriter
from deliverkit.packaging.tree import Entry, EntryKind
from deliverkit.sandbox.agent.bundle import unpack

Packable = tuple[Tree, BundleFormat]
AIMS = st.sampled_from(Compression)


@contextmanager
def place() -> Iterator[Path]:
    """A directory of its own for each example."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def written(root: Path, kind: BundleFormat, aim: Compression, name: str = "bundle", **rules: object) -> Bundle:
    return packing_of(root, kind, aim, **rules).write(root.parent / f"{name}.{kind.value}")


def unpacked(bundle: Bundle, name: str = "unpacked") -> Path:
    out = bundle.path.parent / name
    unpack(bundle.path, bundle.format.value, out)
    return out


@settings(max_examples=60, deadline=None)
@given(packed=packable(), aim=AIMS)
def test_packing_what_was_unpacked_gives_the_same_bundle(packed: Packable, aim: Compression) -> None:
    tree, kind = packed
    with place() as here:
        first = written(make(here / "tree", tree), kind, aim)
        out = unpacked(first)
        assert found_at(out) == tree
        again = written(out, kind, aim, "again")
        assert again.path.read_bytes() == first.path.read_bytes()
        assert (again.digest, again.manifest, again.size) == (first.digest, first.manifest, first.size)


@settings(max_examples=40, deadline=None)
@given(packed=packable(), aim=AIMS)
def test_the_manifest_is_the_content(packed: Packable, aim: Compression) -> None:
    tree, kind = packed
    with place() as here:
        packing = packing_of(make(here / "tree", tree), kind, aim)
        bundle = packing.write(here / "bundle")
        document = (unpacked(bundle) / MANIFEST_PATH).read_bytes()
        assert told_by(parse_manifest(document)) == to_be_told(tree)
        assert bundle.manifest == "sha256:" + hashlib.sha256(document).hexdigest()
        assert packing.prepare().manifest == document


@settings(max_examples=40, deadline=None)
@given(packed=packable(), aim=AIMS)
def test_what_is_prepared_are_the_bytes_that_are_written(packed: Packable, aim: Compression) -> None:
    tree, kind = packed
    with place() as here:
        packing = packing_of(make(here / "tree", tree), kind, aim)
        bundle, prepared = packing.write(here / "bundle"), packing.prepare()
        assert prepared.manifest_digest == bundle.manifest
        for _ in range(2):
            content = b"".join(prepared.chunks())
            assert content == bundle.path.read_bytes()
        assert "sha256:" + hashlib.sha256(content).hexdigest() == bundle.digest
        assert len(content) == bundle.size <= prepared.size_limit


@settings(max_examples=40, deadline=None)
@given(packed=packable(), aim=AIMS, when=st.integers(0, 2**31), chance=st.randoms(use_true_random=False))
def test_order_time_place_and_threads_change_nothing(
    packed: Packable, aim: Compression, when: int, chance: random.Random
) -> None:
    tree, kind = packed
    with place() as here:
        first = written(make(here / "tree", tree), kind, aim, threads=1)
        order = sorted(tree)
        chance.shuffle(order)
        second = make(here / "elsewhere" / "another \u00fc", tree, order)
        for path in second.rglob("*"):
            os.utime(path, (when, when), follow_symlinks=False)
        for threads in (1, 2, 5):
            other = written(second, kind, aim, threads=threads)
            assert other.path.read_bytes() == first.path.read_bytes()


@settings(max_examples=25, deadline=None)
@given(packed=packable(), data=st.data())
def test_every_change_changes_the_digests(packed: Packable, data: st.DataObject) -> None:
    tree, kind = packed
    with place() as here:
        root = make(here / "tree", tree)
        first = written(root, kind, Compression.FAST)
        path = data.draw(st.sampled_from(sorted(path for path, node in tree.items() if node.content is not None)))
        where = root / path
        change = data.draw(st.sampled_from(("content", "mode", "name", "empty folder")))
        if change == "content":
            where.write_bytes(where.read_bytes() + b"\n")
        elif change == "mode":
            where.chmod(where.stat().st_mode ^ 0o100)
        elif change == "name":
            (root / "app" / "main").rename(root / "app" / "main, renamed")
        else:
            (root / "app" / "one more folder").mkdir()
        second = written(root, kind, Compression.FAST)
        assert first.digest != second.digest
        assert first.manifest != second.manifest


# --- sizes and oddities ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make(tmp_path_factory.mktemp("large") / "tree", large_tree())


@pytest.mark.parametrize("kind", list(BundleFormat))
def test_files_of_every_size_keep_the_laws(large: Path, tmp_path: Path, kind: BundleFormat) -> None:
    packing = packing_of(large, kind, threads=1)
    bundle = packing.write(tmp_path / f"one.{kind.value}")
    out = unpacked(bundle)
    assert found_at(out) == large_tree()
    assert told_by(parse_manifest((out / MANIFEST_PATH).read_bytes())) == to_be_told(large_tree())
    again = packing_of(out, kind, threads=5).write(tmp_path / "again")
    assert (again.digest, again.manifest) == (bundle.digest, bundle.manifest)
    prepared = packing.prepare()
    digest = hashlib.sha256()
    for chunk in prepared.chunks():
        digest.update(chunk)
    assert f"sha256:{digest.hexdigest()}" == bundle.digest
    assert bundle.size <= prepared.size_limit


@pytest.mark.parametrize("aim", list(Compression))
@pytest.mark.parametrize("kind", [BundleFormat.ZIP, BundleFormat.TGZ])
def test_what_deceives_the_sample_grows_by_no_more_than_stored_blocks_take(
    tmp_path: Path, kind: BundleFormat, aim: Compression
) -> None:
    # Each slice is calm in its middle, where the sample is taken, and noise everywhere else: zlib-ng's quick level
    # made it up to an eighth longer, which neither the limit of sizes nor a member's 32 bits allowed for.
    chance = random.Random(1)
    noise = chance.randbytes(511 << 10)
    high = bytes(byte | 0x90 for byte in chance.randbytes(1 << 20))
    content = (noise + bytes(2 << 10) + noise + high) * 5
    tree: Tree = {**odd_tree(), "app/large": Node(content)}
    packing = packing_of(make(tmp_path / "tree", tree), kind, aim)
    bundle = packing.write(tmp_path / f"out.{kind.value}")
    assert bundle.size <= packing.prepare().size_limit
    assert bundle.size < len(content) + (64 << 10)
    assert found_at(unpacked(bundle)) == tree


@pytest.mark.parametrize("kind", list(BundleFormat))
def test_every_oddity_keeps_the_laws(tmp_path: Path, kind: BundleFormat) -> None:
    bundle = written(make(tmp_path / "tree", odd_tree()), kind, Compression.SMALL)
    out = unpacked(bundle)
    assert found_at(out) == odd_tree()
    assert written(out, kind, Compression.SMALL, "again").digest == bundle.digest


# --- the machine -----------------------------------------------------------------------------------

PACKING_PROGRAM = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[4], 8))
from deliverkit.domain.release import BundleFormat
from deliverkit.packaging.package import build_bundle
root, out = Path(os.fsdecode(os.fsencode(sys.argv[1]))), Path(sys.argv[2])
print(build_bundle(root, destination=out, format=BundleFormat(sys.argv[3])).digest)
"""


def packed_by_another_process(root: Path, out: Path, kind: BundleFormat, umask: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PACKING_PROGRAM, str(root), str(out), kind.value, umask],
        env={**os.environ, **environment},
        cwd=out.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


@pytest.mark.parametrize("kind", list(BundleFormat))
def test_neither_umask_nor_locale_nor_time_zone_nor_hash_seed_show(tmp_path: Path, kind: BundleFormat) -> None:
    root = make(tmp_path / "tree", odd_tree())
    temporary = tmp_path / "another place"
    temporary.mkdir()
    plain = packed_by_another_process(root, tmp_path / "a", kind, "022", LC_ALL="C.UTF-8", PYTHONHASHSEED="0")
    odd = packed_by_another_process(
        root, tmp_path / "b", kind, "0777", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0", TZ="Asia/Kathmandu",
        TMPDIR=str(temporary), PYTHONHASHSEED="1", HOME="/nonexistent",
    )  # fmt: skip
    assert plain == odd == written(root, kind, Compression.FAST).digest
    assert not list(temporary.iterdir())


def test_another_file_system_gives_the_same_bytes(tmp_path: Path) -> None:
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("this machine has no second file system to write to")
    with tempfile.TemporaryDirectory(dir=memory) as folder:
        there = written(make(Path(folder) / "tree", odd_tree()), BundleFormat.ZIP, Compression.FAST)
        here = written(make(tmp_path / "tree", odd_tree()), BundleFormat.ZIP, Compression.FAST)
        assert there.digest == here.digest


# --- tar headers -----------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    path=st.lists(
        st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=120),
        min_size=1,
        max_size=3,
    ).map("/".join),
    kind=st.sampled_from(EntryKind),
    size=st.integers(0, 2**40) | st.sampled_from((8**11 - 1, 8**11)),
    mode=st.sampled_from((0o644, 0o755, 0o777)),
    target=st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=200),
)
def test_tar_headers_are_those_of_pythons_own_writer(
    path: str, kind: EntryKind, size: int, mode: int, target: str
) -> None:
    is_link = kind is EntryKind.SYMLINK
    entry = Entry(path, kind, mode, size if kind is EntryKind.FILE else 0, target if is_link else "")
    info = tarfile.TarInfo(path)
    info.type = {"file": tarfile.REGTYPE, "directory": tarfile.DIRTYPE, "symlink": tarfile.SYMTYPE}[kind.value]
    info.mode, info.mtime, info.linkname, info.size = mode, EPOCH_SECONDS, entry.target, entry.size
    header = next(TarWriter().add(entry, b""))
    assert header == info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict")


# --- the committed sample --------------------------------------------------------------------------

SAMPLE = Path(__file__).with_name("sample")
# Digest of the bundle, and of its manifest with `CODEC` in place of the codec's name. The first one changes with the
# codec's version, and is looked at for the version named here alone; the second one must never change by itself: the
# releases of everybody would get other names.
CODEC_VERSIONS = "deflate-0.9.0-{level}+zlib-ng-2.3.3-{level}"
DIGESTS: dict[tuple[str, str], tuple[str, str]] = {
    ("zip", "fast"): (
        "863eaaee8588963e94f86cd9484a77839a89a2da2372f2f88c3f731ab69b2937",
        "48e1a49078792ee232607f99446fc3189ab12f5d240da67e45a47fa69649d549",
    ),
    ("zip", "small"): (
        "58549c4b32b8f2d98b952dcf36a51e6cdb4967d58295d499f9531a56e5347325",
        "48e1a49078792ee232607f99446fc3189ab12f5d240da67e45a47fa69649d549",
    ),
    ("tar", "fast"): (
        "8620a040d221a0c6a86d1bcd7b1e1f1f35007af5ae70e9a4dffb6c61cce2757e",
        "b75fc56ecc542bfc03b22f9a0666dc49c29cf65835b9b27cae4b8d670519418c",
    ),
    ("tar", "small"): (
        "8620a040d221a0c6a86d1bcd7b1e1f1f35007af5ae70e9a4dffb6c61cce2757e",
        "b75fc56ecc542bfc03b22f9a0666dc49c29cf65835b9b27cae4b8d670519418c",
    ),
    ("tgz", "fast"): (
        "c997281be6eea6f75129cf816a8464b64fe2d1e2652f8f45b0397d2758d2cacb",
        "2301ec8247b1ca03507e0ceb8f42fc3c40c7feac83ea1d27a8d1336f7bb57e58",
    ),
    ("tgz", "small"): (
        "ab801b9038a654b9955632c846c3fe781ded1debf60de417e94e9ebcc5e25c12",
        "2301ec8247b1ca03507e0ceb8f42fc3c40c7feac83ea1d27a8d1336f7bb57e58",
    ),
}


@pytest.mark.parametrize(("kind", "aim"), [(kind, aim) for kind in BundleFormat for aim in Compression])
def test_the_sample_has_the_digest_that_it_always_had(tmp_path: Path, kind: BundleFormat, aim: Compression) -> None:
    packing = packing_of(SAMPLE, kind, aim)
    bundle = packing.write(tmp_path / "sample")
    of_bundle, of_manifest = DIGESTS[kind.value, aim.value]
    neutral = packing.prepare().manifest.replace(packing.codec.name.encode(), b"CODEC")
    assert hashlib.sha256(neutral).hexdigest() == of_manifest
    wanted = CODEC_VERSIONS.format(level=1 if aim is Compression.FAST else 6)
    if kind is not BundleFormat.TAR and packing.codec.name != wanted:
        pytest.skip(f"the codec here is {packing.codec.name}: only the manifest was compared, not the bytes")
    assert bundle.digest == f"sha256:{of_bundle}"
    assert found_at(unpacked(bundle)) == found_at(SAMPLE, is_unpacked=False)
