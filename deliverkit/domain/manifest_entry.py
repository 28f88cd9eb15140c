"""What a manifest says of one file, directory or link, for those who pack it and those who compare it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a manifest.

    Attributes:
        path: Path inside the bundle.
        kind: `file`, `directory` or `symlink`, as the manifest spells it; a later version may know others.
        mode: Permission bits as four octal digits, the first always `0`.
        size: Bytes of content; 0 for directories.
        sha256: 64 hexadecimal digits over the content; None for directories and links.
        target: Where a link points; None for everything else.
    """

    path: str
    kind: str
    mode: str
    size: int = 0
    sha256: str | None = None
    target: str | None = None

    @property
    def is_directory(self) -> bool:
        """Directories come and go with their files, and are not counted."""
        return self.kind == "directory"

    def has_content_of(self, other: Item) -> bool:
        """True when both are of one kind and hold, or point to, the same."""
        return (self.kind, self.sha256, self.target) == (other.kind, other.sha256, other.target)
