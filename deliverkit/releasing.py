"""From a build directory to a release on record: bundle, upload under its digest, record."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.delivery import PackagedRelease, PackagingChoices
from deliverkit.domain.release import Release, SourceRevision, name_taken
from deliverkit.errors import IntegrityError, NotFoundError, UsageError
from deliverkit.ports import Clock, Identity, ReleaseStore

if TYPE_CHECKING:
    from deliverkit.attestation_ports import Trust
    from deliverkit.packaging.contents import Contents
    from deliverkit.packaging.package import Bundle, Packing, PackingRules
    from deliverkit.packaging.remembered import Remembered
    from deliverkit.packaging.report import Report
    from deliverkit.trusting.attesting import Attestor, Subject

VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,127}")
"""Versions become S3 keys and words in URLs, so they hold nothing that either would have to quote."""


@dataclass(frozen=True, slots=True)
class BuildRecipe:
    """How the configured build becomes a bundle.

    Attributes:
        path: Build directory.
        rules: Gives how it is packed.
        version: Gives the release's version for a build directory.
        source: Gives the source revision of a build directory; None outside git.
        memory: Folder in which digests of files are remembered from one packaging to the next; None for none.
        has_format: Whether the archive type in `rules` was written, and is no default.
    """

    path: Path
    rules: Callable[[], PackingRules]
    version: Callable[[Path], str]
    source: Callable[[Path], SourceRevision | None]
    memory: Path | None = None
    has_format: bool = False

    def bundle(self, tree: Path | None, destination: Path, choices: PackagingChoices) -> Bundle:
        """Bundle a build directory, the configured one by default; the file's suffix tells the format if nobody does.

        Raises:
            UsageError: If the build or its appspec is not fit to be deployed, or the suffix promises another format.
        """
        from deliverkit.packaging.package import check_destination  # noqa: PLC0415  (only packaging pays for it)
        from deliverkit.packaging.suffixes import format_for  # noqa: PLC0415

        configured = self.rules().format if self.has_format else None
        kind = format_for(destination, chosen=choices.format, configured=configured)
        packing = self.look_at(tree, replace(choices, format=kind))
        check_destination(packing.collection, destination)
        return packing.write(destination)

    def pour(self, tree: Path | None, write: Callable[[bytes], object], choices: PackagingChoices) -> Bundle:
        """Bundle a build directory, the configured one by default, and give the bytes away as they are made.

        Raises:
            UsageError: If the build or its appspec is not fit to be deployed.
        """
        return self.look_at(tree, choices).pour(write)

    def look_at(self, tree: Path | None, choices: PackagingChoices) -> Packing:
        """Collect and lint a build directory, the configured one by default; writes nothing.

        Raises:
            UsageError: If the build cannot be packaged, with every error.
        """
        from deliverkit.packaging.package import look_at  # noqa: PLC0415

        where = self.existing(tree)
        return look_at(where, self._rules_for(where, choices), self._remembered(where, choices))

    def check(self, tree: Path | None, choices: PackagingChoices | None = None) -> Report:
        """Everything that there is to say about a build directory; writes nothing."""
        from deliverkit.packaging.package import check  # noqa: PLC0415
        from deliverkit.packaging.report import failed  # noqa: PLC0415

        try:
            where = self.existing(tree)
        except UsageError as error:
            return failed(tree or self.path, error)
        return check(where, self._rules_for(where, choices or PackagingChoices()))

    def _remembered(self, tree: Path, choices: PackagingChoices) -> Remembered:
        from deliverkit.packaging.remembered import Remembered  # noqa: PLC0415

        name = hashlib.sha256(os.fsencode(tree.resolve())).hexdigest()[:16]
        return Remembered(self.memory / f"{name}.digests" if self.memory else None, is_trusted=not choices.is_fresh)

    def existing(self, tree: Path | None) -> Path:
        """The build directory to take.

        Raises:
            UsageError: If it does not exist or is not a directory.
        """
        where = tree or self.path
        if not where.is_dir():
            what = "is not a directory" if where.exists() else "does not exist"
            raise UsageError(
                f"the build {where} {what}", hint="build first, or name the build: deliverkit package PATH"
            )
        return where

    def _rules_for(self, tree: Path, choices: PackagingChoices) -> PackingRules:
        """The rules; a build that has an appspec of its own needs no other."""
        rules = self.rules()
        has_own = any((tree / name).exists() for name in ("appspec.yml", "appspec.yaml"))
        return replace(
            rules,
            appspec=None if has_own else rules.appspec,
            format=choices.format or rules.format,
            compression=choices.compression or rules.compression,
        )


class Packager:
    """Packages builds into releases."""

    def __init__(
        self,
        application: str,
        recipe: BuildRecipe,
        *,
        releases: ReleaseStore,
        attestor: Attestor,
        identity: Identity,
        clock: Clock,
        trust: Trust | None = None,
    ) -> None:
        """Take the recipe, where releases are kept, what states where they come from, and what deployments will ask."""
        self._application = application
        self._recipe = recipe
        self._releases = releases
        self._attestor = attestor
        self._identity = identity
        self._clock = clock
        self._trust = trust

    def __call__(self, tree: Path | None, choices: PackagingChoices) -> PackagedRelease:
        """Bundle, upload and record; the same bytes under the same version give the release on record."""
        where = self._recipe.existing(tree)
        version = checked_version(self._recipe.version(where))
        self._attestor.check()
        started_at, source = self._clock.now(), self._recipe.source(where)
        packing = self._recipe.look_at(where, choices)
        contents = packing.read()
        prepared = packing.prepare(contents)
        present = self._present(version)
        _refuse_another(present, prepared.manifest_digest)
        # What a store says of itself is enough to save work, and nothing to sign.
        measured = packing.remembered if self._attestor.signs else None
        upload = self._releases.upload(prepared, listener=choices.listener, measured=measured)
        release = Release(
            application=self._application,
            version=version,
            digest=upload.digest,
            size=upload.size,
            bundle=upload.revision,
            created_at=self._clock.now(),
            created_by=self._identity.arn,
            source=source,
            manifest=prepared.manifest_digest,
        )
        warnings = [str(finding) for finding in packing.findings]
        subject = partial(_subject, release, where, contents, started_at, self._identity.arn)
        if present is None:
            attested = self._attestor.attest(subject())
            release = replace(release, provenance=attested.provenance, sbom=attested.sbom)
            warnings += attested.warnings
        # The record decides: it is this release, with the statements of its time, or another one of that name.
        recorded = self._releases.record(release)
        # Another builder may have been first since we looked, and may not sign.
        is_ours = present is None and recorded.provenance == release.provenance
        added = "" if is_ours else self._attestor.supplement(recorded, subject)
        warnings += self._objections(recorded)
        return PackagedRelease(
            recorded, upload.was_sent, warnings=tuple(warnings), kept=upload.kept, statement_added=added
        )

    def _objections(self, release: Release) -> Iterator[str]:
        """What a promotion would say: better now, while the build is at hand, than at the moment of delivery."""
        try:
            if self._trust is not None:
                self._trust.require(release, is_thorough=False)
        except IntegrityError as error:
            yield f"no environment will take it: {error.message}"

    def _present(self, version: str) -> Release | None:
        try:
            return self._releases.get(version)
        except NotFoundError:
            return None


def _refuse_another(present: Release | None, manifest: str) -> None:
    """Refuse a version that names another build, before anything is sent; old records name no manifest.

    Raises:
        ConflictError: If it does.
    """
    if present is not None and present.manifest and present.manifest != manifest:
        raise name_taken(present, f"another one: its manifest is {_short(manifest)}, not {_short(present.manifest)}")


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def _subject(release: Release, tree: Path, contents: Contents, started_at: datetime, packaged_by: str) -> Subject:
    from deliverkit.trusting.attesting import Subject  # noqa: PLC0415

    return Subject(
        version=release.version,
        tree=tree,
        contents=contents,
        manifest=release.manifest,
        bundle=release.digest,
        started_at=started_at,
        source=release.source,
        packaged_by=packaged_by,
    )


def checked_version(version: str) -> str:
    """The version, if it can name a release.

    Raises:
        UsageError: If it is empty or holds characters that an S3 key or an URL would have to quote.
    """
    if not VERSION.fullmatch(version):
        raise UsageError(
            f"{version!r} cannot be a release's version: letters, digits and . _ + - are allowed, 128 at most",
            hint="see release.version in deliverkit.yml",
        )
    return version
