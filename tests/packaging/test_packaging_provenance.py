"""Provenance: what was put into a statement comes out again, other tools read it, and tampering shows."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_public_key
from google.protobuf import json_format
from hypothesis import given
from hypothesis import strategies as st
from in_toto_attestation.predicates.provenance.v1.provenance_pb2 import Provenance as SlsaProvenance
from in_toto_attestation.v1.statement import Statement
from in_toto_attestation.v1.statement_pb2 import Statement as StatementProto
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from deliverkit.adapters.key_file import KeyFile, PublicKeyFile, write_pair
from deliverkit.domain.trust import BuildClaims, Origin, Provenance
from deliverkit.errors import ConflictError, IntegrityError, UsageError
from deliverkit.packaging.provenance import make_statement, read_statement
from deliverkit.packaging.signing import key_id_of, seal, unseal

AT = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
ORIGIN = Origin("https://git.example.com/shop.git", "c" * 40, "main", "v1.0", is_dirty=False)
SHOP = Provenance(
    application="shop",
    version="1.0",
    bundle="sha256:" + "a" * 64,
    format="zip",
    path="build",
    manifest="sha256:" + "b" * 64,
    sbom="sha256:" + "d" * 64,
    builder="https://ci.example.com/",
    builder_version="0.1",
    started_at=AT,
    finished_at=AT,
    invocation="https://ci.example.com/job/shop/7/",
    build="jenkins-shop-7",
    origin=ORIGIN,
    claims=BuildClaims(
        "team/shop", "7", "Started by user Ümit", "agent-3", "PR-12", "c" * 40, "arn:aws:iam::1:user/ci"
    ),
)

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SOME = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=20)
DIGESTS = st.binary(min_size=32, max_size=32).map(lambda digest: f"sha256:{digest.hex()}")
MOMENTS = st.integers(0, 2**32).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
ORIGINS = st.builds(Origin, TEXTS.filter(lambda text: not text.startswith("git+")), SOME, TEXTS, TEXTS, st.booleans())
PROVENANCES = st.builds(
    Provenance,
    application=TEXTS,
    version=TEXTS,
    bundle=DIGESTS,
    format=TEXTS,
    path=TEXTS,
    manifest=DIGESTS,
    sbom=DIGESTS,
    builder=TEXTS,
    builder_version=TEXTS,
    started_at=MOMENTS,
    finished_at=MOMENTS,
    invocation=TEXTS,
    build=TEXTS,
    origin=st.none() | ORIGINS,
    claims=st.builds(BuildClaims, *[TEXTS] * 7),
)


@pytest.fixture
def pair(tmp_path: Path) -> tuple[KeyFile, str]:
    private, public = write_pair(tmp_path / "release.pem", passphrase=None)
    return KeyFile(private), PublicKeyFile(public).public_key()


def opened(envelope: bytes) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(envelope)
    return document


# --- statements ------------------------------------------------------------------------------------


@given(PROVENANCES)
def test_what_is_stated_is_read_back_and_one_statement_has_one_form(provenance: Provenance) -> None:
    content = make_statement(provenance)
    assert read_statement(content) == provenance
    assert make_statement(read_statement(content)) == content


def test_a_statement_from_before_builds_were_stated_is_read_as_ever() -> None:
    document = json.loads(make_statement(SHOP))
    del document["predicate"]["runDetails"]["metadata"]["deliverkit_build"]
    assert read_statement(json.dumps(document).encode()) == replace(SHOP, claims=BuildClaims())


def test_what_is_not_known_of_a_build_is_not_stated() -> None:
    document = json.loads(make_statement(replace(SHOP, claims=BuildClaims(job="shop"))))
    assert document["predicate"]["runDetails"]["metadata"]["deliverkit_build"] == {"job": "shop"}
    assert b'deliverkit_build":' not in make_statement(replace(SHOP, claims=BuildClaims()))


def test_a_build_that_is_no_text_is_refused() -> None:
    document = json.loads(make_statement(SHOP))
    document["predicate"]["runDetails"]["metadata"]["deliverkit_build"]["number"] = 7
    with pytest.raises(IntegrityError, match="not of the kind"):
        read_statement(json.dumps(document).encode())


def test_a_statement_is_what_the_specifications_say() -> None:
    """Read with the libraries' own protocol buffers, which refuse unknown fields and wrong types."""
    document = json.loads(make_statement(SHOP))
    statement = Statement.copy_from_pb(json_format.ParseDict(document, StatementProto()))
    statement.validate()
    assert statement.pb.subject[0].name == "shop-1.0.zip"
    assert dict(statement.pb.subject[0].digest) == {"sha256": "a" * 64}
    assert document["predicateType"] == "https://slsa.dev/provenance/v1"
    slsa = json_format.ParseDict(_without_own_fields(document["predicate"]), SlsaProvenance())
    assert slsa.build_definition.resolved_dependencies[0].uri == "git+https://git.example.com/shop.git"
    assert dict(slsa.build_definition.resolved_dependencies[0].digest) == {"gitCommit": "c" * 40}
    assert slsa.build_definition.resolved_dependencies[0].annotations["dirty"] is False
    assert slsa.run_details.builder.id == "https://ci.example.com/"
    assert dict(slsa.run_details.builder.version) == {"deliverkit": "0.1"}
    assert slsa.run_details.metadata.invocation_id == "https://ci.example.com/job/shop/7/"
    assert slsa.run_details.metadata.started_on.ToJsonString() == "2026-03-01T12:00:00Z"
    assert {each.name: each.digest["sha256"][0] for each in slsa.run_details.byproducts} == {
        "manifest.json": "b",
        "sbom.cdx.json": "d",
    }


