"""Checks of certificates: those of AWS Certificate Manager in the sandbox, and those that real servers serve."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cloud_bench import REGION, CloudBench, cloud
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from deliverkit.adapters.aws.certificates import KEY_TYPES, CertificateCheck
from deliverkit.adapters.served_certificate import ServedCertificates
from deliverkit.check_ports import Checker
from deliverkit.domain.carriage import Target
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Check, CheckKind, Verdict
from deliverkit.testing.contracts import CheckContract
from deliverkit.testing.contracts.checks import Case, context
from deliverkit.testing.fleet import Fleet

ADDRESS = "127.79.0.1"
Pair = tuple[bytes, bytes]
"""A certificate and its private key, in PEM."""


class Authority:
    """Vouches for certificates of `shop.example.com` and of a loopback address."""

    def __init__(self, folder: Path) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Authority of the tests")])
        limits = x509.BasicConstraints(ca=True, path_length=None)
        now = datetime.now(UTC)
        own = _builder(self._name, self._name, self._key.public_key(), now - timedelta(days=1), now + timedelta(days=9))
        certificate = own.add_extension(limits, critical=True).sign(self._key, hashes.SHA256())
        self.path = folder / "ca.pem"
        self.path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def vouched(self, end: datetime, *, bits: int = 0) -> Pair:
        """A certificate until then; with an RSA key when it has bits."""
        key = rsa.generate_private_key(65537, bits) if bits else ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop.example.com")])
        names = [x509.DNSName("shop.example.com"), x509.IPAddress(ipaddress.ip_address(ADDRESS))]
        begin = min(datetime.now(UTC), end) - timedelta(days=2)
        builder = _builder(name, self._name, key.public_key(), begin, end)
        signed = builder.add_extension(x509.SubjectAlternativeName(names), critical=False).sign(
            self._key, hashes.SHA256()
        )
        form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL)
        private = key.private_bytes(*form, serialization.NoEncryption())
        return signed.public_bytes(serialization.Encoding.PEM), private


def _builder(name: x509.Name, issuer: x509.Name, key: Any, begin: datetime, end: datetime) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key)
    return builder.serial_number(x509.random_serial_number()).not_valid_before(begin).not_valid_after(end)


@contextmanager
def serving(folder: Path, pair: Pair | None) -> Iterator[str]:
    """A server that does handshakes with that certificate, or hangs up at once without one; HOST:PORT."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if pair:
        path = folder / "served.pem"
        path.write_bytes(b"".join(pair))
        context.load_cert_chain(path)
    with socket.create_server((ADDRESS, 0)) as server:
        threading.Thread(target=_accept, args=(server, context if pair else None), daemon=True).start()
        yield f"{ADDRESS}:{server.getsockname()[1]}"
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, context: ssl.SSLContext | None) -> None:
    with suppress(OSError):
        while True:
            connection, _ = server.accept()
            with connection, suppress(OSError):
                if context is not None:
                    context.wrap_socket(connection, server_side=True).close()


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CloudBench]:
    with cloud(tmp_path_factory.mktemp("cloud")) as bench:
        yield bench


@pytest.fixture(scope="module")
def authority(bench: CloudBench) -> Authority:
    return Authority(bench.folder)


def served(authority: Authority, address: str, more: str = "") -> str:
    return f"certificate: {{address: '{address}', ca: {authority.path.name}{more}}}"


# --- what is served --------------------------------------------------------------------------------


def test_a_served_certificate_passes_while_enough_days_are_left(bench: CloudBench, authority: Authority) -> None:
    end = bench.clock.now() + timedelta(days=40, hours=1)
    with serving(bench.folder, authority.vouched(end)) as address:
        found = bench.sample(bench.check(served(authority, address)))
        told = f"the certificate of {address} ends on {end:%Y-%m-%d}, in 40 days"
        assert (found.outcome, found.reason) == (Verdict.PASSED, f"{told}, 30 days are needed")
        assert found.value == pytest.approx(40.04, abs=0.01)
        assert found.query == f"openssl s_client -connect {address} -servername {ADDRESS}"
        named = bench.measured(served(authority, f"https://{address}/healthz", ", host: shop.example.com, days: 41"))
        assert named == (Verdict.FAILED, f"{told}, 41 days are needed")
        elsewhere = bench.measured(served(authority, "https://${environment}.example", ", host: shop.example.com"))
        assert elsewhere[0] is Verdict.ERROR


def test_what_is_served_must_be_trusted_of_that_host_and_not_expired(bench: CloudBench, authority: Authority) -> None:
    now = datetime.now(UTC)
    with serving(bench.folder, authority.vouched(now + timedelta(days=90))) as address:
        verdict, reason = bench.measured(f"certificate: {{address: '{address}'}}")
        assert (verdict, "is not good: nobody we trust vouches for it" in reason) == (Verdict.FAILED, True)
        verdict, reason = bench.measured(served(authority, address, ", host: other.example.com"))
        assert verdict is Verdict.FAILED
        assert "it is for another host (Hostname mismatch" in reason
    with serving(bench.folder, authority.vouched(now - timedelta(days=1))) as address:
        verdict, reason = bench.measured(served(authority, address))
        assert (verdict, "it has expired" in reason) == (Verdict.FAILED, True)


