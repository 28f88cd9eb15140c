"""From a build directory to a bundle on disk: collect, lint, describe, write."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from deliverkit.domain.release import BundleFormat
from deliverkit.errors import UsageError
from deliverkit.packaging.bundle import bundle_stream, size_limit, write_whole
from deliverkit.packaging.codec import Codec, zlib_codec
from deliverkit.packaging.collect import collect, place_appspec
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.lint import lint
from deliverkit.packaging.manifest import Manifest, make_manifest
from deliverkit.packaging.selection import load_selection
from deliverkit.packaging.tree import Collection, one_screen, shown
from deliverkit.ports import PreparedBundle


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk, ready to be uploaded.

    Attributes:
        path: Where it lies.
        digest: `sha256:` and 64 hexadecimal digits over its bytes.
        size: Its bytes.
        manifest: What is in it, and how it was packed; this fixes the bytes.
        findings: The lint's warnings; a bundle with errors is never made.
    """

    path: Path
    digest: str
    size: int
    manifest: Manifest
    findings: tuple[Finding, ...]

    @property
    def format(self) -> BundleFormat:
        """Type of the archive."""
        return self.manifest.format

    @property
    def codec(self) -> str:
        """Name of the codec."""
        return self.manifest.codec


@dataclass(frozen=True, slots=True)
class Packing:
    """A build directory that was looked at and may be packed.

    Attributes:
        collection: What will lie in the bundle.
        findings: The lint's warnings.
        format: Archive type.
        codec: How to compress.
    """

    collection: Collection
    findings: tuple[Finding, ...]
    format: BundleFormat
    codec: Codec

    @property
    def codec_name(self) -> str:
        """What the manifest says about the codec."""
        return "none" if self.format is BundleFormat.TAR else self.codec.name

    def manifest(self) -> Manifest:
        """Read every file and write down what it holds.

        Raises:
            DeliverkitError: If a file changed or vanished since it was collected.
        """
        return make_manifest(self.collection, format=self.format, codec=self.codec_name)

    def prepare(self) -> PreparedBundle:
        """Fix the bundle's bytes without making them.

        Raises:
            DeliverkitError: If a file changed or vanished since it was collected.
        """
        manifest = self.manifest()
        document = manifest.to_json()
        chunks = partial(bundle_stream, self.collection, manifest, self.codec)
        return PreparedBundle(document, self.format, size_limit(self.collection, len(document)), chunks)

    def write(self, destination: Path) -> Bundle:
        """Write the bundle to a file, whole or not at all.

        Raises:
            UsageError: If nothing can be created at the destination.
            DeliverkitError: If a file changes while it is packed, or the disk is full. Nothing is left behind.
        """
        manifest = self.manifest()
        digest, size = write_whole(bundle_stream(self.collection, manifest, self.codec), destination)
        return Bundle(destination, digest, size, manifest, self.findings)


def look_at(
    tree: Path,
    *,
    format: BundleFormat = BundleFormat.ZIP,  # noqa: A002 - the configuration's own word
    appspec: Path | None = None,
    allow: Sequence[str] = (),
    codec: Codec | None = None,
) -> Packing:
    """Collect and lint a build directory, before anything is made of it.

    Args:
        tree: The build directory; `.deliverignore` in it applies.
        format: Type of the archive.
        appspec: The application specification when it is kept outside the tree; it becomes `appspec.yml`.
        allow: Names or paths of files to pack although they look like secrets.
        codec: How to compress; zlib at level 6 unless given.

    Raises:
        UsageError: If the tree cannot be packed, or the appspec has errors (all are listed).
    """
    collection = collect(tree, allow=allow)
    if appspec is not None:
        collection = place_appspec(collection, appspec)
    findings = lint(collection, shown_at=tree)
    refuse_errors(findings)
    return Packing(collection, findings, format, codec or zlib_codec())


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
    packing = look_at(tree, format=format, appspec=appspec, allow=allow, codec=codec)
    _check_destination(packing.collection, tree, destination)
    return packing.write(destination)


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
