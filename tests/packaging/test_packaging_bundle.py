"""Bundles: the same tree gives the same bytes, everything comes out as it went in, and nothing is left half-written."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import stat
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deliverkit.domain.release import BundleFormat
from deliverkit.errors import DeliverkitError, IntegrityError, UsageError
from deliverkit.packaging.archive import MANIFEST_PATH
from deliverkit.packaging.codec import Codec, codec_for
from deliverkit.packaging.manifest import Manifest, parse_manifest
from deliverkit.packaging.package import Bundle, build_bundle

APPSPEC = "version: 0.0\nos: linux\nfiles:\n  - source: app\n    destination: /opt/app\n"
# Control characters are for no zip.
NAMES = st.text(
    st.characters(exclude_characters="/\x7f", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12
).map(lambda name: f"{name[:24]}~")  # no telltale of a secret, and nothing that is always left out, ends like this
TREES = st.dictionaries(NAMES, st.binary(max_size=300), min_size=1, max_size=6)


def tree_at(root: Path, files: dict[str, bytes] | None = None) -> Path:
    (root / "app").mkdir(parents=True)
    (root / "appspec.yml").write_text(APPSPEC, encoding="utf-8")
    for name, content in (files or {"main.py": b"print()\n"}).items():
        path = root / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return root


def pack(tree: Path, name: str = "out.zip", format: BundleFormat = BundleFormat.ZIP) -> Bundle:  # noqa: A002
    return build_bundle(tree, destination=tree.parent / name, format=format)


def contents(bundle: Bundle) -> dict[str, bytes]:
    """What Python's own readers find, without what deliverkit adds."""
    if bundle.format is BundleFormat.ZIP:
        with zipfile.ZipFile(bundle.path) as archive:
            assert archive.testzip() is None
            found = {info.filename: archive.read(info) for info in archive.infolist() if not info.is_dir()}
    else:
        with tarfile.open(bundle.path) as archive:
            members = [member for member in archive.getmembers() if member.isfile()]
            found = {member.name: archive.extractfile(member).read() for member in members}  # type: ignore[union-attr]
    return {name: content for name, content in found.items() if name not in {MANIFEST_PATH, "appspec.yml"}}


def manifest_of(bundle: Bundle) -> Manifest:
    with zipfile.ZipFile(bundle.path) as archive:
        return parse_manifest(archive.read(MANIFEST_PATH))


@pytest.mark.parametrize("kind", list(BundleFormat))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=TREES)
def test_everything_comes_out_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, kind: BundleFormat, files: dict[str, bytes]
) -> None:
    tree = tree_at(tmp_path_factory.mktemp("t") / "tree", files)
    bundle = pack(tree, f"out.{kind.value}", kind)
    assert contents(bundle) == {f"app/{name}": content for name, content in files.items()}
    assert bundle.digest == "sha256:" + hashlib.sha256(bundle.path.read_bytes()).hexdigest()
    assert bundle.size == bundle.path.stat().st_size


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=TREES, when=st.integers(0, 2**31), kind=st.sampled_from(BundleFormat))
def test_the_same_tree_gives_the_same_bytes(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], when: int, kind: BundleFormat
) -> None:
    first = tree_at(tmp_path_factory.mktemp("t") / "tree", files)
    second = tree_at(tmp_path_factory.mktemp("u") / "another name", dict(reversed(files.items())))
    for path in second.rglob("*"):
        os.utime(path, (when, when))
        if path.is_file():
            path.chmod(0o600 if not path.stat().st_mode & 0o100 else 0o700)
            path.chmod(0o664)
    assert pack(first, "a", kind).path.read_bytes() == pack(second, "b", kind).path.read_bytes()


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=TREES, data=st.data())
def test_another_byte_gives_another_digest(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], data: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("t")
    before = pack(tree_at(place / "one", files))
    name = data.draw(st.sampled_from(sorted(files)))
    after = pack(tree_at(place / "two", {**files, name: files[name] + b"!"}), "two.zip")
    assert before.digest != after.digest


