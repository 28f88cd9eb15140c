"""What an application specification is checked against: the tree it travels with, and the hosts it will reach."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path

from deliverkit.domain.linting import LintPolicy
from deliverkit.domain.release import BundleFormat
from deliverkit.packaging.appspec import nearest
from deliverkit.packaging.tree import Collection, Entry


@dataclass
class Subject:
    """The tree, and what is known of the hosts.

    Attributes:
        collection: What will lie in the bundle.
        shown_at: The tree as the user named it, for the places of findings.
        policy: What was declared and decided.
        format: The archive that will be made.
        is_windows: Whether the appspec is written for Windows.
        texts: Texts that were looked into, by their name in findings; comments in them allow findings.
    """

    collection: Collection
    shown_at: Path
    policy: LintPolicy
    format: BundleFormat = BundleFormat.ZIP
    is_windows: bool = False
    texts: dict[str, str] = field(default_factory=dict)

    def named(self, path: str) -> str:
        """A file of the tree as findings name it."""
        placed = self.collection.placed.get(path)
        return os.fsdecode(placed) if placed else str(self.shown_at / path)

    def slashes(self, path: str) -> str:
        """A path of the appspec with the separators of the bundle."""
        return path.replace("\\", "/") if self.is_windows else path

    def find(self, path: str) -> Entry | None:
        """What the host would find under a path of the bundle, links followed."""
        found = self.collection.resolve(path)
        if found is None and self.is_windows:
            same = self._by_folded.get(path.casefold(), ())
            return self.collection.resolve(same[0]) if same else None
        return found

    def advice(self, path: str) -> str:
        """A hint for a path that is not there: capitals, the nearest name in its folder, or the same name elsewhere."""
        if "*" in path:
            return "; the agent replaces no wildcards"
        if not self.is_windows and "\\" in path:
            return "; Linux separates folders with /"
        same = self._by_folded.get(path.casefold(), ())
        if same:
            return f", only {same[0]}, and Linux tells capitals apart"
        folder, _, name = path.rpartition("/")
        return nearest(path, [*islice(self._by_folder.get(folder, ()), 200), *islice(self._by_name.get(name, ()), 5)])

    @cached_property
    def _by_folded(self) -> dict[str, list[str]]:
        return _grouped((entry.path.casefold(), entry.path) for entry in self.collection.entries)

    @cached_property
    def _by_folder(self) -> dict[str, list[str]]:
        return _grouped((entry.path.rpartition("/")[0], entry.path) for entry in self.collection.entries)

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        return _grouped((entry.path.rpartition("/")[2], entry.path) for entry in self.collection.entries)

    @property
    def clashes_of_capitals(self) -> list[list[str]]:
        """Paths that Windows takes for one."""
        return [paths for paths in self._by_folded.values() if len(paths) > 1]


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    grouped: dict[str, list[str]] = defaultdict(list)
    for key, path in pairs:
        grouped[key].append(path)
    return grouped
