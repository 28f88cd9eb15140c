"""The HTTP front: reads the SigV4 credential scope, hands our services their requests and moto everything else."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from deliverkit.sandbox.access.answers import HttpAnswer, capture, error_answer
from deliverkit.sandbox.access.request import any_request
from deliverkit.sandbox.functions import operation as invocations
from deliverkit.sandbox.keeping import requests
from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.operations import Context, Service
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.kernel.wsgi import (
    CONTROL_PREFIX,
    MAX_BODY,
    CredentialScope,
    Environ,
    StartResponse,
    credential_scope,
    query_of,
    read_body,
)
from deliverkit.sandbox.moto_answers import answer as answer_of_moto

if TYPE_CHECKING:
    from deliverkit.sandbox.keeping.keeper import Keeper

log = logging.getLogger(__name__)

CALLERS_PREFIX = f"{CONTROL_PREFIX}webhooks/"
_REASONS = {
    400: "Bad Request",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Payload Too Large",
}

Control = Callable[[str, str, Mapping[str, Any]], Mapping[str, Any]]
"""Answers the sandbox's own endpoints: `(method, path below the prefix, parameters) -> JSON object`."""

Callers = Callable[[Environ], Mapping[str, Any]]
"""Answers a request that nobody signed with a JSON object."""


