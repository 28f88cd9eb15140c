"""What makes releases and proves them, out of the configuration: a part of the composition root."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit._version import __version__
from deliverkit.adapters.key_file import PASSPHRASE, KeyFile, PublicKeyFile, write_pair
from deliverkit.delivery import PackagingChoices
from deliverkit.domain.release import Release
from deliverkit.domain.trust import Finding, Provenance
from deliverkit.errors import DeliverkitError, IntegrityError, UsageError
from deliverkit.shelving import attestations_of

if TYPE_CHECKING:
    from deliverkit.adapters.aws.session import Aws
    from deliverkit.attestation_ports import PublicKey, Signer, Trust
    from deliverkit.config import Settings
    from deliverkit.config.settings import KeyLocation
    from deliverkit.packaging.manifest import Manifest
    from deliverkit.packaging.package import Packing, PackingRules
    from deliverkit.ports import Clock, ReleaseStore
    from deliverkit.releasing import BuildRecipe
    from deliverkit.trusting.attesting import Attestor
    from deliverkit.trusting.proving import KeyRing

__all__ = [
    "PASSPHRASE",
    "attestor_of",
    "make_key",
    "origin_of",
    "trust_of",
    "verified",
    "verify_files",
]

_BUILD_TIMEOUT = timedelta(hours=2)


def attestor_of(settings: Settings, aws: Aws, environ: Mapping[str, str], clock: Clock) -> Attestor:
    """What states and signs where releases come from."""
    from deliverkit.adapters import git  # noqa: PLC0415
    from deliverkit.trusting.attesting import Attestor  # noqa: PLC0415

    sign = settings.release.sign
    return Attestor(
        settings.application,
        attestations_of(settings.release, aws),
        signer=_signer(sign, aws, environ) if sign else None,
        clock=clock,
        builder_version=__version__,
        folder=settings.path.parent,
        repository=git.repository,
        environ=environ,
    )


def trust_of(settings: Settings, aws: Aws) -> Trust | None:
    """What says whether a release may be deployed; None where nothing is asked for."""
    from deliverkit.trusting.proving import StoredTrust  # noqa: PLC0415

    trust = settings.release.trust
    return StoredTrust(_ring(settings, aws), trust.source, attestations_of(settings.release, aws)) if trust else None


def origin_of(settings: Settings, aws: Aws, release: Release) -> Provenance | None:
    """What the provenance of a release says, whoever signed it; None when there is none that can be read.

    To be shown to people, who are told so; nothing may be decided by it (`trust_of` proves what it decides by).

    Raises:
        UnreachableError: If the store does not answer or denies the request.
    """
    from deliverkit.packaging.signing import unseal  # noqa: PLC0415
    from deliverkit.trusting.proving import envelope_of, stated  # noqa: PLC0415

    try:
        return stated(unseal(envelope_of(release, attestations_of(settings.release, aws)), []).payload)
    except IntegrityError:
        return None


def verified(
    release: Release, settings: Settings, aws: Aws, *, releases: ReleaseStore, recipe: BuildRecipe | None
) -> Iterator[Finding]:
    """Check a release; with a recipe, build it again, too."""
    from deliverkit.trusting.rebuilding import Rebuilder  # noqa: PLC0415
    from deliverkit.trusting.verification import Verification  # noqa: PLC0415

    trust = settings.release.trust
    ring, policy = (_ring(settings, aws), trust.source) if trust else (None, None)
    yield from Verification(attestations_of(settings.release, aws), ring=ring, policy=policy).check(release)
    if recipe is not None:
        yield Rebuilder(
            check_out=partial(_checked_out, settings.path.parent),
            build=partial(_build, settings.release.build),
            look_at=partial(_look_at, recipe, settings.path.parent),
            manifest=releases.manifest,
        ).check(release)


# --- without configuration and AWS -----------------------------------------------------------------


def verify_files(bundle: Path, statement: Path, keys: Sequence[Path]) -> Iterator[Finding]:
    """Check a bundle against its envelope and public keys in files; needs neither configuration nor AWS.

    Raises:
        UsageError: If a file cannot be read, or is no public key.
    """
    from deliverkit.trusting.proving import KeyRing  # noqa: PLC0415
    from deliverkit.trusting.verification import check_files  # noqa: PLC0415

    return check_files(bundle, statement, KeyRing([PublicKeyFile(key, name=str(key)) for key in keys]))


def make_key(path: Path, environ: Mapping[str, str]) -> tuple[Path, Path, str]:
    """Make an Ed25519 key pair and give its files and its id.

    Raises:
        ConflictError: If one of the files is there.
        UsageError: If they cannot be written.
    """
    from deliverkit.packaging.signing import key_id_of  # noqa: PLC0415

    private, public = write_pair(path, passphrase=environ.get(PASSPHRASE) or None)
    return private, public, key_id_of(PublicKeyFile(public).public_key())


# --- keys and checkouts -------------------------------------------------------------------------------


def _ring(settings: Settings, aws: Aws) -> KeyRing:
    from deliverkit.trusting.proving import KeyRing  # noqa: PLC0415

    trust = settings.release.trust
    return KeyRing([_public_key(each, aws) for each in trust.keys] if trust else [])


def _signer(location: KeyLocation, aws: Aws, environ: Mapping[str, str]) -> Signer:
    if location.path is not None:
        return KeyFile(location.path, passphrase=environ.get(PASSPHRASE) or None, name=location.text)
    return _kms_key(location, aws)


def _public_key(location: KeyLocation, aws: Aws) -> PublicKey:
    if location.path is not None:
        return PublicKeyFile(location.path, name=location.text)
    return _kms_key(location, aws)


def _kms_key(location: KeyLocation, aws: Aws) -> Signer:
    from deliverkit.adapters.aws.kms import KmsKey  # noqa: PLC0415

    return KmsKey(aws, location.text)


def _checked_out(folder: Path, commit: str, destination: Path) -> Path:
    from deliverkit.adapters import git  # noqa: PLC0415

    return git.check_out(folder, commit, destination)


def _look_at(recipe: BuildRecipe, here: Path, folder: Path, manifest: Manifest) -> Packing:
    """What the recipe would pack in another checkout of the configuration's folder, by the recorded rules."""

    def rules() -> PackingRules:
        configured = recipe.rules()
        return replace(configured, appspec=_moved(configured.appspec, here, folder) if configured.appspec else None)

    moved = replace(recipe, path=_moved(recipe.path, here, folder), rules=rules, memory=None)
    return moved.look_at(None, PackagingChoices(format=manifest.format))


def _moved(path: Path, here: Path, folder: Path) -> Path:
    if not path.is_relative_to(here):
        raise UsageError(
            f"{path} lies outside every checkout, so nothing can be built again there",
            hint="write release.bundle.path and appspec relative to deliverkit.yml",
        )
    return folder / path.relative_to(here)


def _build(command: str, folder: Path, version: str) -> None:
    from deliverkit.adapters import git  # noqa: PLC0415
    from deliverkit.adapters.command import run  # noqa: PLC0415

    if not command:
        return
    variables = {"DELIVERKIT_VERSION": version, "SOURCE_DATE_EPOCH": git.committed_at(folder)}
    ending = run(command, variables, timeout=_BUILD_TIMEOUT, directory=folder)
    if ending.exit_code != 0:
        how = f"exit code {ending.exit_code}" if ending.exit_code is not None else f"no end within {_BUILD_TIMEOUT}"
        raise DeliverkitError(
            f"release.build failed in a clean checkout ({how}): {ending.last_line or command}",
            hint="run it in a fresh clone of the repository; what it needs must be committed",
        )
