"""What is remembered from one packaging to the next saves reading, and never costs the truth."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from build_trees import APPSPEC, Node, Tree, make, odd_tree

from deliverkit.domain.release import BundleFormat
from deliverkit.errors import DeliverkitError
from deliverkit.packaging.package import Packing, PackingRules, look_at
from deliverkit.packaging.remembered import Remembered
from deliverkit.packaging.secret_content import RULE_SET

TREE: Tree = {
    "appspec.yml": Node(APPSPEC),
    "app": Node(),
    **{f"app/{number}": Node(b"content %d" % number) for number in range(5)},
    "app/large": Node(bytes(range(256)) * (9 << 12)),
}
AT_ONCE = -(10**12)
"""A margin in nanoseconds with which files count as settled that are about to change: tests need not wait."""


def packing(tree: Path, memory: Path, *, is_trusted: bool = True, margin_ns: int = AT_ONCE) -> Packing:
    remembered = Remembered(memory, is_trusted=is_trusted, margin_ns=margin_ns)
    return look_at(tree, PackingRules(threads=2), remembered)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make(tmp_path / "tree", TREE)


@pytest.fixture
def memory(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "digests"


class Opened:
    """The tree's files that this process opens for reading, as the interpreter itself reports them."""

    def __init__(self, tree: Path) -> None:
        self.paths: set[str] = set()
        self._tree = os.fsencode(tree)
        self._is_on = True
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[object, ...]) -> None:
        if self._is_on and event == "open" and isinstance(arguments[0], bytes | str):
            path = os.fsencode(arguments[0])
            if path.startswith(self._tree + b"/"):
                self.paths.add(os.path.relpath(path, self._tree).decode())

    def __enter__(self) -> set[str]:
        return self.paths

    def __exit__(self, *_: object) -> None:
        self._is_on = False


FILES = {path for path, node in TREE.items() if node.content is not None}
# The lint reads it, and whether there is a file of patterns is asked.
ALWAYS = {"appspec.yml", ".deliverignore"}


def test_an_unchanged_tree_is_not_read_again(tree: Path, memory: Path) -> None:
    with Opened(tree) as opened:
        first = packing(tree, memory).prepare()
    assert opened >= FILES
    with Opened(tree) as opened:
        again = packing(tree, memory).prepare()
    assert opened <= ALWAYS
    assert again.manifest == first.manifest


def test_an_unchanged_tree_that_lies_packed_already_is_not_packed_again(tree: Path, memory: Path) -> None:
    out = tree.parent / "out.zip"
    first = packing(tree, memory).write(out)
    when = out.stat().st_mtime_ns
    with Opened(tree) as opened:
        again = packing(tree, memory).write(out)
    assert opened <= ALWAYS
    assert again == first
    assert out.stat().st_mtime_ns == when
    elsewhere = packing(tree, memory).write(tree.parent / "other.zip")
    assert elsewhere.path.read_bytes() == out.read_bytes()


@pytest.mark.parametrize("change", ["cut", "another file", "gone"])
def test_a_bundle_that_is_no_longer_what_was_written_is_written_again(tree: Path, memory: Path, change: str) -> None:
    out = tree.parent / "out.zip"
    first = packing(tree, memory).write(out)
    if change == "cut":
        os.truncate(out, first.size - 1)
    elif change == "another file":
        out.unlink()
        out.write_bytes(bytes(first.size))
    else:
        out.unlink()
    again = packing(tree, memory).write(out)
    assert again == first
    assert f"sha256:{hashlib.sha256(out.read_bytes()).hexdigest()}" == first.digest