class Front:
    """The WSGI application of the sandbox."""

    def __init__(
        self, world: World, control: Control, observers: Iterable[Callable[[CredentialScope, Environ], None]] = ()
    ):
        self._world = world
        self._control = control
        self._observers = tuple(observers)
        self.keeper: Keeper | None = None
        """Writes requests down that may change something, before they are carried out."""
        self.callers: Callers | None = None
        """Answers those who have no keys, such as the callers of webhooks, below `CALLERS_PREFIX`."""
        self._looked_at: set[tuple[str, str, str]] = set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ["PATH_INFO"].startswith(CONTROL_PREFIX) and not _is_call(environ):
            return self._answer_control(environ, start_response)
        scope = credential_scope(environ)
        service = self._service_of(environ, scope)
        # A function that is waited for calls back: it must not run under the lock, nor again after a crash.
        only_reads = requests.only_reads(environ, service) and not self._may_make(service, scope)
        is_refused = service is not None and _is_too_large(environ)  # before anybody reads it, or writes it down
        if only_reads or is_refused or invocations.is_waited_for(environ):
            return self._answer(service, scope, environ, start_response)
        body = read_body(environ)
        # One writer at a time: moto checks the condition of a conditional PUT and then writes, and the journal's order
        # must be the order in which things happened.
        with self._world.lock:
            try:
                if self.keeper is not None:
                    self.keeper.record(requests.essence(environ), body)
            except OSError as error:
                return self._refuse_unkept(environ, error).send(start_response)
            answer = capture(partial(self._answer, service, scope), environ)
            if service is None and scope is not None:
                self._looked_at.add(self._place(scope))
            try:
                if self.keeper is not None and requests.cannot_be_repeated(environ):
                    self.keeper.write_now()
            except OSError as error:
                return self._refuse_unkept(environ, error).send(start_response)
            return answer.send(start_response)

    def _refuse_unkept(self, environ: Environ, error: OSError) -> HttpAnswer:
        """What is not written down is not done: a full disk makes the sandbox refuse, not forget."""
        request = any_request(environ, self._world.moto.account_of)
        log.error("%s was refused, for it cannot be kept: %s", request.action, error)
        return error_answer(request, "ServiceUnavailable", f"the request cannot be kept: {error}", 503)

    def _may_make(self, service: Service | None, scope: CredentialScope | None) -> bool:
        """True for the first look at a service of moto in a region: it makes what is there from the beginning.

        EC2's default network, for one, whose ids must be the same when later requests are repeated after a crash.
        """
        return service is None and scope is not None and self._place(scope) not in self._looked_at

    def _place(self, scope: CredentialScope) -> tuple[str, str, str]:
        return self._world.moto.account_of(scope.access_key), scope.region, scope.service

    def _answer(
        self, service: Service | None, scope: CredentialScope | None, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        if self.callers is not None and _is_call(environ):
            return self._answer_caller(self.callers, environ, start_response)
        if service is not None and scope is not None:
            return self._answer_service(service, scope, environ, start_response)
        if scope is not None and invocations.is_invocation(environ):
            account = self._world.moto.account_of(scope.access_key)
            return invocations.answer(self._world, account, scope.region, environ, start_response)
        request = any_request(environ, self._world.moto.account_of)
        answer = answer_of_moto(self._world.moto.app(), request, environ)
        if scope is not None:
            for observe in self._observers:
                observe(scope, environ)
        return answer.send(start_response)

    def _service_of(self, environ: Environ, scope: CredentialScope | None) -> Service | None:
        prefix = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[0]
        for service in self._world.services.values():
            if prefix == service.target_prefix or (scope is not None and scope.service == service.name):
                return service
        return None

    def _answer_service(
        self, service: Service, scope: CredentialScope, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        context = self._context(scope)
        operation = environ.get("HTTP_X_AMZ_TARGET", "").rpartition(".")[2]
        try:
            answer = service.handle(operation, _json_body(environ), context)
        except ApiError as error:
            return _send_error(start_response, error, context.request_id)
        except Exception:
            log.exception("%s %s failed", service.name, operation)
            return _send_failure(start_response, f"the sandbox failed in {service.name} {operation}; see its log")
        return _send_json(start_response, "200 OK", answer, context.request_id)

    def _context(self, scope: CredentialScope) -> Context:
        account = self._world.moto.account_of(scope.access_key)
        principal = self._world.moto.principal_of(scope.access_key, scope.region)
        return self._world.context(account, scope.region, principal)

    def _answer_caller(self, callers: Callers, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request_id = str(uuid.uuid4())
        try:
            return _send_json(start_response, "200 OK", callers(environ), request_id)
        except ApiError as error:
            return _send_error(start_response, error, request_id)

    def _answer_control(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        request_id = str(uuid.uuid4())
        try:
            params = _json_body(environ) if environ["REQUEST_METHOD"] == "POST" else query_of(environ)
            answer = self._control(environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(CONTROL_PREFIX), params)
            if self.keeper is not None and environ["REQUEST_METHOD"] == "POST":
                self.keeper.write_now()  # clock and faults stand in no journal
        except ApiError as error:
            return _send_error(start_response, error, request_id)
        except Exception:
            log.exception("%s failed", environ["PATH_INFO"])
            return _send_failure(start_response, f"the sandbox failed in {environ['PATH_INFO']}; see its log")
        return _send_json(start_response, "200 OK", answer, request_id)


def _is_call(environ: Environ) -> bool:
    return str(environ["PATH_INFO"]).startswith(CALLERS_PREFIX)


def _is_too_large(environ: Environ) -> bool:
    length = environ.get("CONTENT_LENGTH") or "0"
    return not length.isdigit() or int(length) > MAX_BODY


def _json_body(environ: Environ) -> Mapping[str, Any]:
    if _is_too_large(environ):
        raise ApiError("RequestEntityTooLargeException", f"a request may hold {MAX_BODY} bytes", status=413)
    raw = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or "0")) or b"{}"
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise ApiError("SerializationException", "the request body is not JSON") from error
    if not isinstance(body, dict):
        raise ApiError("SerializationException", "the request body is not a JSON object")
    return body


def _send_json(start_response: StartResponse, status: str, answer: Mapping[str, Any], request_id: str) -> list[bytes]:
    body = json.dumps(answer).encode()
    headers = [
        ("Content-Type", "application/x-amz-json-1.1"),
        ("Content-Length", str(len(body))),
        ("x-amzn-RequestId", request_id),
    ]
    start_response(status, headers)
    return [body]


def _send_failure(start_response: StartResponse, message: str) -> list[bytes]:
    return _send_error(start_response, ApiError("InternalFailure", message, status=500), str(uuid.uuid4()))


def _send_error(start_response: StartResponse, error: ApiError, request_id: str) -> list[bytes]:
    reason = _REASONS.get(error.status, "Error")
    answer = {"__type": error.code, "message": error.message}
    return _send_json(start_response, f"{error.status} {reason}", answer, request_id)
