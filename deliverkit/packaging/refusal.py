"""What cannot or should not be packed, as data: for the text of a refusal, and for reports."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from deliverkit.errors import DeliverkitError, UsageError
from deliverkit.packaging import tree_rules
from deliverkit.packaging.finding import Rule
from deliverkit.packaging.selection import IGNORE_FILE
from deliverkit.packaging.tree import Collection, Entry, one_screen, shown
from deliverkit.packaging.unreadable import reason, way_out


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that no bundle can or should hold.

    Attributes:
        rule: Why not.
        path: Its path in the build; empty for the build itself, absolute for what lies elsewhere.
        problem: A clause about it, such as `is a FIFO`.
        way_out: What to do about this one alone; empty when what is said of all is enough.
    """

    rule: Rule
    path: str
    problem: str
    way_out: str = ""

    def __str__(self) -> str:
        return f"{shown(self.path) or 'the directory'} {self.problem}"


class RefusedError(UsageError):
    """The build cannot be packed.

    Attributes:
        refusals: Everything that is in the way.
    """

    def __init__(self, message: str, *, hint: str, refusals: Sequence[Refusal]) -> None:
        """Take the words and the things they are about."""
        super().__init__(message, hint=hint)
        self.refusals = tuple(refusals)


class FileChangedError(DeliverkitError):
    """A file changed or vanished while it was packed.

    Attributes:
        path: Its path in the build.
        happened: `changed` or `vanished`.
    """

    def __init__(self, path: str, happened: str) -> None:
        """Take the file and what became of it."""
        super().__init__(
            f"{shown(path)} {happened} while it was being packed",
            hint="Wait until the build has finished, then package again",
        )
        self.path = path
        self.happened = happened


def refused(tree: str | bytes, refusals: Sequence[Refusal]) -> RefusedError:
    """The refusal of a build for everything in it that no bundle can or should hold."""
    ordered = sorted(refusals, key=str)
    hints = list(dict.fromkeys(each.way_out for each in ordered if each.way_out))[:3]
    if len(hints) < len(ordered):
        hint = f"Leave what does not belong into a release out with a line in {shown(tree)}/{IGNORE_FILE}"
        if any(each.rule is tree_rules.SECRET for each in ordered):
            hint += ", or allow a file that only looks like a secret by name"
        hints.append(hint)
    lines = one_screen([str(each) for each in ordered])
    return RefusedError(f"{shown(tree)} cannot be packed:\n{lines}", hint="; ".join(hints), refusals=ordered)


def unreadable_at(path: str, location: bytes, why: str) -> Refusal:
    """The refusal of something that may not be read.

    Args:
        path: Its path in the build.
        location: Where it lies.
        why: What the system says.
    """
    problem = f"cannot be read: {why} ({reason(location)})"
    return Refusal(tree_rules.UNREADABLE, path, problem, way_out(location))


def unreadable(collection: Collection, entry: Entry, error: OSError) -> RefusedError:
    """The refusal of a file that could be read when it was collected."""
    refusal = unreadable_at(entry.path, collection.location(entry), error.strerror or str(error))
    return RefusedError(str(refusal), hint=refusal.way_out, refusals=(refusal,))
