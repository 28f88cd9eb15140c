"""Takes the content out of PKCS7 signed data.

As the host agent, it checks no signature: what an agent trusts is the endpoint it was configured with. The reader knows
just the DER it needs, because a process per instance should not load a cryptography library to read one string.
"""

from __future__ import annotations

import base64
import binascii

from deliverkit.sandbox.agent.errors import AgentError

SIGNED_DATA = bytes.fromhex("2a864886f70d010702")
SEQUENCE, SET, OBJECT_ID, INTEGER, OCTET_STRING, EXPLICIT_0 = 0x30, 0x31, 0x06, 0x02, 0x04, 0xA0
CONSTRUCTED_OCTET_STRING = 0x24


def content_of(envelope: str) -> bytes:
    """The content of a PEM envelope `-----BEGIN PKCS7-----`.

    Raises:
        AgentError: If it is no signed data with content.
    """
    lines = [line.strip() for line in envelope.strip().splitlines()]
    body = "".join(line for line in lines if not line.startswith("-----"))
    try:
        return _content(base64.b64decode(body, validate=True))
    except (binascii.Error, IndexError) as error:
        raise AgentError("the deployment specification's envelope is no PKCS7 signed data") from error


def _content(der: bytes) -> bytes:
    kind, *wrapped = _children(_expect(der, SEQUENCE))
    if kind != (OBJECT_ID, SIGNED_DATA) or not wrapped:
        raise AgentError("the deployment specification's envelope is no PKCS7 signed data")
    _version, _digests, inner, *_ = _children(_expect(wrapped[0][1], SEQUENCE))
    _kind, *content = _children(inner[1])
    if not content:
        raise AgentError("the deployment specification's envelope has no content")
    tag, octets = _children(content[0][1])[0]
    # A signer that streams writes the content in pieces.
    return b"".join(piece for _, piece in _children(octets)) if tag == CONSTRUCTED_OCTET_STRING else octets


def _expect(der: bytes, tag: int) -> bytes:
    found, value = _children(der)[0]
    if found != tag:
        raise AgentError("the deployment specification's envelope is no PKCS7 signed data")
    return value


def _children(der: bytes) -> list[tuple[int, bytes]]:
    """Tag and value of each element, one after the other."""
    found, at = [], 0
    while at < len(der):
        tag, length, start = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, start = int.from_bytes(der[start : start + size], "big"), start + size
        if start + length > len(der):
            raise IndexError("an element is longer than what holds it")
        found.append((tag, der[start : start + length]))
        at = start + length
    return found
