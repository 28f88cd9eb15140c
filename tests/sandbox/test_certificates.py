"""ACM's certificates come near their end on the sandbox's clock."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sandbox_processes import client_at

from deliverkit.sandbox.keeping.pickling import dump, load
from deliverkit.sandbox.server import Sandbox


@pytest.fixture(scope="module")
def acm(sandbox: Sandbox) -> Iterator[Any]:
    sandbox.world.clock.set_speed(0)
    yield client_at(sandbox.endpoint, "acm")
    sandbox.world.clock.set_speed(1)


def advance(sandbox: Sandbox, by: timedelta) -> None:
    sandbox.control.answer("POST", "clock", {"advance_seconds": by.total_seconds()})


def described(acm: Any, arn: str) -> Any:
    return acm.describe_certificate(CertificateArn=arn)["Certificate"]


def own(begin: datetime, end: datetime) -> dict[str, bytes]:
    """A certificate and its key, as ImportCertificate takes them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "shop.example.com")])
    serial = x509.random_serial_number()
    made = x509.CertificateBuilder(name, name, key.public_key(), serial, begin, end).sign(key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return {"Certificate": made.public_bytes(pem), "PrivateKey": private}


def test_a_certificate_is_validated_issued_and_expires(sandbox: Sandbox, acm: Any) -> None:
    now = sandbox.world.clock.now()
    arn = acm.request_certificate(DomainName="shop.example.com", ValidationMethod="DNS")["CertificateArn"]
    pending = described(acm, arn)
    assert pending["Status"] == "PENDING_VALIDATION"
    assert not {"NotAfter", "IssuedAt", "Serial"} & set(pending)
    advance(sandbox, timedelta(minutes=2))
    issued = described(acm, arn)
    assert (issued["Status"], issued["Type"], issued["InUseBy"]) == ("ISSUED", "AMAZON_ISSUED", [])
    assert issued["RenewalEligibility"] == "INELIGIBLE"  # nothing uses it
    assert timedelta(days=394) < issued["NotAfter"] - now <= timedelta(days=395)
    (listed,) = [each for each in acm.list_certificates()["CertificateSummaryList"] if each["CertificateArn"] == arn]
    assert (listed["Status"], listed["InUse"], listed["NotAfter"]) == ("ISSUED", False, issued["NotAfter"])
    got = x509.load_pem_x509_certificate(acm.get_certificate(CertificateArn=arn)["Certificate"].encode())
    assert got.not_valid_after_utc == issued["NotAfter"]
    advance(sandbox, timedelta(days=200))
    advance(sandbox, timedelta(days=196))
    assert described(acm, arn)["Status"] == "EXPIRED"


def test_certificates_outlive_the_process(sandbox: Sandbox, acm: Any) -> None:
    arn = acm.request_certificate(DomainName="kept.example.com", ValidationMethod="DNS")["CertificateArn"]
    backend = sandbox.world.moto.backend("acm", "123456789012", "us-east-1")
    written = io.BytesIO()
    dump(backend, written)
    kept = load(sandbox.world, io.BytesIO(written.getvalue())).get_certificate(arn)
    assert kept.describe() == backend.get_certificate(arn).describe()


def test_an_imported_certificate_has_its_own_dates(sandbox: Sandbox, acm: Any) -> None:
    now = sandbox.world.clock.now().replace(microsecond=0)
    end = now + timedelta(days=9)
    arn = acm.import_certificate(**own(now - timedelta(days=80), end))["CertificateArn"]
    found = described(acm, arn)
    assert (found["Status"], found["Type"], found["RenewalEligibility"]) == ("ISSUED", "IMPORTED", "INELIGIBLE")
    assert (found["NotAfter"], found["DomainName"]) == (end, "shop.example.com")
    advance(sandbox, timedelta(days=10))
    assert described(acm, arn)["Status"] == "EXPIRED"
    acm.import_certificate(CertificateArn=arn, **own(end, end + timedelta(days=90)))
    assert described(acm, arn)["Status"] == "ISSUED"
    with pytest.raises(ClientError, match="expired"):
        acm.import_certificate(**own(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 2, 1, tzinfo=UTC)))


def test_a_list_has_certificates_of_other_keys_only_when_asked(sandbox: Sandbox, acm: Any) -> None:
    now = sandbox.world.clock.now().replace(microsecond=0)
    curved = acm.import_certificate(**own(now, now + timedelta(days=9)))["CertificateArn"]
    names = ["named.example.com", "other.example.com"]
    plain = acm.request_certificate(DomainName=names[0], SubjectAlternativeNames=names)["CertificateArn"]
    told = {each["CertificateArn"]: each for each in acm.list_certificates()["CertificateSummaryList"]}
    assert plain in told
    assert curved not in told
    assert set(told[plain]["SubjectAlternativeNameSummaries"]) == set(names)
    assert told[plain]["HasAdditionalSubjectAlternativeNames"] is False
    asked = {"keyTypes": ["RSA_2048", "EC_prime256v1"]}
    listed = acm.list_certificates(Includes=asked)["CertificateSummaryList"]
    assert {plain, curved} <= {each["CertificateArn"] for each in listed}


def test_what_uses_a_certificate_makes_it_eligible(sandbox: Sandbox, acm: Any) -> None:
    network, balancing = (client_at(sandbox.endpoint, each) for each in ("ec2", "elbv2"))
    subnets = [each["SubnetId"] for each in network.describe_subnets()["Subnets"][:2]]
    balancer = balancing.create_load_balancer(Name="tls", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    arn = acm.request_certificate(DomainName="used.example.com", ValidationMethod="DNS")["CertificateArn"]
    advance(sandbox, timedelta(minutes=2))
    listener = balancing.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTPS",
        Port=8443,
        Certificates=[{"CertificateArn": arn}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}],
    )["Listeners"][0]["ListenerArn"]
    found = described(acm, arn)
    assert (found["InUseBy"], found["RenewalEligibility"]) == ([balancer], "ELIGIBLE")
    balancing.delete_listener(ListenerArn=listener)
    assert described(acm, arn)["InUseBy"] == []
