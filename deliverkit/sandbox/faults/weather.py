"""The layer in front of all services where faults of requests strike."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deliverkit.sandbox.access.answers import HttpAnswer, capture
from deliverkit.sandbox.access.request import Request, read_request
from deliverkit.sandbox.faults.book import store_of
from deliverkit.sandbox.faults.fault import Fault, FaultStore
from deliverkit.sandbox.faults.kind import Passing
from deliverkit.sandbox.faults.kinds import KINDS
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.kernel.wsgi import CONTROL_PREFIX, Application, Environ, StartResponse


class Weather:
    """A WSGI application around the front; without faults it only hands requests on."""

    def __init__(self, world: World, application: Application) -> None:
        """Take the sandbox's state and what answers in fair weather."""
        self._world = world
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        faults = self._request_faults()
        if not faults or environ["PATH_INFO"].startswith(CONTROL_PREFIX):
            return self._application(environ, start_response)
        request = read_request(environ, self._world.moto.account_of)
        if request is not None and _is_retry(environ):
            self._count_retry(request)
        striking = [fault for fault in faults if request is not None and self._is_struck(fault, request)]
        if request is None or not striking:
            return self._application(environ, start_response)
        return self._through(striking, request, environ).send(start_response)

    def _count_retry(self, request: Request) -> None:
        with self._world.lock:
            retries = store_of(self._world).retries
            retries[request.service] = retries.get(request.service, 0) + 1

    def _request_faults(self) -> list[Fault]:
        store = self._world.existing(FaultStore, "", "")
        faults = list(store.faults) if store is not None else []
        return [fault for fault in faults if KINDS[fault.kind].interfere is not None]

    def _is_struck(self, fault: Fault, request: Request) -> bool:
        with self._world.lock:
            if KINDS[fault.kind].watches:
                return not fault.is_cleared and fault.means_service(request)
            now = self._world.clock.now()
            # The dice are thrown for matching requests only, so that others do not change what they give.
            if fault.state(now) != "active" or not fault.means(request):
                return False
            if not fault.is_exceeded(now) or not fault.throws():
                return False
            what = request.action
            store_of(self._world).note(fault, now, what, request.account, request.region)
            return True

    def _through(self, faults: list[Fault], request: Request, environ: Environ) -> HttpAnswer:
        first, rest = faults[0], faults[1:]

        def forward() -> HttpAnswer:
            return self._through(rest, request, environ) if rest else capture(self._application, environ)

        interfere: Any = KINDS[first.kind].interfere
        answer: HttpAnswer = interfere(first, Passing(self._world, request, environ, forward))
        return answer


def _is_retry(environ: Environ) -> bool:
    """True when an SDK says that it tries again (header `amz-sdk-request`: `attempt=2; max=4`)."""
    told = str(environ.get("HTTP_AMZ_SDK_REQUEST", ""))
    return "attempt=" in told and "attempt=1" not in told.replace(" ", "").split(";")