def test_only_what_changed_is_read_again(tree: Path, memory: Path) -> None:
    before = packing(tree, memory).prepare()
    where = tree / "app" / "3"
    status = where.stat()
    where.write_bytes(b"CONTENT 3")
    os.utime(where, ns=(status.st_atime_ns, status.st_mtime_ns))
    # Size, time and name are those of before; the time of the inode cannot be set.
    assert (where.stat().st_size, where.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    with Opened(tree) as opened:
        after = packing(tree, memory).prepare()
    assert opened - ALWAYS == {"app/3"}
    assert after.manifest != before.manifest
    assert hashlib.sha256(b"CONTENT 3").hexdigest().encode() in after.manifest


def test_files_that_changed_a_moment_ago_are_read_again(tree: Path, memory: Path) -> None:
    # Another change within the same tick of the clock could not be seen.
    packing(tree, memory, margin_ns=2_000_000_000).prepare()
    with Opened(tree) as opened:
        packing(tree, memory, margin_ns=2_000_000_000).prepare()
    assert opened >= FILES


def test_whoever_trusts_nothing_reads_everything(tree: Path, memory: Path) -> None:
    out = tree.parent / "out.zip"
    first = packing(tree, memory).write(out)
    with Opened(tree) as opened:
        again = packing(tree, memory, is_trusted=False).write(out)
    assert opened >= FILES
    assert again == first
    # It is remembered nevertheless.
    memory_of_fresh = memory.with_name("fresh")
    packing(tree, memory_of_fresh, is_trusted=False).prepare()
    with Opened(tree) as opened:
        packing(tree, memory_of_fresh).prepare()
    assert opened <= ALWAYS


@pytest.mark.parametrize("damage", ["cut", "longer", "empty", "a bit", "other version", "other rules", "a directory"])
def test_a_damaged_memory_is_none(tree: Path, memory: Path, damage: str) -> None:
    first = packing(tree, memory).prepare()
    body = memory.read_bytes()
    memory.unlink()
    if damage == "a directory":
        memory.mkdir()
    else:
        changed = {
            "cut": body[:-1],
            "longer": body + b"x",
            "empty": b"",
            "a bit": body[:-1] + bytes((body[-1] ^ 1,)),
            "other version": body.replace(b"digests 3", b"digests 2"),
            "other rules": body.replace(RULE_SET.encode(), b"0" * len(RULE_SET)),
        }
        memory.write_bytes(changed[damage])
    with Opened(tree) as opened:
        again = packing(tree, memory).prepare()
    assert opened >= FILES
    assert again.manifest == first.manifest
    assert b"".join(again.chunks()) == b"".join(first.chunks())


def with_wrong_digest(memory: Path, tree: Path) -> None:
    """Remember for one file the digest of another content, as if a change had left no trace at all."""
    where = tree / "app" / "3"
    known = memory.read_bytes()
    head = known.index(b"\n") + 1
    right, wrong = (hashlib.sha256(content).digest() for content in (where.read_bytes(), b"of before"))
    body = known[head + 32 :]
    assert body.count(right) == 1
    body = body.replace(right, wrong)
    memory.write_bytes(known[:head] + hashlib.sha256(body).digest() + body)


def test_a_wrong_digest_is_noticed_while_packing_and_forgotten(tree: Path, memory: Path) -> None:
    right = packing(tree, memory).prepare()
    with_wrong_digest(memory, tree)
    prepared = packing(tree, memory).prepare()
    assert prepared.manifest != right.manifest
    with pytest.raises(DeliverkitError, match="app/3"):
        list(prepared.chunks())
    assert packing(tree, memory).prepare().manifest == right.manifest


def test_a_wrong_digest_never_gets_into_a_file(tree: Path, memory: Path) -> None:
    first = packing(tree, memory).write(tree.parent / "out.zip")
    with_wrong_digest(memory, tree)
    again = packing(tree, memory).write(tree.parent / "out.zip")
    assert again == first


def test_a_place_that_cannot_be_written_does_no_harm(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OSError, match="Not a directory") as caught:
        (tmp_path / "file" / "digests").touch()
    assert caught.value.errno == errno.ENOTDIR
    first = packing(tree, tmp_path / "file" / "digests").write(tree.parent / "out.zip")
    assert packing(tree, tmp_path / "file" / "digests").write(tree.parent / "out.zip") == first


def test_a_full_disk_does_no_harm(tree: Path, memory: Path) -> None:
    script = f"""
import resource, signal
from pathlib import Path
from deliverkit.packaging.package import look_at
from deliverkit.packaging.remembered import Remembered
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
remembered = Remembered(Path({str(memory)!r}), margin_ns={AT_ONCE})
print(look_at(Path({str(tree)!r}), None, remembered).prepare().manifest_digest)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == packing(tree, memory.with_name("other")).prepare().manifest_digest
    assert not memory.exists()
    assert [path.name for path in memory.parent.iterdir()] == ["other"]


def test_nothing_else_is_left_in_the_cache(tree: Path, memory: Path) -> None:
    packing(tree, memory).write(tree.parent / "out.zip")
    assert sorted(path.name for path in memory.parent.iterdir()) == ["digests", "digests.written"]


def test_packagers_that_share_a_memory_do_not_disturb_one_another(tmp_path: Path, memory: Path) -> None:
    trees = [make(tmp_path / f"tree-{number}", {**odd_tree(), "app/x": Node(b"%d" % number)}) for number in range(4)]
    script = f"""
import sys
from pathlib import Path
from deliverkit.packaging.package import look_at
from deliverkit.packaging.remembered import Remembered
tree = Path(sys.argv[1])
for _ in range(25):
    packing = look_at(tree, None, Remembered(Path({str(memory)!r}), margin_ns={AT_ONCE}))
    print(packing.prepare().manifest_digest)
    print(packing.write(tree.with_suffix(".zip")).manifest)
"""
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(tree)], stdout=subprocess.PIPE, text=True) for tree in trees
    ]
    for tree, process in zip(trees, running, strict=True):
        said = process.communicate(timeout=120)[0]
        assert process.returncode == 0
        assert set(said.split()) == {look_at(tree).prepare().manifest_digest}
    assert sorted(path.name for path in memory.parent.iterdir()) == ["digests", "digests.written"]


def test_an_appspec_from_elsewhere_is_remembered_too(tree: Path, memory: Path) -> None:
    spec = tree.parent / "spec.yml"
    (tree / "appspec.yml").rename(spec)
    rules = PackingRules(format=BundleFormat.TGZ, appspec=spec)
    first = look_at(tree, rules, Remembered(memory, margin_ns=AT_ONCE)).write(tree.parent / "out.tgz")
    with Opened(tree) as opened:
        again = look_at(tree, rules, Remembered(memory, margin_ns=AT_ONCE)).write(tree.parent / "out.tgz")
    assert again == first
    assert opened <= ALWAYS
