"""Why a file is no envelope, or no public key, in words of ours: a library's tell of its parser, not of the file."""

from __future__ import annotations

import json
from collections.abc import Mapping

_MEMBERS = ("payload", "payloadType", "signatures")


def envelope_fault(content: bytes) -> str:
    """Why bytes that could not be parsed are no DSSE envelope (DSSE v1.0.2, "Protocol" and "Envelope")."""
    document, fault = _document(content)
    if fault:
        return fault
    if not isinstance(document, Mapping):
        return "it is JSON, but no object"
    missing = [name for name in _MEMBERS if name not in document]
    if missing:
        return f"it has no {', '.join(missing)}"
    signatures = document["signatures"]
    if not isinstance(signatures, list) or not all(_is_signature(each) for each in signatures):
        return "its signatures are damaged"
    return "its payload is damaged"


def json_fault(content: bytes) -> str:
    """Why bytes are not JSON; empty when they are."""
    return _document(content)[1]


def key_fault(text: str) -> tuple[str, str]:
    """Why a text is no public key in PEM, and the command that would make one of it; empty for none."""
    stripped = text.strip()
    if not stripped:
        return "it is empty", ""
    if "-----BEGIN CERTIFICATE" in text:
        return "it is a certificate", "openssl x509 -in FILE -noout -pubkey prints its public key"
    if stripped.startswith(("ssh-", "ecdsa-sha2-", "---- BEGIN SSH2")):
        return "it is a key of SSH", "ssh-keygen -f FILE -e -m pkcs8 prints it in PEM"
    if "-----BEGIN" not in text:
        return "it holds no line -----BEGIN PUBLIC KEY-----", ""
    if "-----END" not in text:
        return "it breaks off before its line -----END PUBLIC KEY-----", ""
    return "what stands between its BEGIN and END is damaged, or a kind of key that is not taken", ""


def _document(content: bytes) -> tuple[object, str]:
    if not content.strip():
        return None, "it is empty"
    try:
        return json.loads(content), ""
    except UnicodeDecodeError:
        return None, "it is no text"
    except RecursionError:
        return None, "it is nested too deeply"
    except ValueError:
        text = content.strip()
        return None, "it breaks off" if text.startswith(b"{") and not text.endswith(b"}") else "it is no JSON"


def _is_signature(value: object) -> bool:
    if not isinstance(value, Mapping) or not {"keyid", "sig"} <= value.keys():
        return False
    return all(isinstance(value[name], str) for name in ("keyid", "sig"))
