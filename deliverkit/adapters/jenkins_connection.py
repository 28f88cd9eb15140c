"""The way to a Jenkins: every request bounded in time and size, with credentials from the first on, to one host only.

python-jenkins would send its first request without credentials, follow redirects wherever they lead, let a connection
that breaks out as an error of another library, and put whole pages into its messages; so the requests that it makes
are sent from here.
"""

from __future__ import annotations

import base64
import http.cookies
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, BinaryIO
from urllib.parse import urlencode, urljoin, urlsplit

from deliverkit.adapters import jenkins_values
from deliverkit.adapters.http_exchange import (
    Reply,
    Request,
    SilentError,
    UntrustedError,
    UnusableError,
    UnwritableError,
    exchange,
    shown,
)
from deliverkit.adapters.jenkins_answers import RefusedError, checked, is_foreign, leads_to_login, wants_crumb
from deliverkit.errors import DeniedError, MisaddressedError, UnreachableError

TIMEOUT = timedelta(seconds=30)
"""For one whole request."""
ANSWER_LIMIT = 16 * 1024 * 1024
"""Bytes of an answer; what is larger is nothing that Jenkins says of a job or a build."""
_REDIRECTS = 5


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who asks. The token prints itself nowhere.

    Attributes:
        user: JENKINS_USER_ID.
        token: JENKINS_API_TOKEN: an API token, or a password where there is no other way.
    """

    user: str
    token: str = field(repr=False)

    @property
    def header(self) -> str:
        """The value of `Authorization`."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.token}".encode()).decode()