@pytest.mark.parametrize(
    ("format", "command"),
    [("zip", "unzip -qo {} -d {}"), ("tgz", "tar -xzpsf {} -C {}"), ("tar", "tar -xpsf {} -C {}")],
)
def test_the_programs_of_the_host_agent_unpack_it(tmp_path: Path, format: str, command: str) -> None:  # noqa: A002
    program = command.split(maxsplit=1)[0]
    if not any((Path(folder) / program).exists() for folder in os.environ["PATH"].split(os.pathsep)):
        pytest.skip(f"{program} is not installed here; Python's own readers are asked by the laws above")
    tree = tree_at(
        tmp_path / "tree", {"run me.sh": b"#!/bin/sh\n", "gr\u00fc\u00dfe \u2603.txt": b"x", "deep/er/empty": b""}
    )
    (tree / "app" / "run me.sh").chmod(0o755)
    (tree / "app" / "link").symlink_to("run me.sh")
    bundle = pack(tree, f"out.{format}", BundleFormat(format))
    out = tmp_path / "out"
    out.mkdir()
    words = [word.replace("{}", "\0") for word in command.split()]
    places = iter((str(bundle.path), str(out)))
    subprocess.run(
        [next(places) if word == "\0" else word for word in words], check=True, env={**os.environ, "LC_ALL": "C.UTF-8"}
    )
    assert (out / "app" / "gr\u00fc\u00dfe \u2603.txt").read_bytes() == b"x"
    assert (out / "app" / "run me.sh").stat().st_mode & 0o111
    assert (out / "app" / "link").readlink() == Path("run me.sh")
    manifest = parse_manifest((out / MANIFEST_PATH).read_bytes())
    for entry in manifest.entries:
        if entry.sha256:
            assert hashlib.sha256((out / entry.path).read_bytes()).hexdigest() == entry.sha256


def test_the_manifest_names_every_file_and_is_refused_when_changed(tmp_path: Path) -> None:
    bundle = pack(tree_at(tmp_path / "tree"))
    with zipfile.ZipFile(bundle.path) as archive:
        document = archive.read(MANIFEST_PATH)
    manifest = parse_manifest(document)
    assert manifest.digest == bundle.manifest
    assert (manifest.format, manifest.codec) == (bundle.format, bundle.codec)
    assert {entry.path for entry in manifest.entries} == {"app", "app/main.py", "appspec.yml"}
    for broken in (b"{}", b"", document.replace(b'"size"', b'"Size"'), document + b" "):
        with pytest.raises(IntegrityError):
            parse_manifest(broken)


# --- what is left out ------------------------------------------------------------------------------

