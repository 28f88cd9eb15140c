"""The first to see a request: makes its body one of known length, and refuses what is no request of AWS's."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterable, Iterator

from deliverkit.sandbox.access.answers import error_answer
from deliverkit.sandbox.access.request import Request, Wire, any_request, forget_request
from deliverkit.sandbox.access.signing import Refusal, refuse_unsigned
from deliverkit.sandbox.kernel.wsgi import CONTROL_PREFIX, MAX_BODY, Application, Environ, StartResponse

log = logging.getLogger(__name__)
LARGEST_UPLOAD = 5 * 1024**3
"""What one PUT may hold (Amazon S3 user guide, "Uploading objects")."""
_PIECE = 1024 * 1024


class Intake:
    """A WSGI application around all others."""

    def __init__(self, application: Application) -> None:
        """Take what answers to requests that are whole."""
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        refusal = _gather(environ)
        request = any_request(environ)
        if refusal is None and not environ["PATH_INFO"].startswith(CONTROL_PREFIX):
            refusal = refuse_unsigned(environ, request)
        if refusal is None:
            return self._answer(environ, start_response)
        return error_answer(request, refusal.code, refusal.message, refusal.status).send(start_response)

    def _answer(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return self._application(environ, start_response)
        except (ConnectionError, TimeoutError):
            raise  # nobody is there to be told
        except Exception:
            request = any_request(environ)
            log.exception("%s failed", request.action)
            return error_answer(request, "InternalFailure", "the sandbox failed; see its log", 500).send(start_response)


def _gather(environ: Environ) -> Refusal | None:
    """Take a body that comes in chunks as if its length had been told."""
    if not environ.pop("wsgi.input_terminated", False):
        return None
    request = any_request(environ)
    largest = LARGEST_UPLOAD if request.wire is Wire.S3 else MAX_BODY
    refusal, body = None, b""
    try:
        body = b"".join(_pieces(environ["wsgi.input"], largest))
    except _TooLargeError:
        refusal = too_large(request, largest)
    except (TimeoutError, ConnectionError):
        raise  # nobody is there to be told
    except OSError as error:
        refusal = _malformed(request, f"the body's chunks cannot be read: {error}")
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
    forget_request(environ)
    return refusal


class _TooLargeError(Exception):
    pass


def _pieces(source: io.RawIOBase, largest: int) -> Iterator[bytes]:
    taken = 0
    while piece := source.read(_PIECE):
        taken += len(piece)
        if taken > largest:
            raise _TooLargeError
        yield piece


def too_large(request: Request, largest: int) -> Refusal:
    """What is told to a body that nobody takes."""
    if request.wire is Wire.S3:
        return Refusal("EntityTooLarge", "Your proposed upload exceeds the maximum allowed object size.", 400)
    return Refusal("RequestEntityTooLargeException", f"a request may hold {largest} bytes", 413)


def _malformed(request: Request, message: str) -> Refusal:
    """Codes: Amazon S3 API reference, "Error responses"; "Common Errors" of other services."""
    return Refusal("IncompleteBody" if request.wire is Wire.S3 else "MalformedHttpRequestException", message, 400)
