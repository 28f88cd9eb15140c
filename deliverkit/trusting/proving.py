"""Whether a release may be deployed: its signature, its digest and the source policy, read anew each time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from deliverkit.attestation_ports import AttachmentKind, Attestations, PublicKey
from deliverkit.domain.release import Release
from deliverkit.domain.trust import Evidence, Provenance, SourcePolicy
from deliverkit.errors import ConflictError, IntegrityError, NotFoundError, UnreachableError
from deliverkit.packaging.signing import key_id_of, unseal

_SUPPLEMENTS = 100
"""Statements added to one release that are looked at: whoever may write to the bucket must not keep us busy."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A statement whose signature holds.

    Attributes:
        payload: The statement.
        key_id: Id of the trusted key that signed it.
        key_name: Where that key is.
    """

    payload: bytes
    key_id: str
    key_name: str


@dataclass(frozen=True, slots=True)
class KeyRing:
    """Trusted keys; each is asked for once.

    Attributes:
        keys: In the order in which they are tried.
    """

    keys: Sequence[PublicKey]
    _pems: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def prove(self, envelope: bytes) -> Proof:
        """The statement in an envelope, if one of the keys has signed it.

        Raises:
            IntegrityError: If none of them has.
            UnreachableError: If none of those that could be asked for has.
        """
        troubles: list[str] = []
        silence: UnreachableError | None = None
        for key in self.keys:
            try:
                pem = self._pem_of(key)
            except ConflictError as error:
                troubles.append(error.message)  # a disabled key is not trusted any more; another one may be
                continue
            except UnreachableError as error:
                silence = error
                continue
            opened = unseal(envelope, [pem])
            if opened.keys:
                return Proof(opened.payload, opened.keys[0], key.name)
        if silence is not None:
            raise silence
        raise self._unproved(envelope, troubles)

    def check(self) -> None:
        """See that each key is one, before anything is held against it.

        Raises:
            UsageError: If one cannot be read or is no public key, with its name.
            ConflictError: If one is disabled.
            UnreachableError: If one cannot be asked for.
        """
        for key in self.keys:
            self._pem_of(key)

    def _pem_of(self, key: PublicKey) -> str:
        if key.name not in self._pems:
            pem = key.public_key()
            key_id_of(pem, name=key.name)
            self._pems[key.name] = pem
        return self._pems[key.name]

    def _unproved(self, envelope: bytes, troubles: Sequence[str]) -> IntegrityError:
        signers = unseal(envelope, []).signers
        names = ", ".join(f"{key.name}{self._short_id(key)}" for key in self.keys)
        said = f"signed by key {', '.join(each[:12] for each in signers)}" if signers else "not signed"
        return IntegrityError(
            "\n".join([f"the provenance is {said}, and no signature of a trusted key holds ({names})", *troubles]),
            hint="see release.trust.keys and release.sign; a release is signed when it is packaged",
        )

    def _short_id(self, key: PublicKey) -> str:
        return f" is {key_id_of(self._pems[key.name])[:12]}" if key.name in self._pems else ""


class StoredTrust:
    """Implements `attestation_ports.Trust` with what the release store keeps."""

    def __init__(self, ring: KeyRing, policy: SourcePolicy, store: Attestations) -> None:
        """Take the keys, the policy and where the statements are."""
        self._ring = ring
        self._policy = policy
        self._store = store

    def require(self, release: Release, *, is_thorough: bool) -> Evidence:
        """What the trust in a release rests on.

        Raises:
            IntegrityError: If its signature, its digest or the source policy does not hold, or there is no signature.
            UnreachableError: If that cannot be found out.
        """
        try:
            found = prove(release, self._ring, self._store)
            provenance = stated(found.proof.payload)
        except IntegrityError as error:
            raise IntegrityError(
                f"{release.version} may not be deployed: {error.message}", hint=error.hint or _verify(release)
            ) from error
        faults = [*mismatches(provenance, release), *self._policy.objections(provenance)]
        if is_thorough and not faults:
            faults += _faults_of_bytes(release, self._store)
        if faults:
            raise IntegrityError(f"{release.version} may not be deployed: {'; '.join(faults)}", hint=_verify(release))
        return Evidence(found.statement, (found.proof.key_id,), (found.proof.key_name,))


def _verify(release: Release) -> str:
    return f"deliverkit release verify {release.version}"


@dataclass(frozen=True, slots=True)
class Proved:
    """A release's statement whose signature holds.

    Attributes:
        proof: The signature.
        statement: `sha256:...` of the envelope.
        is_supplement: True when it was added after the release was recorded.
    """

    proof: Proof
    statement: str
    is_supplement: bool = False


def prove(release: Release, ring: KeyRing, store: Attestations) -> Proved:
    """The statement about a release that a trusted key has signed: the recorded one, else one that was added later.

    What was added later counts only when it states what is on record; that the record's own statement is there and
    unchanged is asked for in any case.

    Raises:
        IntegrityError: If there is none.
        UnreachableError: If the store or a key's keeper does not answer or denies the request.
    """
    envelope = envelope_of(release, store)
    try:
        return Proved(ring.prove(envelope), release.provenance)
    except IntegrityError as error:
        added = store.supplements(release.version)
        for statement in added[:_SUPPLEMENTS]:
            with suppress(NotFoundError, IntegrityError):
                proof = ring.prove(store.attachment(release.digest, AttachmentKind.PROVENANCE, statement))
                if not list(mismatches(stated(proof.payload), release)):
                    return Proved(proof, statement, is_supplement=True)
        if len(added) > _SUPPLEMENTS:
            raise _too_many(error, release, len(added)) from error
        raise


def _too_many(error: IntegrityError, release: Release, count: int) -> IntegrityError:
    return IntegrityError(
        f"{error.message}\nof {count} statements that were added later, {count - _SUPPLEMENTS} were not looked at",
        hint=f"find out who adds them (CloudTrail), remove what nobody needs below supplements/{release.version}/",
    )


def envelope_of(release: Release, store: Attestations) -> bytes:
    """The envelope that the release's record names.

    Raises:
        IntegrityError: If it names none, or what it names is gone or changed.
        UnreachableError: If the store does not answer or denies the request.
    """
    if not release.provenance:
        raise IntegrityError(
            f"{release.version} has no provenance: it was packaged before there was any",
            hint="package it again under a new version",
        )
    try:
        return store.attachment(release.digest, AttachmentKind.PROVENANCE, release.provenance)
    except NotFoundError as error:
        raise IntegrityError(
            f"the provenance of {release.version} is gone: {error.message}", hint=error.hint
        ) from error


def stated(payload: bytes, *, name: str = "this") -> Provenance:
    """What a statement says; `name` tells where it came from.

    Raises:
        IntegrityError: If it is not the provenance of a bundle.
    """
    from deliverkit.packaging.provenance import read_statement  # noqa: PLC0415

    return read_statement(payload, name=name)


def mismatches(provenance: Provenance, release: Release) -> Iterator[str]:
    """Where a statement is not about the release on record."""
    pairs = (
        ("application", provenance.application, release.application),
        ("version", provenance.version, release.version),
        ("bundle", provenance.bundle, release.digest),
        ("format", provenance.format, release.bundle.format.value),
        ("manifest", provenance.manifest, release.manifest),
        ("SBOM", provenance.sbom, release.sbom),
        (
            "commit",
            provenance.origin.commit if provenance.origin else "",
            release.source.commit if release.source else "",
        ),
    )
    for what, signed, recorded in pairs:
        if signed != recorded:
            yield f"its signed {what} is {signed or 'nothing'}, and the record says {recorded or 'nothing'}"
    # The other way round is welcome: the same bytes, and now it is shown that the commit alone gives them.
    if provenance.origin and provenance.origin.is_dirty and release.source and not release.source.is_dirty:
        yield "its signed working tree is changed, and the record says as committed"


def _faults_of_bytes(release: Release, store: Attestations) -> Iterator[str]:
    digest, size = hashlib.sha256(), 0
    try:
        for chunk in store.chunks(release.bundle):
            digest.update(chunk)
            size += len(chunk)
    except (NotFoundError, IntegrityError) as error:
        yield f"its bundle is not in the store: {error.message}"
        return
    if f"sha256:{digest.hexdigest()}" != release.digest:
        yield f"its bundle has the digest sha256:{digest.hexdigest()}, and {release.digest} was signed"
