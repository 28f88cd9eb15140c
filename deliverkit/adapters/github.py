"""Commit statuses of GitHub, and of whatever speaks its REST API."""

from __future__ import annotations

import ipaddress
import json
import re
from datetime import timedelta
from urllib.parse import urlsplit

from deliverkit.adapters.http_exchange import Reply, Request, SilentError, UnusableError, exchange, shown
from deliverkit.domain.build_claims import claim
from deliverkit.domain.commit_status import CommitStatus
from deliverkit.errors import DeliverkitError, NotFoundError, UnreachableError, UsageError

API, TOKEN, PUBLIC = "GITHUB_API_URL", "GITHUB_TOKEN", "https://api.github.com"
_TIMEOUT = timedelta(seconds=10)
_WRITABLE = re.compile(r"[\x21-\x7e]+")
_VERSION = "2022-11-28"


class GitHubStatuses:
    """Implements `build_ports.CommitStatuses` (GitHub REST API, "Create a commit status")."""

    def __init__(self, repository: str, *, token: str, api: str = PUBLIC) -> None:
        """Take the repository; nothing is asked yet.

        Args:
            repository: `OWNER/NAME`.
            token: May set statuses there; it is sent to `api` and never shown. Empty refuses to be used.
            api: Address of the API, https unless it is this machine's.
        """
        self._repository = repository
        self._token = token.strip()
        self._api = api.rstrip("/")

    def state(self, status: CommitStatus) -> None:
        """Set the status; the newest of a context is what people see.

        Raises:
            NotFoundError: If the repository or the commit is not there, or hidden from the token.
            UnreachableError: If GitHub does not answer, or denies it.
            UsageError: If there is no token, the address is not fit for one, or GitHub finds the request wrong.
        """
        self._check()
        place = f"{self._api}/repos/{self._repository}/statuses/{status.commit}"
        asked = {"state": status.state.value, "context": status.context, "description": status.description}
        if status.url:
            asked["target_url"] = status.url
        try:
            answer = exchange(Request(place, "POST", self._headers(), _encoded(asked)), timeout=_TIMEOUT)
        except (SilentError, UnusableError) as error:
            raise UnreachableError(f"{shown(place)}: {error}", hint=f"see {API}") from error
        if answer.status != 201:
            raise self._refusal(answer, status)

    def _check(self) -> None:
        if not self._token:
            raise UsageError(f"no token for the statuses of {self._repository}", hint=f"set {TOKEN} in the build")
        if not _WRITABLE.fullmatch(self._token):
            # The library that sends headers would quote what it refuses.
            raise UsageError(f"{TOKEN} holds characters that no token has", hint="see how the build sets it")
        try:
            parts = urlsplit(self._api)
        except ValueError as error:
            raise UsageError(f"{API} is {shown(self._api)}: {error}", hint=f"{API}=https://...") from error
        if parts.scheme != "https" and not _is_here(parts.hostname or ""):
            raise UsageError(
                f"{API} is {shown(self._api)}: a token is sent over https alone", hint=f"{API}=https://..."
            )

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"Bearer {self._token}",
            "Accept": "application/vnd.github+json",
            "Content-Type": "application/json",
            "X-GitHub-Api-Version": _VERSION,
        }

    def _refusal(self, answer: Reply, status: CommitStatus) -> DeliverkitError:
        said = claim(_message(answer).replace(self._token, "***"), limit=200)
        told = f"GitHub answers {answer.status}{f' ({said})' if said else ''}"
        if answer.status == 404:
            what = f"there is no {self._repository}, or {TOKEN} may not see it"
            return NotFoundError(f"{told}: {what}", hint="the token needs the permission to write commit statuses")
        if 300 <= answer.status < 400:
            # Nobody knows who gets the token there.
            return NotFoundError(
                f"{told}: {self._repository} has moved", hint="name its new place in release.commit_status"
            )
        if answer.status == 422:
            return UsageError(f"{told} to the status of {status.commit[:10]}: is that commit pushed?")
        if answer.status in {401, 403}:
            return UnreachableError(f"{told} to {TOKEN}", hint="it needs the permission to write commit statuses")
        return UnreachableError(f"{told} at {shown(self._api)}", hint=f"see {API}")


def _encoded(asked: dict[str, str]) -> bytes:
    return json.dumps(asked).encode()


def _message(answer: Reply) -> str:
    """What GitHub says in an error; a page of somebody in between says nothing."""
    try:
        return str(json.loads(answer.content)["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
