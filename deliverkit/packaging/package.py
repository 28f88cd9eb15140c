"""From a build directory to a bundle on disk: collect, lint, describe, write."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

from deliverkit.domain.linting import LintPolicy
from deliverkit.domain.release import BundleFormat, Compression
from deliverkit.errors import DeliverkitError, UsageError
from deliverkit.packaging.allowed import Allowed
from deliverkit.packaging.archive import Archive
from deliverkit.packaging.bundle import size_limit, write_whole, written_to
from deliverkit.packaging.codec import Codec, codec_for
from deliverkit.packaging.collect import collect, place_appspec
from deliverkit.packaging.contents import Contents
from deliverkit.packaging.digests import Digests
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.judging import Judge, judge_contents
from deliverkit.packaging.lint import lint
from deliverkit.packaging.naming import refuse_names_that_unzip_changes
from deliverkit.packaging.parts import sweep
from deliverkit.packaging.reading import read_digests
from deliverkit.packaging.remembered import Remembered
from deliverkit.packaging.report import Report, failed
from deliverkit.packaging.selection import load_selection
from deliverkit.packaging.tree import Collection, EntryKind, shown
from deliverkit.packaging.tree_rules import ALLOW_UNMATCHED
from deliverkit.ports import PreparedBundle
from deliverkit.yaml_tree import Place

# While it is packed a bundle is uploaded, and the parts on their way need memory as well.
_BUDGET_BESIDE_UPLOAD = 24 << 20


@dataclass(frozen=True, slots=True)
class Bundle:
    """A bundle on disk.

    Attributes:
        path: Where it lies.
        digest: `sha256:` and 64 hexadecimal digits over its bytes.
        size: Its bytes.
        format: Type of the archive.
        codec: Name of the codec.
        manifest: `sha256:` and 64 hexadecimal digits over the manifest, which lies in the bundle and fixes its bytes.
        findings: The lint's warnings; a bundle with errors is never made.
    """

    path: Path
    digest: str
    size: int
    format: BundleFormat
    codec: str
    manifest: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class PackingRules:
    """How a build directory becomes a bundle.

    Attributes:
        format: Type of the archive.
        compression: What compressing aims at.
        appspec: The application specification when it is kept outside the tree; it becomes `appspec.yml`.
        allow: Names, paths or patterns of files to pack although they look like secrets (`Allowed`).
        allow_places: Where entries of `allow` were written, for what is said of them.
        keeps_links: Whether symbolic links are packed as links, or refused.
        policy: What the lint is told of the hosts, and what is allowed.
        threads: How many read and compress at a time; as many as there are cores by default.
    """

    format: BundleFormat = BundleFormat.ZIP
    compression: Compression = Compression.FAST
    appspec: Path | None = None
    allow: tuple[str, ...] = ()
    allow_places: Mapping[str, Place] = field(default_factory=dict)
    keeps_links: bool = True
    policy: LintPolicy | None = None
    threads: int | None = None


@dataclass(frozen=True, slots=True)
class Packing:
    """A build directory that was looked at and may be packed.

    Attributes:
        collection: What will lie in the bundle.
        findings: The lint's warnings.
        format: Archive type.
        codec: How to compress.
        threads: How many read and compress at a time; as many as there are cores by default.
        remembered: What is remembered of an earlier packaging.
        allowed: The files that may hold secrets.
    """

    collection: Collection
    findings: tuple[Finding, ...]
    format: BundleFormat
    codec: Codec
    threads: int | None = None
    remembered: Remembered = field(default_factory=Remembered)
    allowed: Allowed = field(default_factory=Allowed)

    def read(self) -> Contents:
        """Read every file, but for those that are as they were when they were read before.

        Raises:
            DeliverkitError: If a file changed or vanished since it was collected, or holds a secret.
        """
        judge = self._judge()
        known = self.remembered.digests(self.collection, judge)
        digests = read_digests(self.collection, known, threads=self.threads, judge=judge)
        judge.refuse(self.collection)
        self.remembered.keep(self.collection, digests, judge)
        return self._contents(digests)

    def prepare(self, contents: Contents | None = None) -> PreparedBundle:
        """Fix the bundle's bytes without making them.

        Args:
            contents: What `read` gave; reads now unless given.

        Raises:
            DeliverkitError: If a file changed or vanished since it was collected.
        """
        contents = contents or self.read()
        manifest_size, manifest_digest = contents.manifest_size_and_digest()
        return PreparedBundle(
            manifest_digest=manifest_digest,
            manifest_size=manifest_size,
            manifest_pieces=contents.manifest_pieces,
            format=self.format,
            size_limit=size_limit(self.collection, manifest_size),
            chunks=lambda: self._chunks(contents.digests),
        )

    def write(self, destination: Path) -> Bundle:
        """Write the bundle to a file, whole or not at all; every file is read once, or not when all is as it was.

        Raises:
            UsageError: If nothing can be created at the destination.
            DeliverkitError: If a file changes while it is packed, or the disk is full. Nothing is left behind.
        """
        sweep(written_to(destination))
        return self._written_before(destination) or self._write(destination)

    def pour(self, write: Callable[[bytes], object]) -> Bundle:
        """Give the bundle away piece by piece; its path is `-`.

        Raises:
            DeliverkitError: If a file changes while it is packed, or holds a secret. What was given away until then is
                no bundle.
        """
        archive, judge = self._new_archive()
        digest, size = hashlib.sha256(), 0
        with closing(archive.stream()) as chunks:
            for chunk in chunks:
                digest.update(chunk)
                size += len(chunk)
                write(chunk)
        self.remembered.keep(self.collection, archive.digests, judge)
        return self._bundle(Path("-"), f"sha256:{digest.hexdigest()}", size, archive.manifest)

    def _write(self, destination: Path) -> Bundle:
        archive, judge = self._new_archive()
        digest, size = write_whole(archive.stream(), destination)
        self.remembered.keep(self.collection, archive.digests, judge)
        self.remembered.keep_written(archive.manifest, destination, digest)
        return self._bundle(destination, digest, size, archive.manifest)

    def _written_before(self, destination: Path) -> Bundle | None:
        """The bundle that lies there already, if no file changed since it was written."""
        digests = self.remembered.digests(self.collection, self._judge())
        pairs = zip(self.collection.entries, digests, strict=True)
        if any(digest is None and entry.kind is EntryKind.FILE for entry, digest in pairs):
            return None
        manifest = self._contents(digests).manifest_size_and_digest()[1]
        before = self.remembered.written(manifest, destination)
        return self._bundle(destination, *before, manifest) if before else None

    def _bundle(self, destination: Path, digest: str, size: int, manifest: str) -> Bundle:
        codec = "none" if self.format is BundleFormat.TAR else self.codec.name
        return Bundle(destination, digest, size, self.format, codec, manifest, self.findings)

    def _judge(self) -> Judge:
        return Judge(self.allowed.matcher())

    def _chunks(self, digests: Digests) -> Iterator[bytes]:
        try:
            # What has the digests that were judged needs no other verdict.
            yield from Archive(
                self.collection, self.format, self.codec, digests, self.threads, _BUDGET_BESIDE_UPLOAD
            ).stream()
        except DeliverkitError:
            # Should a remembered digest have been wrong, the next attempt must not stumble over it again.
            self.remembered.forget()
            raise

    def _new_archive(self) -> tuple[Archive, Judge]:
        """An archive of files that are read for the first time, and who judges them."""
        judge = self._judge()
        return Archive(self.collection, self.format, self.codec, threads=self.threads, judge=judge), judge

    def _contents(self, digests: Digests) -> Contents:
        return Contents(self.collection, digests, self.format, self.codec.name)


def look_at(tree: Path, rules: PackingRules | None = None, remembered: Remembered | None = None) -> Packing:
    """Collect and lint a build directory, before anything is made of it.

    Args:
        tree: The build directory; `.deliverignore` in it applies.
        rules: How to pack it; the defaults unless given.
        remembered: What is remembered of an earlier packaging; nothing by default.

    Raises:
        UsageError: If the tree cannot be packed, or the appspec has errors (all are listed).
    """
    rules, remembered = rules or PackingRules(), remembered or Remembered()
    collection = _collected(tree, rules, remembered)
    report = Report(tree, _linted(tree, collection, rules))
    report.refuse_errors()
    return Packing(
        collection,
        report.warnings,
        rules.format,
        codec_for(rules.compression),
        rules.threads,
        remembered,
        Allowed(rules.allow),
    )


def check(tree: Path, rules: PackingRules) -> Report:
    """Collect and lint a build directory as `look_at` does, and tell everything instead of refusing errors.

    Files are judged by what they hold as packing judges them. A tree that cannot be packed at all gives a report with
    a failure.
    """
    findings: tuple[Finding, ...] = ()
    try:
        collection = _collected(tree, rules, Remembered())
        findings = _linted(tree, collection, rules)
        judge_contents(collection, Judge(Allowed(rules.allow).matcher()), threads=rules.threads)
    except DeliverkitError as error:
        return failed(tree, error, findings)
    return Report(tree, findings)


def _linted(tree: Path, collection: Collection, rules: PackingRules) -> tuple[Finding, ...]:
    unmatched = Allowed(rules.allow).unused(entry.path for entry in collection.entries if entry.kind is EntryKind.FILE)
    nowhere = Place(file="deliverkit.yml")
    return (
        *lint(collection, shown_at=tree, policy=rules.policy, format=rules.format),
        *(
            ALLOW_UNMATCHED.at(rules.allow_places.get(entry, nowhere), f"allows {entry!r}, which no file matches")
            for entry in unmatched
        ),
    )


def _collected(tree: Path, rules: PackingRules, remembered: Remembered) -> Collection:
    """What a bundle of a build directory will hold, with the appspec that is kept outside of it."""
    settled_ns = remembered.settled_ns()
    collection = collect(tree, allow=rules.allow, keeps_links=rules.keeps_links, settled_ns=settled_ns)
    if rules.format is BundleFormat.ZIP:
        refuse_names_that_unzip_changes(collection)
    return collection if rules.appspec is None else place_appspec(collection, rules.appspec, settled_ns=settled_ns)


def build_bundle(
    tree: Path,
    *,
    destination: Path,
    format: BundleFormat = BundleFormat.ZIP,  # noqa: A002 - the configuration's own word
    appspec: Path | None = None,
    allow: Sequence[str] = (),
    codec: Codec | None = None,
    policy: LintPolicy | None = None,
    threads: int | None = None,
) -> Bundle:
    """Pack a build directory; the same tree gives the same bytes, whatever the order, clock, umask, owner or locale.

    Args:
        tree: The build directory; `.deliverignore` in it applies.
        destination: The file to write, replaced when it exists.
        format: Type of the archive.
        appspec: The application specification when it is kept outside the tree; it becomes `appspec.yml`.
        allow: Names, paths or patterns of files to pack although they look like secrets.
        codec: How to compress; `codec_for` little time unless given.
        policy: What the lint is told of the hosts, and what is allowed.
        threads: How many read and compress at a time; as many as there are cores by default.

    Raises:
        UsageError: If the tree cannot be packed, the appspec has errors (all are listed), or the destination is no
            good.
        DeliverkitError: If a file changes while it is packed, or the disk is full. Nothing is left behind.
    """
    packing = look_at(tree, PackingRules(format, appspec=appspec, allow=tuple(allow), policy=policy, threads=threads))
    check_destination(packing.collection, destination)
    return replace(packing, codec=codec or packing.codec).write(destination)


def check_destination(collection: Collection, destination: Path) -> None:
    """See that a bundle may be written to a file.

    Raises:
        UsageError: If it is no regular file, or lies in the tree: the bundle would be packed into the next one, which
            would have another digest.
    """
    if (destination.exists() or destination.is_symlink()) and not (destination.is_file() or destination.is_dir()):
        # Writing replaces the file as a whole: a device or a pipe would be gone, for everybody.
        raise UsageError(
            f"{shown(str(destination))} is no regular file, and a bundle would take its place",
            hint="Name a file of its own, for instance bundle.zip",
        )
    if destination.is_dir():
        raise UsageError(
            f"{shown(str(destination))} is a directory",
            hint="Name the file to write, for instance bundle.zip in that directory",
        )
    inside = destination.parent.resolve() / destination.name
    root = Path(os.fsdecode(collection.root)).resolve()
    if not inside.is_relative_to(root):
        return
    path = inside.relative_to(root).as_posix()
    if not load_selection(collection.root).leaves_out_deep(path):
        raise UsageError(
            f"The bundle {shown(str(destination))} would lie in the tree that it packs",
            hint="Write it elsewhere, or leave it out with a line in .deliverignore",
        )