class Connection:
    """Sends requests to one Jenkins as one user."""

    def __init__(self, url: str, credentials: Credentials, *, timeout: timedelta = TIMEOUT) -> None:
        """Take the controller's address; nothing is contacted yet."""
        self.url = url.rstrip("/") + "/"
        self.user = credentials.user
        self._credentials = credentials
        self._timeout = timeout
        self._crumb: dict[str, str] = {}
        self._cookies: dict[str, str] = {}
        self._was_met = False

    def __repr__(self) -> str:
        return f"Connection({shown(self.url)!r}, user={self.user!r})"

    def get(self, path: str, *, limit: int = ANSWER_LIMIT) -> Reply:
        """Read something; a page for people is no answer."""
        return self.send("GET", path, limit=limit)

    def fetch(self, path: str, sink: BinaryIO, *, limit: int) -> bool:
        """Read something large into a file; False when it is longer than the limit.

        Raises:
            OSError: If the file does not take it.
        """
        try:
            return self.send("GET", path, limit=limit, sink=sink, is_cut=True).is_whole
        except UnwritableError as unwritable:
            raise unwritable.error from None

    def data(self, path: str) -> Any:
        """Read JSON.

        Raises:
            RefusedError: As `send`.
            UnreachableError: As `send`, or if it is no JSON.
        """
        return self.parsed(self.get(path), path)

    def parsed(self, reply: Reply, path: str) -> Any:
        """The JSON of an answer.

        Raises:
            UnreachableError: If it is none.
        """
        try:
            return json.loads(reply.content)
        except ValueError as error:
            asked = self._asked("GET", path)
            raise UnreachableError(f"{asked} answered something that is no JSON", hint=_NO_JENKINS) from error

    def post(self, path: str, form: dict[str, str] | None = None) -> Reply:
        """Change something; a redirect within this controller is a success, and is not followed."""
        body = urlencode(form).encode() if form is not None else b""
        return self.send("POST", path, body=body, headers={"Content-Type": "application/x-www-form-urlencoded"})

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        limit: int = ANSWER_LIMIT,
        is_cut: bool = False,
        sink: BinaryIO | None = None,
    ) -> Reply:
        """Send one request, with a fresh crumb when the old one, or none, is not taken.

        Args:
            method: HTTP method.
            path: Below the controller's address, or an address on it.
            body: What to send.
            headers: Besides credentials.
            limit: Bytes of the answer that are read.
            is_cut: Whether an answer that is longer is one.
            sink: Takes the body of a success.

        Raises:
            DeniedError: If credentials or permissions do not suffice.
            RefusedError: If only the caller can tell what the answer means.
            UnreachableError: If no whole answer comes, or not from Jenkins.
        """
        url = self._absolute(path)
        request = Request(url, method, headers or {}, body, limit, sink)
        reply = self._followed(request)
        if method == "POST" and wants_crumb(reply):
            # The request was refused, so it may be sent again. Crumbs belong to a session, which ends with the
            # controller's process; API tokens need neither.
            self._renew_crumb()
            reply = self._followed(request)
        asked = self._asked(method, url)
        try:
            checked(reply, asked=asked, base=self.url, user=self.user, is_data=method == "GET")
        except RefusedError:
            self._require_jenkins(reply)
            raise
        self._require_jenkins(reply)
        if not (reply.is_whole or is_cut):
            size = f"more than {limit // 2**20} MiB" if limit >= 2**20 else f"more than {limit} bytes"
            raise UnreachableError(f"{asked} answered with {size}; it was not read to its end", hint=_NO_JENKINS)
        return reply

    def _followed(self, request: Request) -> Reply:
        """The answer; of reading, the one at the end of redirects on the same origin."""
        reply = self._once(request)
        for _ in range(_REDIRECTS):
            target = urljoin(request.url, reply.headers.get("location", request.url))
            is_redirect = request.method == "GET" and 300 <= reply.status < 400 and not leads_to_login(reply)
            if not (is_redirect and _is_same_origin(target, self.url)):
                break
            request = replace(request, url=target, body=None)
            reply = self._once(request)
        return reply

    def _require_jenkins(self, reply: Reply) -> None:
        """See once that it is a Jenkins that answers: what something else says of a job means nothing.

        Raises:
            MisaddressedError: If it is none.
        """
        if not (self._was_met or "x-jenkins" in reply.headers):
            try:
                root = self._once(Request(self._absolute("api/json?tree=mode"), limit=ANSWER_LIMIT))
            except UnreachableError:
                return  # so nobody can tell
            if is_foreign(root):
                place = shown(self.url)
                raise MisaddressedError(
                    f"nothing at {place} says that it is a Jenkins: its answers have no header X-Jenkins",
                    hint=f"see in a browser whether {place} is a Jenkins; its path, as /jenkins/, belongs to it, too",
                )
        self._was_met = True

    def _once(self, request: Request) -> Reply:
        own = {"Authorization": self._credentials.header, **request.headers}
        if request.method == "POST":
            own |= self._crumb
        if self._cookies:
            own["Cookie"] = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        sent = replace(request, headers=own)
        asked = self._asked(request.method, request.url)
        try:
            return exchange(sent, timeout=self._timeout)
        except UntrustedError as error:
            raise DeniedError(
                f"{asked}: {error}", hint="SSL_CERT_FILE=FILE with the authority's certificate"
            ) from error
        except SilentError as error:
            raise UnreachableError(f"{asked}: {error}", hint=_NOT_THERE) from error
        except UnusableError as error:
            raise MisaddressedError(f"{asked}: {error}", hint="see JENKINS_URL, or give --url") from error

    def _renew_crumb(self) -> None:
        self._crumb, self._cookies = {}, {}
        reply = self._once(Request(self._absolute("crumbIssuer/api/json"), limit=ANSWER_LIMIT))
        if reply.status == 404:
            return
        asked = self._asked("GET", "crumbIssuer/api/json")
        checked(reply, asked=asked, base=self.url, user=self.user, is_data=True)
        self._crumb = jenkins_values.crumb(self.parsed(reply, "crumbIssuer/api/json"))
        for line in reply.cookies:
            with suppress(http.cookies.CookieError):  # one that something else on the way has added
                self._cookies.update({name: each.value for name, each in http.cookies.SimpleCookie(line).items()})

    def _absolute(self, path: str) -> str:
        url = urljoin(self.url, path)
        if not _is_same_origin(url, self.url):
            raise DeniedError(f"{shown(url)} is not on {shown(self.url)}: credentials are not sent there")
        return url

    def _asked(self, method: str, path: str) -> str:
        """What was asked, as it may be told: a query may hold secrets."""
        return f"{method} {shown(urljoin(self.url, path)).partition('?')[0]}"


_NO_JENKINS = "see in a browser whether that is the address of a Jenkins"
_NOT_THERE = "see that Jenkins runs and that JENKINS_URL, or --url, is right; then type the command again"


def _is_same_origin(url: str, base: str) -> bool:
    one, other = urlsplit(url), urlsplit(base)
    return (one.scheme, one.hostname, _port(one.scheme, one.port)) == (
        other.scheme,
        other.hostname,
        _port(other.scheme, other.port),
    )


def _port(scheme: str, port: int | None) -> int:
    return port or (443 if scheme == "https" else 80)
