"""Requests as the journal keeps them: which of them, what of them, and how they are made again."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from deliverkit.sandbox.keeping.journal import Entry
from deliverkit.sandbox.kernel.operations import READS, Service
from deliverkit.sandbox.kernel.wsgi import Environ, read_body

MOTO_READS = (*READS, "Head", "Lookup", "Search", "Filter", "Scan", "Query")
MAKE_KEYS = (
    "TrentService.CreateKey",
    "TrentService.ReplicateKey",
    "CertificateManager.RequestCertificate",
    "CreateKeyPair",
)
LARGEST_FORM = 65536
_KEPT = frozenset(
    {"REQUEST_METHOD", "PATH_INFO", "QUERY_STRING", "CONTENT_TYPE", "CONTENT_LENGTH", "RAW_URI", "REMOTE_ADDR"}
)


def only_reads(environ: Environ, service: Service | None) -> bool:
    """True for a request that changes nothing, by its method or by the name of its operation."""
    if environ["REQUEST_METHOD"] in {"GET", "HEAD", "OPTIONS"}:
        return True
    operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
    if service is not None:
        return service.only_reads(operation)
    operation = operation or _action(environ)
    # STS hands out keys that it must know again, whatever its operations are called.
    return operation.startswith(MOTO_READS) and "/sts/" not in environ.get("HTTP_AUTHORIZATION", "")


def cannot_be_repeated(environ: Environ) -> bool:
    """True for a request that makes a key: carried out again, it would make another one."""
    return environ.get("HTTP_X_AMZ_TARGET", "").startswith(MAKE_KEYS) or _action(environ) in MAKE_KEYS


def _action(environ: Environ) -> str:
    """The `Action` of the query protocol, which stands in a form; empty for everything else."""
    length = environ.get("CONTENT_LENGTH") or "0"
    is_form = environ.get("CONTENT_TYPE", "").startswith("application/x-www-form-urlencoded")
    if not is_form or not length.isdigit() or int(length) > LARGEST_FORM:
        return ""
    return parse_qs(read_body(environ).decode("utf-8", "replace")).get("Action", [""])[0]


def essence(environ: Environ) -> Mapping[str, str]:
    """The variables that say what the request is: its line and its headers."""
    return {
        name: value for name, value in environ.items() if name in _KEPT or (name.startswith("HTTP_") and value != "")
    }


def environ_of(entry: Entry) -> Environ:
    """The request, ready to be carried out again."""
    return {
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SCRIPT_NAME": "",
        "QUERY_STRING": "",
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        **entry.environ,
        "wsgi.input": io.BytesIO(entry.body),
    }


def ignore_response(*_: Any) -> None:
    """A `start_response` for answers that nobody waits for."""