def _without_own_fields(predicate: dict[str, Any]) -> dict[str, Any]:
    """SLSA allows producers fields of their own, `<vendor>_<field>`."""
    for field in ("deliverkit_buildTag", "deliverkit_build"):
        predicate["runDetails"]["metadata"].pop(field)
    return predicate


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(_type="https://in-toto.io/Statement/v0.1"),
        lambda d: d.update(predicateType="https://slsa.dev/provenance/v0.2"),
        lambda d: d["predicate"]["buildDefinition"].update(buildType="urn:somebody:else"),
        lambda d: d["subject"].append(d["subject"][0]),
        lambda d: d["subject"].clear(),
        lambda d: d["subject"][0]["digest"].update(sha256="A" * 64),
        lambda d: d["predicate"]["runDetails"]["byproducts"].clear(),
        lambda d: d["predicate"]["buildDefinition"]["resolvedDependencies"][0]["annotations"].update(dirty="no"),
        lambda d: d["predicate"]["buildDefinition"]["resolvedDependencies"][0].pop("annotations"),
        lambda d: d["predicate"]["buildDefinition"].update(resolvedDependencies=[1]),
        lambda d: d["predicate"]["runDetails"]["metadata"].update(startedOn="yesterday"),
        lambda d: d["predicate"].pop("runDetails"),
        lambda d: d.update(predicate=[]),
    ],
)
def test_what_is_not_provenance_of_ours_is_refused(change: Any) -> None:
    document = json.loads(make_statement(SHOP))
    change(document)
    with pytest.raises(IntegrityError, match="not the provenance of a bundle"):
        read_statement(json.dumps(document).encode())


@given(st.binary(max_size=50) | st.just(b"[" * 100_000) | st.just(b"{}"))
def test_rubbish_is_refused_and_nothing_else_happens(content: bytes) -> None:
    with pytest.raises(IntegrityError):
        read_statement(content)
    with pytest.raises(IntegrityError):
        unseal(content, [])


# --- envelopes -------------------------------------------------------------------------------------


def test_a_signature_verifies_by_hand(pair: tuple[KeyFile, str]) -> None:
    """The pre-authentication encoding of the DSSE specification, and Ed25519 as cryptography has it; none of ours."""
    signer, public = pair
    document = opened(seal(make_statement(SHOP), signer))
    payload, kind = base64.b64decode(document["payload"]), document["payloadType"].encode()
    encoded = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    key = load_pem_public_key(public.encode())
    assert isinstance(key, Ed25519PublicKey)
    (signature,) = document["signatures"]
    key.verify(base64.b64decode(signature["sig"]), encoded)
    with pytest.raises(InvalidSignature):
        key.verify(base64.b64decode(signature["sig"]), encoded + b" ")
    assert kind == b"application/vnd.in-toto+json"
    assert payload == make_statement(SHOP)


def test_a_signature_verifies_with_the_plain_library(pair: tuple[KeyFile, str], tmp_path: Path) -> None:
    signer, public = pair
    envelope = Envelope.from_dict(opened(seal(make_statement(SHOP), signer)))
    key = SSlibKey.from_crypto(load_pem_public_key(public.encode()))
    assert envelope.verify([key], 1) == {key.keyid: key}
    _, other = write_pair(tmp_path / "other.pem", passphrase=None)
    stranger = SSlibKey.from_crypto(load_pem_public_key(other.read_bytes()))
    with pytest.raises(VerificationError):
        envelope.verify([stranger], 1)