def test_what_serves_no_certificate_is_an_error(bench: CloudBench, authority: Authority) -> None:
    with serving(bench.folder, None) as address:
        verdict, reason = bench.measured(served(authority, address))
        assert (verdict, "cannot be seen: " in reason) == (Verdict.ERROR, True)
    verdict, reason = bench.measured(served(authority, address))
    assert (verdict, "refused" in reason) == (Verdict.ERROR, True)
    for wrong in ("http://shop.example.com", "shop.example.com:many"):
        verdict, reason = bench.measured(served(authority, wrong))
        assert (verdict, "is no address" in reason) == (Verdict.ERROR, True)
    verdict, reason = bench.measured("certificate: {address: '127.0.0.1:1', ca: /nowhere/ca.pem}")
    assert (verdict, "/nowhere/ca.pem does not hold certificates" in reason) == (Verdict.ERROR, True)


def test_each_target_serves_its_own(bench: CloudBench, authority: Authority) -> None:
    fleet = Fleet(bench.clock)
    for group, size in (("shop-dev", 2), ("shop-empty", 0)):
        fleet.add_group(REGION, group, size=size)
    for number, instance in enumerate(fleet.instances(REGION, "shop-dev"), 1):
        instance.target = Target(instance.target.target_id, REGION, f"127.79.0.{number}")
    looking = ServedCertificates(fleet.deployer, folder=bench.folder)
    checker = CertificateCheck(bench.aws, bench.clock, served=looking)
    with serving(bench.folder, authority.vouched(datetime.now(UTC) + timedelta(days=40))) as address:
        check = bench.check(served(authority, "${target.address}:" + address.partition(":")[2]))
        found = bench.measure(check, checker=checker)
    assert found is not None
    assert (found.outcome, "127.79.0.2:" in found.reason, "refused" in found.reason) == (Verdict.ERROR, True, True)
    assert found.seen is not None
    assert ["not_after" in each for each in found.seen["served"]] == [True, False]
    nobody = bench.measure(check, checker=checker, group="shop-empty")
    assert nobody is not None
    assert (nobody.outcome, nobody.reason) == (Verdict.ERROR, "shop-empty has no running targets in us-east-1")


# --- what AWS Certificate Manager keeps --------------------------------------------------------------


def imported(bench: CloudBench, authority: Authority, days: float, **key: int) -> str:
    certificate, private = authority.vouched(bench.clock.now() + timedelta(days=days), **key)
    answer = bench.client("acm").import_certificate(Certificate=certificate, PrivateKey=private)
    return str(answer["CertificateArn"])


def test_an_imported_certificate_passes_fails_and_expires(bench: CloudBench, authority: Authority) -> None:
    arn = imported(bench, authority, 40.5, bits=2048)
    check = bench.check(f"certificate: {{arn: '{arn}', in_use: false}}")
    found = bench.sample(check)
    assert found.outcome is Verdict.PASSED
    assert found.reason.startswith("certificate shop.example.com (us-east-1) ends on ")
    assert ", in 40 days, 30 days are needed" in found.reason
    assert found.query == f"aws acm describe-certificate --region {REGION} --certificate-arn {arn}"
    again = bench.sample(check)
    assert again.outcome is Verdict.PASSED, "a process that takes over asks again"
    verdict, reason = bench.measured(f"certificate: {{arn: '{arn}', days: 41, in_use: false}}")
    assert (verdict, "41 days are needed" in reason) == (Verdict.FAILED, True)
    assert bench.measured(f"certificate: {{arn: '{arn}'}}") == (
        Verdict.FAILED,
        "certificate shop.example.com (us-east-1) is used by nothing",
    )


class TestContract(CheckContract):
    kind = CheckKind.CERTIFICATE

    @pytest.fixture
    def checker(self, bench: CloudBench) -> Checker:
        return bench.process()("certificate")

    @pytest.fixture
    def passing(self, bench: CloudBench, authority: Authority) -> Case:
        return Case({"arn": imported(bench, authority, 40, bits=2048), "days": 30, "in_use": False}, context())

    @pytest.fixture
    def failing(self, passing: Case) -> Case:
        return Case({**passing.spec, "in_use": True}, context())

    @pytest.fixture
    def unaskable(self) -> Case:
        return Case({"domain": "nobody.example.com", "days": 30, "in_use": False}, context())


def test_of_a_domain_the_certificate_that_ends_last_is_looked_at(bench: CloudBench, authority: Authority) -> None:
    for days in (10, 100, 20):
        imported(bench, authority, days + 0.5, bits=2048)
    verdict, reason = bench.measured("certificate: {domain: Shop.example.com, in_use: false}")
    assert (verdict, "in 100 days" in reason) == (Verdict.PASSED, True)
    verdict, reason = bench.measured("certificate: {domain: nobody.example.com}")
    assert (verdict, reason) == (Verdict.ERROR, "there is no certificate of nobody.example.com in us-east-1")


