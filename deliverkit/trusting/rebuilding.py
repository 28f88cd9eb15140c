"""`release verify --rebuild`: build the recorded commit again and see whether the same bundle comes out."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from deliverkit.domain.release import Compression, Release
from deliverkit.domain.trust import Finding, Verdict
from deliverkit.errors import NotFoundError
from deliverkit.packaging.codec import codec_for
from deliverkit.packaging.manifest import Manifest, parse_manifest
from deliverkit.packaging.package import Packing
from deliverkit.packaging.tree import one_screen
from deliverkit.packaging.unpacking import differences
from deliverkit.ports import PreparedBundle

CheckOut = Callable[[str, Path], Path]
"""Checks a commit out into a directory, and gives the configuration's folder in it."""
Build = Callable[[Path, str], None]
"""Builds, in the configuration's folder, the version that is named."""
LookAt = Callable[[Path, Manifest], Packing]
"""Collects what that folder's build would pack, in the format of a recorded manifest."""


class Rebuilder:
    """Builds releases again."""

    def __init__(self, *, check_out: CheckOut, build: Build, look_at: LookAt, manifest: Callable[[str], bytes]) -> None:
        """Take how a commit becomes a build, and where recorded manifests are."""
        self._check_out = check_out
        self._build = build
        self._look_at = look_at
        self._manifest = manifest

    def check(self, release: Release) -> Finding:
        """Whether the recorded commit gives the same bundle.

        Raises:
            NotFoundError: If the release names no commit or no manifest, or the commit is not in this repository.
            DeliverkitError: If the build fails.
        """
        if release.source is None or not release.manifest:
            missing = "manifest" if release.source else "commit"
            raise NotFoundError(
                f"{release.version} cannot be built again: its record names no {missing}",
                hint="package releases from a git repository",
            )
        recorded = parse_manifest(self._manifest(release.manifest))
        with tempfile.TemporaryDirectory(prefix="deliverkit-rebuild-") as scratch:
            folder = self._check_out(release.source.commit, Path(scratch) / "checkout")
            self._build(folder, release.version)
            packing = _with_codec_of(recorded, self._look_at(folder, recorded))
            return _judge(release, recorded, packing.prepare())


def _with_codec_of(recorded: Manifest, packing: Packing) -> Packing:
    """The packing with the codec that made the recorded bundle, if this machine has it."""
    found = (codec for codec in map(codec_for, Compression) if codec.name == recorded.codec)
    return replace(packing, codec=next(found, packing.codec))


def _judge(release: Release, recorded: Manifest, prepared: PreparedBundle) -> Finding:
    assert release.source is not None
    built = parse_manifest(prepared.manifest)
    commit = f"commit {release.source.commit[:12]}"
    found = differences(recorded.entries, built.entries)
    if found:
        count = "1 entry differs" if len(found) == 1 else f"{len(found)} entries differ"
        dirty = " (the release was built with uncommitted changes)" if release.source.is_dirty else ""
        lines = one_screen([str(each) for each in found], limit=20)
        return Finding("rebuild", Verdict.BROKEN, f"{commit} gives another bundle{dirty}; {count}:\n{lines}")
    if built.codec != recorded.codec:
        said = f"the codec here is {built.codec}, not {recorded.codec}, so the files were compared and not the bytes"
        return Finding("rebuild", Verdict.HOLDS, f"{commit} gives the same files; {said}")
    digest = hashlib.sha256()
    for chunk in prepared.chunks():
        digest.update(chunk)
    if f"sha256:{digest.hexdigest()}" != release.digest:
        said = f"it gives the same files in other bytes: sha256:{digest.hexdigest()}, not {release.digest}"
        return Finding("rebuild", Verdict.BROKEN, f"{commit}: {said}")
    return Finding("rebuild", Verdict.HOLDS, f"{commit} gives the identical bundle, byte for byte")
