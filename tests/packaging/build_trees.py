"""Build directories for the tests of bundles: generated ones, one with every oddity, and what came out of a bundle."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from hypothesis import strategies as st

from deliverkit.domain.release import BundleFormat, Compression
from deliverkit.packaging.manifest import Manifest
from deliverkit.packaging.package import Packing, PackingRules, look_at
from deliverkit.packaging.secrets import secret_in

APPSPEC = b"version: 0.0\nos: linux\nfiles:\n  - source: app\n    destination: /opt/app\n"


@dataclass(frozen=True)
class Node:
    """What lies at a path: content of a file, target of a link; neither for a directory."""

    content: bytes | None = None
    target: str | None = None
    is_executable: bool = False


Tree = dict[str, Node]

ODD_NAMES = (
    *(
        "-rf",
        "--help",
        " in front",
        "behind ",
        "back\\slash",
        "C:",
        "~",
        "*?[a]",
        "$(x)",
        "'\"",
        "%s",
        "a;b",
        "caf\u00e9;1x",
    ),
    *("e\u0301", "\u00e9", "\u1112\u1161\u11ab", "\ud55c", "\u202eRTL", "\U0001f600", "\u65e5\u672c\u8a9e", "\x85"),
    *("a" * 100, "b" * 101, "\u00fc" * 60, "c" * 200, ".hidden", "...", "desktop.ini", "CON", "a.", "#1", "!x"),
)
UNZIP_WOULD_CHANGE = ("new\nline", "tab\t", "\x7f", "\x01", "version;1", "none;")
_ANY_NAMES = st.text(st.characters(exclude_characters="/\0", exclude_categories=("Cs",)), min_size=1, max_size=20)
NAMES = (st.sampled_from(ODD_NAMES + UNZIP_WOULD_CHANGE) | _ANY_NAMES).filter(
    lambda name: (
        name not in {".", "..", ".git", ".hg", ".svn", ".deliverkit", ".deliverignore"}
        and len(name.encode()) <= 255
        and not secret_in(name, lambda count: b"")
        and "appspec" not in name
    )
)
ZIP_NAMES = NAMES.filter(lambda name: not re.search(r"[\x00-\x1f\x7f]|;[0-9]*$", name))
_TEXT = st.sampled_from((b"all work and no play ", b"\0", b"0123456789abcdef\n"))
CONTENTS = (
    st.just(b"")
    | st.binary(max_size=300)
    | st.builds(lambda word, count: (word * (count // len(word) + 1))[:count], _TEXT, st.integers(0, 3000))
)
_FILES = st.builds(Node, content=CONTENTS, is_executable=st.booleans())


def _folders(names: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, object]]:
    return st.recursive(
        st.dictionaries(names, _FILES, max_size=3),
        lambda deeper: st.dictionaries(names, _FILES | deeper, max_size=3),
        max_leaves=6,
    )


_FOLDERS, _ZIP_FOLDERS = _folders(NAMES), _folders(ZIP_NAMES)


def _flat(folder: dict[str, object], above: str = "") -> Iterable[tuple[str, Node]]:
    for name, what in folder.items():
        path = f"{above}{name}"
        if isinstance(what, Node):
            yield path, what
        else:
            yield path, Node()
            yield from _flat(what, f"{path}/")  # type: ignore[arg-type]


@st.composite
def packable(draw: st.DrawFn) -> tuple[Tree, BundleFormat]:
    """Trees that a bundle of a format can hold, `appspec.yml` and the folder that it names among them."""
    kind = draw(st.sampled_from(BundleFormat))
    names, folders = (ZIP_NAMES, _ZIP_FOLDERS) if kind is BundleFormat.ZIP else (NAMES, _FOLDERS)
    tree: Tree = {"appspec.yml": Node(APPSPEC), "app": Node(), "app/main": Node(b"main")}
    tree |= _flat(draw(folders), "app/")
    tree |= {path: node for path, node in _flat(draw(folders)) if path != "app" and not path.startswith("app/")}
    for name in draw(st.lists(names, max_size=3, unique=True)):
        _draw_link(draw, tree, name)
    return tree, kind


def _draw_link(draw: st.DrawFn, tree: Tree, name: str) -> None:
    folder = draw(st.sampled_from(sorted({"", *(path for path, node in tree.items() if node == Node())})))
    path = f"{folder}/{name}" if folder else name
    if path in tree:
        return
    # Towards what is there already: no circles.
    aim = draw(st.sampled_from(sorted(tree)) | NAMES.map("nowhere/{}".format) | st.just("."))
    target = os.path.relpath(aim, folder or ".")
    tree[path] = Node(target=target if draw(st.booleans()) else f"./{target}")


def make(root: Path, tree: Tree, order: Iterable[str] | None = None) -> Path:
    """The tree on disk, its entries made in that order as far as folders allow."""
    root.mkdir(parents=True)
    for path in order if order is not None else tree:
        node, where = tree[path], root / path
        where.parent.mkdir(parents=True, exist_ok=True)
        if node.target is not None:
            where.symlink_to(node.target)
        elif node.content is None:
            where.mkdir(exist_ok=True)
        else:
            where.write_bytes(node.content)
            where.chmod(0o755 if node.is_executable else 0o644)
    return root


def found_at(root: Path, *, is_unpacked: bool = True) -> Tree:
    """What lies in a directory, without what deliverkit adds to a bundle; unpacked, it has the modes of a bundle."""
    found: Tree = {}
    for folder, names, files in os.walk(os.fsencode(root)):
        for name in names + files:
            where = os.path.join(folder, name)  # noqa: PTH118 - names are bytes
            path = os.path.relpath(where, os.fsencode(root)).decode()
            if path.split("/")[0] != ".deliverkit":
                found[path] = _node_at(where, is_unpacked=is_unpacked)
    return found


def _node_at(where: bytes, *, is_unpacked: bool) -> Node:
    status = os.lstat(where)
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISLNK(status.st_mode):
        return Node(target=os.readlink(where).decode())  # noqa: PTH115 - names are bytes
    if stat.S_ISDIR(status.st_mode):
        assert mode == 0o755 or not is_unpacked
        return Node()
    assert mode in {0o755, 0o644} or not is_unpacked
    return Node(Path(os.fsdecode(where)).read_bytes(), is_executable=bool(mode & 0o100))


def told_by(manifest: Manifest) -> dict[str, tuple[str, str, int, str | None, str | None]]:
    """What a manifest says, by path."""
    return {each.path: (each.kind.value, each.mode, each.size, each.sha256, each.target) for each in manifest.entries}


def to_be_told(tree: Tree) -> dict[str, tuple[str, str, int, str | None, str | None]]:
    """What a manifest has to say of a tree, by path."""
    return {path: _told(node) for path, node in tree.items()}


def _told(node: Node) -> tuple[str, str, int, str | None, str | None]:
    if node.target is not None:
        return "symlink", "0777", len(node.target.encode()), None, node.target
    if node.content is None:
        return "directory", "0755", 0, None, None
    digest = hashlib.sha256(node.content).hexdigest()
    return "file", "0755" if node.is_executable else "0644", len(node.content), digest, None


def packing_of(root: Path, kind: BundleFormat, compression: Compression = Compression.FAST, **rules: object) -> Packing:
    return look_at(root, PackingRules(format=kind, compression=compression, **rules))  # type: ignore[arg-type]


KIB, MIB = 1 << 10, 1 << 20
BORDERS = (1, 511, 512, 513, 65534, 65535, 65536, 256 * KIB - 1, 256 * KIB, MIB - 1, MIB, MIB + 1, 8 * MIB, 8 * MIB + 1)


@functools.cache
def contents_of_size(size: int, seed: int = 7) -> dict[str, bytes]:
    """Content of a size, easy and impossible to compress, and such that a sample deceives about the rest."""
    noise = Random(seed).randbytes(size)
    calm = bytes(min(size, 96 * KIB))
    middle = (size - len(calm)) // 2
    return {
        "zeros": bytes(size),
        "noise": noise,
        "words": (b"".join(b"%d words\n" % number for number in range(size // 8 + 1)))[:size],
        "calm-middle": noise[:middle] + calm + noise[middle + len(calm) :],
    }


@functools.cache
def large_tree() -> Tree:
    """Files of every size at which something changes, the largest ones in several slices."""
    tree: Tree = {"appspec.yml": Node(APPSPEC), "app": Node()}
    for size in BORDERS:
        for name, content in contents_of_size(size).items():
            if size < 8 * MIB or name in {"zeros", "noise"}:
                tree[f"app/{size:08}-{name}"] = Node(content)
    # Slices that deceive a sample: calm in the middle of each, and the other way round.
    noise = contents_of_size(MIB)["calm-middle"]
    tree["app/sliced-calm-middle"] = Node(noise * 9 + b"end")
    tree["app/sliced-mixture"] = Node(contents_of_size(5 * MIB)["words"] + contents_of_size(5 * MIB)["noise"])
    return tree


def odd_tree() -> Tree:
    """One entry for each oddity of names and links."""
    tree: Tree = {
        "appspec.yml": Node(APPSPEC),
        "app": Node(),
        "app/empty": Node(),
        "app/run": Node(b"#!/bin/sh\n", None, True),
    }
    tree |= {f"app/{name}": Node(name.encode()) for name in ODD_NAMES}
    deep = "/".join(["app", "d" * 120, "\u00e9" * 100, "e" * 120])
    parts = deep.split("/")
    tree |= {"/".join(parts[:count]): Node() for count in range(2, len(parts) + 1)}
    tree[f"{deep}/far down"] = Node(b"far down")
    tree |= {
        "app/link": Node(target="run"),
        "app/link to folder": Node(target="empty/"),
        "app/empty/up": Node(target="../run"),
        "app/dangling": Node(target="not/there"),
        "app/here": Node(target="."),
        "app/far \u00fc": Node(target=f"../{deep}/far down"),
    }
    return tree
