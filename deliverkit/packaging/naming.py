"""Names that a zip archive can hold, but that the host agent's `unzip` would write in another way."""

from __future__ import annotations

import re
from collections.abc import Iterator

from deliverkit.packaging import tree_rules
from deliverkit.packaging.refusal import Refusal, RefusedError
from deliverkit.packaging.tree import Collection, EntryKind, one_screen

# Info-ZIP 6.0, unix/unix.c, mapname(): without options it leaves out what is not printable in ASCII, and at the end of
# a file's name what VMS would take for a version.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_VERSION = re.compile(r";[0-9]*\Z")
_EITHER = re.compile(f"{_CONTROL.pattern}|{_VERSION.pattern}")


def refuse_names_that_unzip_changes(collection: Collection) -> None:
    """See that everything will have its own name on the host.

    Raises:
        UsageError: For all names that `unzip` would change, of which the agent would not even know.
    """
    refusals = list(_refusals(collection))
    if refusals:
        names = one_screen([str(each) for each in refusals])
        raise RefusedError(
            f"A zip cannot carry these names, because unzip on the hosts would change them:\n{names}",
            hint="Rename them, leave them out with a line in .deliverignore, or set release.bundle.format to tgz",
            refusals=refusals,
        )


def _refusals(collection: Collection) -> Iterator[Refusal]:
    for entry in collection.entries:
        if not _EITHER.search(entry.path):
            continue
        if _CONTROL.search(entry.path):
            yield Refusal(tree_rules.NAME, entry.path, "has a control character in its name")
        elif entry.kind is not EntryKind.DIRECTORY:
            yield Refusal(tree_rules.NAME, entry.path, "ends like a version of a file on VMS")
