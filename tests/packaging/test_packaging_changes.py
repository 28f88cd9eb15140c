"""Trees that change while they are packed, and what cannot be packed: told by name, never waited for, nothing left."""

from __future__ import annotations

import functools
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from build_trees import MIB, Node, Tree, make, odd_tree, packing_of
from writers import is_under_way

from deliverkit.domain.release import BundleFormat
from deliverkit.errors import DeliverkitError, UsageError
from deliverkit.packaging.codec import Codec, codec_for
from deliverkit.packaging.package import build_bundle

WAIT_SECONDS = 60
TREE: Tree = {
    **odd_tree(),
    "app/early": Node(os.urandom(1000)),
    "app/folder": Node(),
    "app/folder/victim": Node(b"of a small file"),
    "app/none": Node(b""),
    "app/sliced": Node(bytes(9 * MIB)),
}


@pytest.fixture(autouse=True)
def alarm() -> Iterator[None]:
    """Whatever hangs is killed by the system, the test with it."""
    signal.alarm(WAIT_SECONDS)
    yield
    signal.alarm(0)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make(tmp_path / "tree", TREE)


def as_socket(path: Path) -> None:
    path.unlink()
    here = Path.cwd()
    with closing(socket.socket(socket.AF_UNIX)) as server:
        try:
            os.chdir(path.parent)  # a socket's path is short
            server.bind(path.name)
        finally:
            os.chdir(here)


def as_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def as_link(path: Path) -> None:
    path.rename(path.with_name("moved"))
    path.symlink_to("moved")


