"""Keys in KMS: what they sign verifies without KMS, and every refusal is told as what it is."""

from __future__ import annotations

import itertools
import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deliverkit.adapters.aws.kms import KmsKey
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.errors import ConflictError, UnreachableError, UsageError
from deliverkit.packaging.signing import key_id_of, seal, unseal
from deliverkit.sandbox.launcher import RunningSandbox

_NUMBERS = itertools.count(1)
LONG = b"x" * 100_000
"""More than the 4,096 bytes that KMS takes of a message itself."""


def make_key(aws: Aws, spec: str = "ECC_NIST_P256", usage: str = "SIGN_VERIFY") -> str:
    """A new key's id."""
    return str(aws.client("kms").create_key(KeySpec=spec, KeyUsage=usage)["KeyMetadata"]["KeyId"])


def make_alias(aws: Aws, key: str) -> str:
    alias = f"alias/release-{next(_NUMBERS)}"
    aws.client("kms").create_alias(AliasName=alias, TargetKeyId=key)
    return alias


@pytest.mark.parametrize("spec", ["ECC_NIST_P256", "ECC_NIST_P384", "RSA_2048", "RSA_3072"])
def test_what_a_key_signs_verifies_with_its_public_key_alone(aws: Aws, spec: str) -> None:
    signer = KmsKey(aws, f"kms://{make_key(aws, spec)}")
    envelope = seal(LONG, signer)
    public = signer.public_key()
    assert unseal(envelope, [public]).keys == (key_id_of(public),)
    other = KmsKey(aws, f"kms://{make_key(aws, spec)}").public_key()
    assert unseal(envelope, [other]).keys == ()


def test_kms_itself_agrees(aws: Aws) -> None:
    """The signature is over the message's digest, as KMS verifies it, and over no digest of that digest."""
    key = make_key(aws)
    signature = KmsKey(aws, key).sign(b"message")
    answer = aws.client("kms").verify(
        KeyId=key, Message=b"message", Signature=signature, SigningAlgorithm="ECDSA_SHA_256"
    )
    assert answer["SignatureValid"]
    with pytest.raises(aws.client("kms").exceptions.KMSInvalidSignatureException):
        aws.client("kms").verify(KeyId=key, Message=b"massage", Signature=signature, SigningAlgorithm="ECDSA_SHA_256")


def test_aliases_ids_and_arns_name_the_same_key(aws: Aws) -> None:
    key = make_key(aws)
    arn = aws.client("kms").describe_key(KeyId=key)["KeyMetadata"]["Arn"]
    names = (f"kms://{key}", f"kms://{make_alias(aws, key)}", f"kms://{arn}", arn)
    assert len({KmsKey(aws, name).public_key() for name in names}) == 1
    assert KmsKey(aws, arn).name == f"kms://{arn}"


def test_the_region_of_an_arn_decides(aws: Aws) -> None:
    made = aws.client("kms", "eu-west-1").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    assert KmsKey(aws, made["Arn"]).sign(b"m")
    with pytest.raises(UsageError, match=made["KeyId"]):
        KmsKey(aws, made["KeyId"]).sign(b"m")


def test_a_disabled_key_neither_signs_nor_verifies(aws: Aws) -> None:
    key = make_key(aws)
    signer = KmsKey(aws, key)
    signer.public_key()
    aws.client("kms").disable_key(KeyId=key)
    with pytest.raises(ConflictError, match="DisabledException") as refusal:
        signer.sign(b"m")
    assert f"kms://{key}" in refusal.value.message
    with pytest.raises(ConflictError, match="is disabled"):
        KmsKey(aws, key).public_key()
    aws.client("kms").enable_key(KeyId=key)
    assert KmsKey(aws, key).sign(b"m")


def test_a_key_that_is_about_to_go_is_refused(aws: Aws) -> None:
    key = make_key(aws)
    aws.client("kms").schedule_key_deletion(KeyId=key, PendingWindowInDays=7)
    with pytest.raises(ConflictError, match="pending deletion"):
        KmsKey(aws, key).sign(b"m")


@pytest.mark.parametrize("name", ["kms://alias/nobody-made-this", "kms://12345678-1234-1234-1234-123456789012"])
def test_a_missing_key_is_a_matter_of_configuration(aws: Aws, name: str) -> None:
    with pytest.raises(UsageError, match="NotFoundException") as refusal:
        KmsKey(aws, name).sign(b"m")
    assert name in refusal.value.message
    assert "create-key" in refusal.value.hint


@pytest.mark.parametrize(
    ("spec", "usage"),
    [("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"), ("ECC_SECG_P256K1", "SIGN_VERIFY"), ("RSA_2048", "ENCRYPT_DECRYPT")],
)
def test_a_key_of_another_kind_is_refused(aws: Aws, spec: str, usage: str) -> None:
    key = make_key(aws, spec, usage)
    with pytest.raises(UsageError, match=key) as refusal:
        KmsKey(aws, key).sign(b"m")
    assert "ECC_NIST_P256" in refusal.value.hint


@pytest.mark.parametrize(("allowed", "denied"), [("kms:GetPublicKey", "kms:Sign"), ("kms:Sign", "kms:GetPublicKey")])
def test_a_missing_permission_is_told(aws: Aws, adapters_sandbox: RunningSandbox, allowed: str, denied: str) -> None:
    key = make_key(aws)
    user = aws_of_user(aws, adapters_sandbox.endpoint, allowed)
    with enforced(adapters_sandbox.endpoint), pytest.raises(UnreachableError, match=denied) as refusal:
        KmsKey(user, key).sign(b"m")
    assert f"kms://{key}" in refusal.value.message
    assert "permission" in refusal.value.hint


def test_two_permissions_are_enough(aws: Aws, adapters_sandbox: RunningSandbox) -> None:
    key = make_key(aws)
    user = aws_of_user(aws, adapters_sandbox.endpoint, "kms:GetPublicKey", "kms:Sign")
    with enforced(adapters_sandbox.endpoint):
        assert KmsKey(user, key).sign(b"m")


@contextmanager
def enforced(endpoint: str) -> Iterator[None]:
    """A while in which the sandbox enforces policies."""
    _enforce(endpoint, is_enforced=True)
    try:
        yield
    finally:
        _enforce(endpoint, is_enforced=False)


def _enforce(endpoint: str, *, is_enforced: bool) -> None:
    body = json.dumps({"is_enforced": is_enforced}).encode()
    with urllib.request.urlopen(f"{endpoint}/_sandbox/access", body, timeout=10) as answer:
        assert json.loads(answer.read()) == {"is_enforced": is_enforced}


def aws_of_user(aws: Aws, endpoint: str, *actions: str) -> Aws:
    """Clients of a user who may do these things and nothing else."""
    iam, name = aws.client("iam"), f"signer-{next(_NUMBERS)}"
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return Aws(
        Account(
            region="us-east-1",
            endpoint_url=endpoint,
            access_key_id=made["AccessKeyId"],
            secret_access_key=made["SecretAccessKey"],
        )
    )


def test_no_answer_is_no_verdict() -> None:
    nowhere = Aws(
        Account(region="us-east-1", endpoint_url="http://127.0.0.1:9", access_key_id="a", secret_access_key="b")
    )
    with pytest.raises(UnreachableError, match="no answer"):
        KmsKey(nowhere, "kms://alias/x").public_key()