PATTERNS = st.lists(
    st.sampled_from(
        ["*.log", "!keep.log", "/app/tmp/", "tmp/", "**/cache", "a?c", "[ab]*", "app/*.py", "#x", " ", "deep/**"]
    ),
    max_size=5,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(patterns=PATTERNS)
def test_ignoring_follows_git(tmp_path_factory: pytest.TempPathFactory, patterns: list[str]) -> None:
    names = ["a.log", "keep.log", "tmp/x", "cache/y", "abc", "b", "main.py", "deep/er/z", "kept"]
    tree = tree_at(tmp_path_factory.mktemp("t") / "tree", dict.fromkeys(names, b"x"))
    (tree / ".deliverignore").write_text("\n".join(patterns) + "\n", encoding="utf-8")
    subprocess.run(["git", "init", "-q", str(tree)], check=True)
    (tree / ".gitignore").write_text("\n".join(patterns) + "\n", encoding="utf-8")
    kept = [f"app/{name}" for name in names if not _git_ignores(tree, f"app/{name}")]
    (tree / ".gitignore").unlink()
    subprocess.run(["rm", "-rf", str(tree / ".git")], check=True)
    if not kept:
        with pytest.raises(UsageError, match="holds nothing to pack"):
            pack(tree)
        return
    assert sorted(contents(pack(tree))) == sorted(kept)


def _git_ignores(tree: Path, path: str) -> bool:
    asked = subprocess.run(["git", "-C", str(tree), "check-ignore", "-q", "--no-index", path], check=False)
    return asked.returncode == 0


# --- odd trees -------------------------------------------------------------------------------------


def test_links_inside_are_kept_and_links_outside_refused(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree")
    (tree / "app" / "again").symlink_to("main.py")
    assert {entry.target for entry in manifest_of(pack(tree)).entries} == {None, "main.py"}
    (tree / "app" / "out").symlink_to("../../elsewhere")
    with pytest.raises(UsageError, match="app/out"):
        pack(tree)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree")
    os.mkfifo(tree / "app" / "pipe")
    with pytest.raises(UsageError, match="app/pipe"):
        pack(tree)
    (tree / "app" / "pipe").unlink()
    server = socket.socket(socket.AF_UNIX)
    here = Path.cwd()
    try:
        os.chdir(tree / "app")  # a socket's path is short
        server.bind("socket")
    finally:
        os.chdir(here)
    with pytest.raises(UsageError, match="app/socket"):
        pack(tree)
    server.close()


@pytest.mark.parametrize(
    "name", ["id_rsa", ".env", ".envrc", "credentials.json", "kubeconfig", "a.jks", "terraform.tfstate", "prod.tfvars"]
)
def test_what_looks_like_a_secret_is_refused_unless_allowed(tmp_path: Path, name: str) -> None:
    tree = tree_at(tmp_path / "tree", {name: b"x"})
    with pytest.raises(UsageError, match=name):
        pack(tree)
    assert build_bundle(tree, destination=tmp_path / "out.zip", allow=[name]).size > 0


def test_a_tree_that_is_missing_empty_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    for name, words in (("nowhere", "nothing to pack"), ("empty", "holds nothing"), ("file", "not a directory")):
        with pytest.raises(UsageError, match=words) as caught:
            build_bundle(tmp_path / name, destination=tmp_path / "out.zip")
        assert caught.value.hint
    assert not (tmp_path / "out.zip").exists()


def test_an_appspec_kept_elsewhere_is_put_at_the_root(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree")
    (tree / "appspec.yml").rename(tmp_path / "spec.yml")
    bundle = build_bundle(tree, destination=tmp_path / "out.zip", appspec=tmp_path / "spec.yml")
    assert "appspec.yml" in {entry.path for entry in manifest_of(bundle).entries}
    with pytest.raises(UsageError, match=r"none\.yml"):
        build_bundle(tree, destination=tmp_path / "out.zip", appspec=tmp_path / "none.yml")


def test_a_bundle_inside_its_own_tree_is_refused(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree")
    with pytest.raises(UsageError, match="in the tree that it packs"):
        build_bundle(tree, destination=tree / "out.zip")
    with pytest.raises(UsageError, match="is a directory"):
        build_bundle(tree, destination=tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="no regular file"):
        build_bundle(tree, destination=tmp_path / "pipe")
    with pytest.raises(UsageError, match="no regular file"):
        build_bundle(tree, destination=Path(os.devnull))
    with pytest.raises(UsageError, match="No bundle can be written"):
        build_bundle(tree, destination=tmp_path / "no" / "such" / "folder.zip")


def test_a_bundle_is_written_to_what_a_link_names(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree")
    (tmp_path / "real.zip").write_bytes(b"before")
    (tmp_path / "link.zip").symlink_to("real.zip")
    bundle = build_bundle(tree, destination=tmp_path / "link.zip")
    assert (tmp_path / "link.zip").is_symlink()
    assert "sha256:" + hashlib.sha256((tmp_path / "real.zip").read_bytes()).hexdigest() == bundle.digest


def test_a_file_that_changes_while_it_is_packed_is_noticed(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", {"big": os.urandom(3_000_000), "later": b"before"})

    usual = codec_for()

    def meddling(content: bytes) -> bytes:
        """Change a file of the tree while another one is packed."""
        later = tree / "app" / "later"
        when = later.stat().st_mtime_ns
        later.write_bytes(b"after!")
        os.utime(later, ns=(when, when))
        return usual.whole(content)

    with pytest.raises(DeliverkitError, match="later"):
        build_bundle(tree, destination=tmp_path / "out.zip", codec=Codec("x", meddling, usual.piece), threads=1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tree"]


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree", {"big": os.urandom(200_000)})
    out = tmp_path / "out.zip"
    out.write_bytes(b"the bundle of before")
    script = f"""
import resource, signal
from pathlib import Path
from deliverkit.packaging.package import build_bundle
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    build_bundle(Path({str(tree)!r}), destination=Path({str(out)!r}))
except Exception as error:
    print(type(error).__name__, error.message, "|", error.hint)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    assert "Free some space" in done.stdout
    assert out.read_bytes() == b"the bundle of before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.zip", "tree"]


def test_memory_stays_small_for_a_large_file(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree")
    with (tree / "app" / "sparse").open("wb") as file:
        file.truncate(300 * 1024 * 1024)
    script = f"""
import tracemalloc
from pathlib import Path
from deliverkit.packaging.package import build_bundle
tracemalloc.start()
build_bundle(Path({str(tree)!r}), destination=Path({str(tmp_path / "out.zip")!r}))
print(tracemalloc.get_traced_memory()[1])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 16 * 1024 * 1024
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        assert archive.getinfo("app/sparse").file_size == 300 * 1024 * 1024


def test_modes_do_not_depend_on_the_builder(tmp_path: Path) -> None:
    tree = tree_at(tmp_path / "tree")
    (tree / "app" / "main.py").chmod(stat.S_IRUSR)
    private = pack(tree, "private.zip")
    (tree / "app" / "main.py").chmod(0o664)
    shared = pack(tree, "shared.zip")
    (tree / "app" / "main.py").chmod(0o700)
    runnable = pack(tree, "runnable.zip")
    assert private.digest == shared.digest != runnable.digest


def test_a_tgz_is_one_gzip_member(tmp_path: Path) -> None:
    # The agent on Windows reads only the first member of several.
    bundle = pack(tree_at(tmp_path / "tree", {"a": os.urandom(100_000)}), "out.tgz", BundleFormat.TGZ)
    data = bundle.path.read_bytes()
    reader = zlib.decompressobj(wbits=31)
    unpacked = reader.decompress(data)
    assert reader.unused_data == b""
    with tarfile.open(fileobj=io.BytesIO(unpacked)) as archive:
        assert archive.getnames()
