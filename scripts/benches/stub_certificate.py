"""A certificate for the loopback address, and the authority that made it; both last a day."""

from __future__ import annotations

import ipaddress
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

AUTHORITY = "ca.pem"
PEM = serialization.Encoding.PEM


def certify(directory: Path) -> ssl.SSLContext:
    """Write the authority's certificate to `ca.pem` in the directory, and give a server's context."""
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    builder = _named("deliverkit bench authority").public_key(authority.public_key())
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    root = builder.issuer_name(_name("deliverkit bench authority")).sign(authority, hashes.SHA256())
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")])
    builder = _named("127.0.0.1").public_key(key.public_key()).issuer_name(root.subject)
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
    leaf = builder.sign(authority, hashes.SHA256())
    (directory / AUTHORITY).write_bytes(root.public_bytes(PEM))
    secret = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    pair = directory / "server.pem"
    pair.write_bytes(secret + leaf.public_bytes(PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # One cipher for all contestants, whatever they would like best.
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(pair)
    return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _named(text: str) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(_name(text)).serial_number(x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
