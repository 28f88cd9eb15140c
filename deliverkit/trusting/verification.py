"""`release verify`: every check of a release, each with its verdict; one that fails does not hide the others."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import IO, BinaryIO

from deliverkit.attestation_ports import AttachmentKind, Attestations
from deliverkit.domain.release import BundleFormat, Release
from deliverkit.domain.trust import Finding, Provenance, SourcePolicy, Verdict
from deliverkit.errors import DeliverkitError, IntegrityError, NotFoundError, UsageError
from deliverkit.packaging.signing import ENVELOPE_LIMIT, unseal
from deliverkit.packaging.tree import one_screen
from deliverkit.packaging.unpacking import unpack
from deliverkit.trusting.proving import KeyRing, Proof, envelope_of, mismatches, prove, stated

_CHUNK = 1 << 20


class Verification:
    """Checks releases against what the store keeps."""

    def __init__(self, store: Attestations, *, ring: KeyRing | None, policy: SourcePolicy | None) -> None:
        """Take the store and what is trusted; None where the configuration trusts nobody."""
        self._store = store
        self._ring = ring
        self._policy = policy

    def check(self, release: Release) -> Iterator[Finding]:
        """Every check, in the order of what rests on what.

        Raises:
            UnreachableError: If the store or a key's keeper does not answer or denies the request.
        """
        with tempfile.TemporaryFile(prefix="deliverkit-") as file:
            bundle = self._bundle(release, file)
            yield bundle
            yield content(file, release.bundle.format, release.manifest) if _holds(bundle) else _unread("content")
        signature, provenance = self._signature(release)
        yield signature
        yield _statement(tuple(mismatches(provenance, release)) if provenance else None)
        yield _source(self._policy, provenance)
        yield self._sbom(release)

    def _bundle(self, release: Release, file: IO[bytes]) -> Finding:
        digest = hashlib.sha256()
        try:
            for chunk in self._store.chunks(release.bundle):
                digest.update(chunk)
                file.write(chunk)
        except (NotFoundError, IntegrityError) as error:
            return Finding("bundle", Verdict.BROKEN, error.message)
        found = f"sha256:{digest.hexdigest()}"
        if found != release.digest:
            return Finding("bundle", Verdict.BROKEN, f"its bytes give {found}, and {release.digest} is on record")
        return Finding("bundle", Verdict.HOLDS, f"{release.bundle.uri} has {found}")

    def _signature(self, release: Release) -> tuple[Finding, Provenance | None]:
        if not release.provenance and self._ring is None:
            return Finding(
                "signature", Verdict.SKIPPED, "it was packaged without provenance, and none is asked for"
            ), None
        try:
            if self._ring is None:
                return signature(envelope_of(release, self._store), None)
            proved = prove(release, self._ring, self._store)
            provenance = stated(proved.proof.payload)
        except IntegrityError as error:
            return Finding("signature", Verdict.BROKEN, _advised(error)), None
        later = ", in a statement that was added later" if proved.is_supplement else ""
        return _signed(proved.proof, later), provenance

    def _sbom(self, release: Release) -> Finding:
        if not release.sbom:
            verdict = Verdict.BROKEN if self._ring else Verdict.SKIPPED
            return Finding("sbom", verdict, "the record names none")
        try:
            found = self._store.attachment(release.digest, AttachmentKind.SBOM, release.sbom)
        except (NotFoundError, IntegrityError) as error:
            return Finding("sbom", Verdict.BROKEN, error.message)
        return Finding("sbom", Verdict.HOLDS, f"{len(found)} bytes have {release.sbom}")


def check_files(bundle: Path, envelope: Path, ring: KeyRing) -> Iterator[Finding]:
    """Every check that needs nothing but a bundle, its envelope and public keys.

    Raises:
        UsageError: If a file cannot be read, or a key is none.
    """
    ring.check()
    opened, provenance = signature(_read(envelope), ring, name=str(envelope))
    try:
        with bundle.open("rb") as given, _seekable(given) as file:
            digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
            yield opened
            yield _bundle_of_file(bundle, digest, provenance)
            yield _content_of_file(file, provenance)
    except OSError as error:
        raise UsageError(f"{bundle} cannot be read: {error.strerror}", hint="name the bundle's file") from error


@contextmanager
def _seekable(file: BufferedReader) -> Iterator[BufferedReader | BufferedRandom]:
    """The file, or what came through a pipe: archives are read in more than one place."""
    if file.seekable():
        yield file
        return
    with tempfile.TemporaryFile() as spooled:
        shutil.copyfileobj(file, spooled)
        spooled.seek(0)
        yield spooled


def signature(envelope: bytes, ring: KeyRing | None, *, name: str = "this") -> tuple[Finding, Provenance | None]:
    """Whether a trusted key has signed, and what is stated, signed or not; `name` tells where the envelope is."""
    try:
        provenance = stated(unseal(envelope, [], name=name).payload, name=name)
        if ring is None:
            return Finding("signature", Verdict.SKIPPED, "no keys are trusted: see release.trust.keys"), provenance
        proof = ring.prove(envelope)
    except IntegrityError as error:
        return Finding("signature", Verdict.BROKEN, _advised(error)), None
    return _signed(proof), provenance


def _signed(proof: Proof, note: str = "") -> Finding:
    return Finding("signature", Verdict.HOLDS, f"signed by {proof.key_name} ({proof.key_id[:12]}){note}")


def _advised(error: DeliverkitError) -> str:
    return f"{error.message}\nnext: {error.hint}" if error.hint else error.message


def content(file: IO[bytes], format: BundleFormat, manifest: str) -> Finding:  # noqa: A002
    """Whether every file in a bundle is what the manifest inside says, and that manifest the one that was meant.

    Args:
        file: The bundle.
        format: Its archive type.
        manifest: `sha256:...` of the manifest that is meant; empty for releases that were recorded without.
    """
    try:
        unpacked = unpack(file, format)
    except IntegrityError as error:
        return Finding("content", Verdict.BROKEN, error.message)
    if unpacked.differences:
        lines = one_screen([str(each) for each in unpacked.differences])
        return Finding("content", Verdict.BROKEN, f"it is not what its manifest says:\n{lines}")
    if manifest and unpacked.manifest_digest != manifest:
        return Finding("content", Verdict.BROKEN, f"its manifest is {unpacked.manifest_digest}, not {manifest}")
    count = len(unpacked.manifest.entries)
    return Finding("content", Verdict.HOLDS, f"{count} entries are what the manifest {unpacked.manifest_digest} says")


def _bundle_of_file(bundle: Path, digest: str, provenance: Provenance | None) -> Finding:
    if provenance is None:
        return _unread("bundle")
    if digest != provenance.bundle:
        return Finding(
            "bundle", Verdict.BROKEN, f"{bundle} has {digest}, and the statement is about {provenance.bundle}"
        )
    return Finding("bundle", Verdict.HOLDS, f"{provenance.application} {provenance.version}: {bundle} has {digest}")


def _content_of_file(file: BinaryIO, provenance: Provenance | None) -> Finding:
    if provenance is None:
        return _unread("content")
    if provenance.format not in list(BundleFormat):
        return Finding("content", Verdict.BROKEN, f"{provenance.format} is no format of bundles")
    return content(file, BundleFormat(provenance.format), provenance.manifest)


def _statement(faults: tuple[str, ...] | None) -> Finding:
    if faults is None:
        return _unread("statement")
    if faults:
        return Finding("statement", Verdict.BROKEN, "; ".join(faults))
    return Finding("statement", Verdict.HOLDS, "it is about this version, bundle, manifest, SBOM and commit")


def _source(policy: SourcePolicy | None, provenance: Provenance | None) -> Finding:
    if provenance is None:
        return _unread("source")
    told = _origin(provenance)
    if policy is None:
        return Finding("source", Verdict.SKIPPED, f"{told}; any will do: see release.trust.source")
    objections = policy.objections(provenance)
    if objections:
        return Finding("source", Verdict.BROKEN, "; ".join(objections))
    return Finding("source", Verdict.HOLDS, told)


def _origin(provenance: Provenance) -> str:
    origin = provenance.origin
    if origin is None:
        return f"built by {provenance.builder}, outside a git repository"
    branch = f" on {origin.branch}" if origin.branch else ""
    dirty = ", with uncommitted changes" if origin.is_dirty else ""
    where = f" of {origin.repository}" if origin.repository else ""
    return f"commit {origin.commit[:12]}{branch}{where}{dirty}, built by {provenance.builder}"


def _holds(finding: Finding) -> bool:
    return finding.verdict is Verdict.HOLDS


def _unread(check: str) -> Finding:
    return Finding(check, Verdict.SKIPPED, "what it rests on does not hold")


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(ENVELOPE_LIMIT + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}", hint="name the envelope's file") from error