def as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def as_device(path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root makes devices")
    path.unlink()
    try:
        os.mknod(path, 0o20644, os.makedev(1, 5))  # /dev/zero never ends
    except OSError as error:
        pytest.skip(f"no devices can be made here: {error.strerror}")


def grown(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"!")


def rewritten(path: Path) -> None:
    status = path.stat()
    with path.open("r+b") as file:
        file.write(b"" if not status.st_size else b"?")
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced(path: Path) -> None:
    other = path.with_name("other")
    shutil.copy2(path, other)
    other.replace(path)


CHANGES: list[Callable[[Path], None]] = [
    grown,
    rewritten,
    replaced,
    as_socket,
    as_fifo,
    as_link,
    as_folder,
    as_device,
    lambda path: os.truncate(path, path.stat().st_size // 2),
    lambda path: path.unlink(),
    lambda path: shutil.rmtree(path.parent),
]
NAMES = "grown rewritten replaced socket fifo link folder device shrunk gone folder-gone".split()  # noqa: SIM905


def changes_of(*paths: str) -> list[object]:
    """Every change of every file; of a folder only where it holds nothing else, which would be missed earlier."""
    cases = itertools.product(paths, zip(NAMES, CHANGES, strict=True))
    return [
        pytest.param(path, change, id=f"{path}-{name}")
        for path, (name, change) in cases
        if name != "folder-gone" or path == "app/folder/victim"
    ]


def refused(pack: Callable[[], object], name: str) -> DeliverkitError:
    with pytest.raises(DeliverkitError, match=name) as caught:
        pack()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("pack")]
    return caught.value


@pytest.mark.parametrize("kind", list(BundleFormat))
@pytest.mark.parametrize(("path", "change"), changes_of("app/folder/victim", "app/sliced", "app/none"))
def test_what_changed_since_it_was_collected_is_refused_by_name(
    tree: Path, path: str, change: Callable[[Path], None], kind: BundleFormat
) -> None:
    packing = packing_of(tree, kind)
    prepared = packing.prepare()
    change(tree / path)
    message = refused(lambda: packing.write(tree.parent / "out"), path).message
    assert "while it was being packed" in message
    refused(packing.prepare, path)
    refused(lambda: list(prepared.chunks()), path)
    assert [entry.name for entry in tree.parent.iterdir()] == ["tree"]


@pytest.mark.parametrize(("path", "change"), changes_of("app/folder/victim", "app/sliced"))
def test_what_changes_while_others_are_packed_is_refused_by_name(
    tree: Path, path: str, change: Callable[[Path], None]
) -> None:
    usual, changed = codec_for(), []

    def meddling(content: bytes) -> bytes:
        if content == TREE["app/early"].content and not changed:
            changed.append(path)
            change(tree / path)
        return usual.whole(content)

    (tree / "app" / "between").write_bytes(bytes(2 * MIB))  # a batch of its own, so that the victim is read later
    packing = replace(packing_of(tree, BundleFormat.ZIP, threads=1), codec=Codec(usual.name, meddling, usual.piece))
    refused(lambda: packing.write(tree.parent / "out"), path)
    assert changed
    assert [entry.name for entry in tree.parent.iterdir()] == ["tree"]


def test_a_large_file_that_changes_between_its_slices_is_refused(tree: Path) -> None:
    chunks = packing_of(tree, BundleFormat.TAR, threads=1).prepare().chunks()
    size = 0
    for chunk in chunks:
        size += len(chunk)
        if len(chunk) >= MIB:
            break
    rewritten(tree / "app" / "sliced")
    refused(lambda: list(chunks), "app/sliced")
    assert size < 9 * MIB


# --- what cannot be packed -------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [as_socket, as_fifo, as_device])
def test_what_is_no_file_is_refused_and_never_opened(tree: Path, kind: Callable[[Path], None]) -> None:
    kind(tree / "app" / "early")
    with pytest.raises(UsageError, match="app/early is a"):
        packing_of(tree, BundleFormat.ZIP)


@pytest.mark.parametrize("name", [".deliverignore", "appspec.yml"])
def test_a_fifo_in_place_of_what_is_read_first_does_not_hang(tree: Path, name: str) -> None:
    (tree / name).unlink(missing_ok=True)
    os.mkfifo(tree / name)
    with pytest.raises(UsageError, match=name):
        packing_of(tree, BundleFormat.ZIP)


@pytest.mark.parametrize("is_own", [True, False])
def test_files_and_folders_that_may_not_be_read_are_refused_all_at_once(tree: Path, *, is_own: bool) -> None:
    uid = 65534 if os.geteuid() == 0 else os.geteuid()
    me = owner = pwd.getpwuid(uid).pw_name
    if is_own:
        for path in (tree / "app" / "early", tree / "app" / "folder"):
            os.chown(path, uid, -1)
    elif os.geteuid() == 0:
        owner = "root"
    else:
        pytest.skip("only root has files of somebody else at hand")
    (tree / "app" / "early").chmod(0)
    (tree / "app" / "folder").chmod(0)
    program = f"""
import os, sys
from pathlib import Path
import deliverkit.packaging.package, deliverkit.packaging.lint, deliverkit.packaging.naming
from deliverkit.packaging.package import look_at
if os.geteuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
try:
    look_at(Path({str(tree)!r}))
except Exception as error:
    print(error.exit_code.name, error.message, "|", error.hint)
"""
    for above in (tree, *tree.parents):
        if above.stat().st_uid == os.geteuid() and above != Path("/"):
            above.chmod(above.stat().st_mode | 0o005)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("USAGE")
    assert f"app/early cannot be read: permission denied ({owner}'s, mode 0000; this runs as {me})" in done.stdout
    assert f"app/folder cannot be read: Permission denied ({owner}'s, mode 0000; this runs as {me})" in done.stdout
    commands = ("chmod u+r ", "chmod u+rx ") if owner == me else ("sudo setfacl -m u:", f" (or package as {owner})")
    for words in (*commands, f"{tree}/app/early", f"{tree}/app/folder"):
        assert words in done.stdout.partition("|")[2]
    (tree / "app" / "folder").chmod(0o755)


@pytest.mark.parametrize("what", [{}, {"app": Node(), "app/deeper": Node()}, {".git": Node(), ".git/x": Node(b"x")}])
def test_a_tree_of_nothing_is_refused(tmp_path: Path, what: Tree) -> None:
    root = make(tmp_path / "tree", what)
    with pytest.raises(UsageError, match="holds nothing to pack") as caught:
        build_bundle(root, destination=tmp_path / "out")
    assert caught.value.hint
    assert [entry.name for entry in tmp_path.iterdir()] == ["tree"]


@pytest.mark.parametrize("kind", list(BundleFormat))
def test_a_full_disk_leaves_nothing_and_stops_the_work(tree: Path, kind: BundleFormat) -> None:
    out = tree.parent / "out"
    out.write_bytes(b"the bundle of before")
    program = f"""
import resource, signal, threading
from pathlib import Path
from deliverkit.domain.release import BundleFormat
from deliverkit.packaging.package import build_bundle
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
try:
    build_bundle(Path({str(tree)!r}), destination=Path({str(out)!r}), format=BundleFormat({kind.value!r}))
except Exception as error:
    print(type(error).__name__, error.message, "|", error.hint, "|", threading.active_count())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "cannot be written: File too large | Free some space" in done.stdout
    assert done.stdout.rstrip().endswith("| 1")
    assert out.read_bytes() == b"the bundle of before"
    assert sorted(entry.name for entry in tree.parent.iterdir()) == ["out", "tree"]


# --- signals ---------------------------------------------------------------------------------------

INTERRUPTED = """
import signal, sys, threading, time
from pathlib import Path
from deliverkit.domain.release import BundleFormat
from deliverkit.packaging.package import PackingRules, look_at
from deliverkit.packaging.remembered import Remembered

def stop(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGTERM, stop)
signal.signal(signal.SIGINT, signal.default_int_handler)
packing = look_at(Path(sys.argv[1]), PackingRules(format=BundleFormat(sys.argv[3])))
print("begins", flush=True)
try:
    while True:
        packing.write(Path(sys.argv[2]))
except KeyboardInterrupt:
    # One whose start was interrupted finds nothing to do and ends by itself.
    while threading.active_count() > 1:
        time.sleep(0.001)
    print("stopped", flush=True)
"""


@pytest.mark.parametrize("kind", list(BundleFormat))
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_is_interrupted_leaves_neither_threads_nor_files(
    tree: Path, kind: BundleFormat, number: signal.Signals
) -> None:
    (tree / "app" / "noise").write_bytes(os.urandom(30 * MIB))
    for written in (0, MIB, 20 * MIB):
        out = tree.parent / f"out-{written}"
        process = subprocess.Popen(
            [sys.executable, "-c", INTERRUPTED, str(tree), str(out), kind.value], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "begins\n"
        wait_for(functools.partial(is_under_way, process.pid, out, written))
        process.send_signal(number)
        said = process.communicate(timeout=WAIT_SECONDS)[0]
        assert said == "stopped\n"
        assert process.returncode == 0
        # It may have been whole before; never is there a part of one.
        assert not list(tree.parent.glob(".*"))


def wait_for(is_so: Callable[[], object]) -> None:
    while not is_so():
        time.sleep(0.001)
