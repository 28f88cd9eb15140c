"""Judging files by what they hold while they are read: who holds secrets, and who of them may."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

from deliverkit.packaging import tree_rules
from deliverkit.packaging.allowed import Allowed
from deliverkit.packaging.content import read_slice
from deliverkit.packaging.parallel import in_order
from deliverkit.packaging.refusal import Refusal, refused
from deliverkit.packaging.secret_content import WHOLE_BYTES, looked_at, secret_in_content
from deliverkit.packaging.tree import Collection, Entry, EntryKind
from deliverkit.packaging.units import Batch, Unit, units

_ALLOWED_BEFORE = "a secret, as an earlier packaging found"


@dataclass(slots=True)
class Judge:
    """Looks at contents, on any thread; refuses at the end, everything at once.

    Attributes:
        is_allowed: Tells whether a path may hold a secret.
        suspects: What each file that holds one looks like, by its path; those that may are among them.
    """

    is_allowed: Callable[[str], bool] = field(default_factory=lambda: Allowed().matcher())
    suspects: dict[str, str] = field(default_factory=dict)

    def look(self, entry: Entry, content: bytes) -> None:
        """Look at a file.

        Args:
            entry: The file.
            content: Its beginning, or all of it.
        """
        if entry.size > WHOLE_BYTES:
            content = content[: looked_at(entry.size)]
        what = secret_in_content(content)
        if what:
            self.suspects[entry.path] = what

    def recalls(self, path: str) -> bool:
        """Take a file that was found to hold a secret before; whether it may, so that it need not be read again."""
        if not self.is_allowed(path):
            return False
        self.suspects[path] = _ALLOWED_BEFORE
        return True

    def refuse(self, collection: Collection) -> None:
        """Refuse what may not be packed.

        Raises:
            RefusedError: For all files that hold secrets and may not.
        """
        refusals = [
            Refusal(tree_rules.SECRET, path, f"looks like {what}")
            for path, what in self.suspects.items()
            if not self.is_allowed(path)
        ]
        if refusals:
            raise refused(collection.root, refusals)


def judge_contents(collection: Collection, judge: Judge, *, threads: int | None = None) -> None:
    """Look at so much of every file as packing would look at, without packing.

    Raises:
        RefusedError: For all files that hold secrets and may not.
        DeliverkitError: If a file changed or vanished since it was collected, or cannot be read.
    """

    def look(unit: Unit) -> None:
        for entry in unit.entries if isinstance(unit, Batch) else (unit.entry,):
            judge.look(entry, read_slice(collection, entry, 0, looked_at(entry.size)))

    files = (entry for entry in collection.entries if entry.kind is EntryKind.FILE)
    # Of what is cut into slices the first one speaks for all.
    work = (unit for unit in units(files) if isinstance(unit, Batch) or not unit.start)
    with closing(in_order(look, work, weight=lambda unit: unit.size, threads=threads)) as looks:
        for _ in looks:
            pass
    judge.refuse(collection)
