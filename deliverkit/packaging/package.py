"""From a build directory to a bundle on disk: collect, lint, describe, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from deliverkit.domain.release import BundleFormat
from deliverkit.errors import UsageError
from deliverkit.packaging.bundle import bundle_stream, write_whole
from deliverkit.packaging.codec import Codec, zlib_codec
from deliverkit.packaging.collect import collect, place_appspec
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.lint import lint
from deliverkit.packaging.manifest import Manifest, make_manifest
from deliverkit.packaging.selection import load_selection
from deliverkit.packaging.tree import Collection, one_screen, shown


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk, ready to be uploaded.

    Attributes:
        path: Where it lies.
        digest: `sha256:` and 64 hexadecimal digits over its bytes.
        size: Its bytes.
        format: Type of the archive.
        codec: Name of the codec; the manifest, the format and this fix the bytes.
        manifest: What is in it.
        findings: The lint's warnings; a bundle with errors is never made.
    """

    path: Path
    digest: str
    size: int
    format: BundleFormat
    codec: str
    manifest: Manifest
    findings: tuple[Finding, ...]


def build_bundle(
    tree: Path,
    *,
    destination: Path,
    format: BundleFormat = BundleFormat.ZIP,  # noqa: A002 - the configuration's own word
    appspec: Path | None = None,
    allow: Sequence[str] = (),
    codec: Codec | None = None,
) -> Bundle:
    """Pack a build directory; the same tree gives the same bytes, whatever the order, clock, umask, owner or locale.

    Args:
        tree: The build directory; `.deliverignore` in it applies.
        destination: The file to write, replaced when it exists.
        format: Type of the archive.
        appspec: The application specification when it is kept outside the tree; it becomes `appspec.yml`.
        allow: Names or paths of files to pack although they look like secrets.
        codec: How to compress; zlib at level 6 unless given.

    Raises:
        UsageError: If the tree cannot be packed, the appspec has errors (all are listed), or the destination is no
            good.
        DeliverkitError: If a file changes while it is packed, or the disk is full. Nothing is left behind.
    """
    collection = collect(tree, allow=allow)
    if appspec is not None:
        collection = place_appspec(collection, appspec)
    _check_destination(collection, tree, destination)
    findings = lint(collection, shown_at=tree)
    refuse_errors(findings)
    manifest = make_manifest(collection)
    codec = codec or zlib_codec()
    chunks = bundle_stream(collection, manifest, format=format, codec=codec)
    digest, size = write_whole(chunks, destination)
    name = "none" if format is BundleFormat.TAR else codec.name
    return Bundle(destination, digest, size, format, name, manifest, findings)


def refuse_errors(findings: Sequence[Finding]) -> None:
    """Raise when the lint found errors.

    Raises:
        UsageError: With every error on one screen, and the first one's way out as the hint.
    """
    errors = [finding for finding in findings if finding.is_error]
    if not errors:
        return
    lines = [f"{error}\n    {error.why} {error.fix}." for error in errors]
    count = "1 error" if len(errors) == 1 else f"{len(errors)} errors"
    raise UsageError(
        f"The appspec has {count}; nothing was packed:\n{one_screen(lines, limit=10)}",
        hint="Correct the appspec, then look again with: deliverkit package --check",
    )


def _check_destination(collection: Collection, tree: Path, destination: Path) -> None:
    """A bundle inside the tree would be packed into the next one, and that one would have another digest."""
    if destination.is_dir():
        raise UsageError(
            f"{shown(str(destination))} is a directory",
            hint="Name the file to write, for instance bundle.zip in that directory",
        )
    inside = destination.parent.resolve() / destination.name
    root = tree.resolve()
    if not inside.is_relative_to(root):
        return
    path = inside.relative_to(root).as_posix()
    if not load_selection(collection.root).leaves_out_deep(path):
        raise UsageError(
            f"The bundle {shown(str(destination))} would lie in the tree that it packs",
            hint="Write it elsewhere, or leave it out with a line in .deliverignore",
        )