@pytest.mark.parametrize(
    "private",
    [
        ec.generate_private_key(ec.SECP256R1()),
        ec.generate_private_key(ec.SECP384R1()),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["P-256", "P-384", "RSA-PSS"],
)
def test_keys_of_other_kinds_sign_too(private: Any, tmp_path: Path) -> None:
    place = tmp_path / "key.pem"
    place.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    signer = KeyFile(place)
    assert unseal(seal(b"{}", signer), [signer.public_key()]).keys == (key_id_of(signer.public_key()),)


@pytest.mark.parametrize(
    "private",
    [ec.generate_private_key(ec.SECP256K1()), rsa.generate_private_key(65537, 1024)],
    ids=["secp256k1", "RSA-1024"],
)
def test_keys_that_nobody_should_trust_are_refused(private: Any, tmp_path: Path) -> None:
    place = tmp_path / "key.pem"
    place.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(UsageError, match="not a public key that signatures can be verified with"):
        seal(b"{}", KeyFile(place))


def test_an_envelope_without_a_signature_says_so() -> None:
    found = unseal(seal(make_statement(SHOP), None), [])
    assert (found.payload, found.keys, found.signers) == (make_statement(SHOP), (), ())


def test_a_changed_statement_is_signed_by_nobody(pair: tuple[KeyFile, str]) -> None:
    signer, public = pair
    document = opened(seal(make_statement(SHOP), signer))
    forged = make_statement(replace(SHOP, bundle="sha256:" + "e" * 64))
    document["payload"] = base64.b64encode(forged).decode()
    found = unseal(json.dumps(document).encode(), [public])
    assert found.keys == ()
    assert found.signers == (key_id_of(public),)


@given(at=st.integers(0, 10_000), mask=st.integers(1, 255))
def test_no_single_changed_byte_of_an_envelope_verifies_as_something_else(
    tmp_path_factory: pytest.TempPathFactory, at: int, mask: int
) -> None:
    private, public = write_pair(tmp_path_factory.mktemp("keys") / "k.pem", passphrase=None)
    envelope = bytearray(seal(make_statement(SHOP), KeyFile(private)))
    envelope[at % len(envelope)] ^= mask
    try:
        found = unseal(bytes(envelope), [public.read_text()])
    except IntegrityError:
        return
    # What base64 or JSON do not tell apart (its last bits, white space) may change; what was signed may not.
    assert not found.keys or found.payload == make_statement(SHOP)


# --- key files -------------------------------------------------------------------------------------


def test_a_new_key_is_for_its_owner_alone_and_never_overwritten(tmp_path: Path) -> None:
    private, public = write_pair(tmp_path / "release.pem", passphrase=None)
    assert private.stat().st_mode & 0o777 == 0o600
    assert public == tmp_path / "release.pem.pub"
    before = private.read_bytes()
    with pytest.raises(ConflictError, match="never overwritten"):
        write_pair(tmp_path / "release.pem", passphrase=None)
    public.unlink()
    with pytest.raises(ConflictError):
        write_pair(tmp_path / "release.pem", passphrase=None)
    assert not public.exists()
    assert private.read_bytes() == before


def test_a_passphrase_is_needed_and_never_told(tmp_path: Path) -> None:
    private, public = write_pair(tmp_path / "release.pem", passphrase="correct horse")
    assert b"ENCRYPTED" in private.read_bytes()
    envelope = seal(b"{}", KeyFile(private, passphrase="correct horse"))
    assert unseal(envelope, [public.read_text()]).keys
    with pytest.raises(UsageError, match="there is no passphrase") as missing:
        KeyFile(private).sign(b"")
    assert "DELIVERKIT_KEY_PASSPHRASE" in missing.value.hint
    with pytest.raises(UsageError, match="DELIVERKIT_KEY_PASSPHRASE right") as wrong:
        KeyFile(private, passphrase="battery staple").sign(b"")
    assert "battery" not in str(wrong.value)


def test_a_private_key_is_not_taken_for_a_public_one(tmp_path: Path) -> None:
    private, _ = write_pair(tmp_path / "release.pem", passphrase=None)
    with pytest.raises(UsageError, match="holds a private key"):
        PublicKeyFile(private).public_key()


@pytest.mark.parametrize("content", [b"", b"hello", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_files_without_a_key_are_refused(content: bytes, tmp_path: Path) -> None:
    place = tmp_path / "key.pem"
    place.write_bytes(content)
    with pytest.raises(UsageError, match="cannot be read as a private key"):
        KeyFile(place).sign(b"")
    with pytest.raises(UsageError, match="cannot be read"):
        KeyFile(tmp_path / "missing.pem").sign(b"")
