"""What the name of a bundle's file says of its format."""

from __future__ import annotations

from pathlib import Path

from deliverkit.domain.release import BundleFormat
from deliverkit.errors import UsageError
from deliverkit.packaging.tree import shown

_SUFFIXES = {
    ".zip": BundleFormat.ZIP,
    ".tar": BundleFormat.TAR,
    ".tgz": BundleFormat.TGZ,
    ".tar.gz": BundleFormat.TGZ,
}


def format_named(file: Path) -> BundleFormat | None:
    """The format that a file's name promises; None for a name that promises none."""
    name = file.name.lower()
    return next((kind for suffix, kind in _SUFFIXES.items() if name.endswith(suffix)), None)


def format_for(
    destination: Path, *, chosen: BundleFormat | None, configured: BundleFormat | None
) -> BundleFormat | None:
    """The format of a bundle that is written to a file; None for the default.

    Args:
        destination: The file.
        chosen: What the command line says (`--format`).
        configured: What the configuration says, if it says something.

    Raises:
        UsageError: If the name promises another format than was chosen or configured: whoever takes the file for what
            it is called could not unpack it.
    """
    named, wanted = format_named(destination), chosen or configured
    if named is None or wanted is None or named is wanted:
        return wanted or named
    where = "--format" if chosen else "release.bundle.format"
    raise UsageError(
        f"{shown(str(destination))} is the name of a {named.value}, but {where} says {wanted.value}",
        hint=f"Name it {shown(_renamed(destination, wanted))}, or pack with --format {named.value}",
    )


def _renamed(destination: Path, kind: BundleFormat) -> str:
    name = destination.name
    suffix = max((each for each in _SUFFIXES if name.lower().endswith(each)), key=len)
    return str(destination.with_name(f"{name[: -len(suffix)]}.{kind.value}"))
