"""The comparison of manifests: its law, and what it calls a rename."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.domain.manifest_diff import ManifestDiff, compare, counted, items_of, summary_of
from deliverkit.domain.manifest_entry import Item
from deliverkit.domain.release import BundleFormat
from deliverkit.errors import IntegrityError
from deliverkit.packaging.manifest import Manifest, ManifestEntry
from deliverkit.packaging.tree import EntryKind

DIGESTS = ("a" * 64, "b" * 64, "c" * 64)
SIZES = {DIGESTS[0]: 1, DIGESTS[1]: 20, DIGESTS[2]: 0}

paths = st.sampled_from(["a", "b", "lib/a", "lib/b", "lib", "ä/ö", "z"])
modes = st.sampled_from(["0644", "0755"])


@st.composite
def items(draw: st.DrawFn) -> Item:
    path, mode, kind = draw(paths), draw(modes), draw(st.sampled_from(["file", "file", "directory", "symlink"]))
    if kind == "directory":
        return Item(path, kind, mode)
    if kind == "symlink":
        return Item(path, kind, "0777", target=draw(st.sampled_from(["a", "b"])))
    digest = draw(st.sampled_from(DIGESTS))
    return Item(path, kind, mode, SIZES[digest], digest)


trees = st.lists(items(), unique_by=lambda item: item.path).map(
    lambda found: tuple(sorted(found, key=lambda item: item.path.encode()))
)


def applied(diff: ManifestDiff, old: Iterable[Item]) -> tuple[Item, ...]:
    """The new manifest's entries, sorted by the bytes of their paths."""
    entries = {item.path: item for item in old}
    for item in (*diff.removed, *(pair.old for pair in diff.renamed)):
        del entries[item.path]
    for pair in (*diff.changed, *diff.mode_changed, *diff.renamed):
        entries[pair.new.path] = pair.new
    entries.update({item.path: item for item in diff.added})
    return tuple(sorted(entries.values(), key=lambda item: item.path.encode()))


@given(trees, trees)
def test_the_difference_leads_from_the_old_to_the_new(old: tuple[Item, ...], new: tuple[Item, ...]) -> None:
    assert applied(compare(old, new), old) == new


@given(trees, trees)
def test_every_path_is_told_once_and_only_what_differs(old: tuple[Item, ...], new: tuple[Item, ...]) -> None:
    diff = compare(old, new)
    told = [item.path for item in (*diff.added, *diff.removed)]
    told += [pair.new.path for pair in (*diff.changed, *diff.mode_changed, *diff.renamed)]
    told += [pair.old.path for pair in diff.renamed]
    assert len(told) == len(set(told))
    assert all(pair.old.sha256 == pair.new.sha256 != None and pair.old.path != pair.new.path for pair in diff.renamed)  # noqa: E711
    assert bool(told) == (old != new)
    assert diff.new_size - diff.old_size == sum(item.size for item in diff.added) - sum(
        item.size for item in diff.removed
    ) + sum(pair.new.size - pair.old.size for pair in diff.changed)


def file(path: str, content: str = "x", mode: str = "0644", size: int = 3) -> Item:
    return Item(path, "file", mode, size, content * 64)


def test_a_file_that_moved_is_told_as_renamed_even_when_its_mode_changed_too() -> None:
    diff = compare([file("bin/run")], [file("sbin/run", mode="0755")])
    assert [(pair.old.path, pair.new.path, pair.has_new_mode) for pair in diff.renamed] == [
        ("bin/run", "sbin/run", True)
    ]
    assert (diff.added, diff.removed) == ((), ())


def test_of_several_with_the_same_content_the_one_that_kept_its_name_moved() -> None:
    diff = compare([file("a/one"), file("a/two")], [file("b/two"), file("b/new")])
    assert {pair.new.path: pair.old.path for pair in diff.renamed} == {"b/two": "a/two", "b/new": "a/one"}


def test_a_copy_and_empty_files_are_no_renames() -> None:
    assert compare([file("a")], [file("a"), file("b")]).renamed == ()
    diff = compare([file("__init__.py", size=0)], [file("py.typed", size=0)])
    assert (diff.renamed, len(diff.added), len(diff.removed)) == ((), 1, 1)


def test_directories_are_not_counted() -> None:
    diff = compare([], [Item("lib", "directory", "0755"), file("lib/a")])
    assert counted(diff)["added"] == 1


def test_a_real_manifest_is_read_and_summed_up() -> None:
    entries = (
        ManifestEntry("app", EntryKind.DIRECTORY, "0755"),
        ManifestEntry("app/main", EntryKind.FILE, "0755", 70, "d" * 64),
        ManifestEntry("app/other", EntryKind.SYMLINK, "0777", 4, target="main"),
    )
    found = items_of(Manifest(entries, BundleFormat.ZIP, "none").to_json())
    summary = summary_of(found)
    assert (summary.files, summary.links, summary.size) == (1, 1, 70)
    assert [item.path for item in summary.largest] == ["app/main"]


@pytest.mark.parametrize("document", [b"", b"{}", b'{"schema":"other/1","entries":[]}', b"\xff"])
def test_what_is_no_manifest_is_refused(document: bytes) -> None:
    with pytest.raises(IntegrityError, match="not a manifest"):
        items_of(document)