def test_a_certificate_that_was_only_asked_for_is_awaited(bench: CloudBench) -> None:
    arn = bench.client("acm").request_certificate(DomainName="new.example.com", ValidationMethod="DNS")[
        "CertificateArn"
    ]
    found = bench.sample(bench.check(f"certificate: {{arn: '{arn}'}}"))
    assert (found.outcome, found.is_open) == (Verdict.INCONCLUSIVE, True)
    assert "waits for its domain to be validated" in found.reason
    unknown = arn[:-4] + "0000"
    assert bench.measured(f"certificate: {{arn: '{unknown}'}}")[0] is Verdict.ERROR


def test_a_certificate_in_use_passes_until_it_nears_its_end(tmp_path: Path) -> None:
    with cloud(tmp_path) as bench:  # years pass for everybody in it
        elb, ec2, arn = (
            bench.client("elbv2"),
            bench.client("ec2"),
            imported(bench, Authority(tmp_path), 40.5, bits=2048),
        )
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        blocks = (("10.0.1.0/24", "us-east-1a"), ("10.0.2.0/24", "us-east-1b"))
        made = [ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=zone) for block, zone in blocks]
        subnets = [each["Subnet"]["SubnetId"] for each in made]
        balancer = elb.create_load_balancer(Name="shop", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        group = elb.create_target_group(Name="web", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
        forward = {"Type": "forward", "TargetGroupArn": group["TargetGroups"][0]["TargetGroupArn"]}
        certificates = [{"CertificateArn": arn}]
        elb.create_listener(
            LoadBalancerArn=balancer, Protocol="HTTPS", Port=18443, Certificates=certificates, DefaultActions=[forward]
        )
        unused = imported(bench, Authority(tmp_path), 400, bits=2048)
        told = []
        for days in (0, 20, 30):
            bench.clock.pass_time(timedelta(days=days))
            told.append(bench.measured("certificate: {domain: shop.example.com}"))
        assert [verdict for verdict, _ in told] == [Verdict.PASSED, Verdict.FAILED, Verdict.FAILED]
        assert "in 40 days" in told[0][1], "the one that is in use, although another one ends later"
        assert "in 20 days, 30 days are needed" in told[1][1]
        assert "is EXPIRED, not ISSUED: expired on " in told[2][1]
        assert bench.measured(f"certificate: {{arn: '{unused}', in_use: false}}")[0] is Verdict.PASSED


def judged(**certificate: Any) -> tuple[Verdict, str]:
    kept = {"name": "shop", "region": REGION, "status": "ISSUED", "in_use": 1, "renewal": "", **certificate}
    check = Check("certificate", "", "certificate", {"days": 30, "in_use": True})
    found = assess(check, {"at": "2026-11-28T12:00:00+00:00", "certificates": [kept], "served": []})
    return found.outcome, found.reason


@pytest.mark.parametrize(
    ("certificate", "verdict", "told"),
    [
        ({"not_after": "2026-12-28T12:00:00+00:00"}, Verdict.PASSED, "in 30 days"),
        ({"not_after": "2026-12-28T11:59:59+00:00"}, Verdict.FAILED, "in 29 days"),
        (
            {"not_after": "2026-12-01T00:00:00+00:00", "renewal": "PENDING_AUTO_RENEWAL"},
            Verdict.FAILED,
            "its renewal is under way",
        ),
        (
            {"not_after": "2027-12-01T00:00:00+00:00", "renewal": "PENDING_VALIDATION"},
            Verdict.PASSED,
            "its renewal waits for the domain to be validated",
        ),
        (
            {"not_after": "2026-11-26T00:00:00+00:00", "status": "EXPIRED"},
            Verdict.FAILED,
            "is EXPIRED, not ISSUED: exp",
        ),
        ({"not_after": "2026-11-26T00:00:00+00:00"}, Verdict.FAILED, "expired on 2026-11-26, 2 days ago"),
        ({"not_after": None, "status": "REVOKED"}, Verdict.FAILED, "is REVOKED"),
        ({"not_after": None}, Verdict.ERROR, "tells no end"),
    ],
)
def test_status_days_and_renewal_are_told(certificate: dict[str, Any], verdict: Verdict, told: str) -> None:
    found, reason = judged(**certificate)
    assert (found, told in reason) == (verdict, True), reason


def test_no_certificate_is_an_error() -> None:
    check = Check("certificate", "", "certificate", {"days": 30, "in_use": True})
    found = assess(check, {"at": "2026-11-28T12:00:00+00:00", "certificates": [], "served": []})
    assert (found.outcome, found.reason) == (Verdict.ERROR, "there is no certificate")


def test_certificates_with_every_kind_of_key_are_asked_for(bench: CloudBench) -> None:
    shape = bench.client("acm").meta.service_model.shape_for("KeyAlgorithm")
    assert set(KEY_TYPES) == set(shape.enum)
