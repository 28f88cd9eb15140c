"""AWS reached with credentials that somebody lends us for a while, and that are asked for again before they expire."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.adapters.aws.session import Account, Aws

LIFETIME = timedelta(minutes=15)
"""How long a job's credentials live; CodePipeline does not tell it, this was seen on AWS."""
_REFRESHED_WITHIN = 5 * 60
_REFUSED_WITHIN = 2 * 60
"""Seconds before the end from which new ones are tried for, and from which the old ones are not used any more."""

Lend = Callable[[], Mapping[str, str]]
"""Gives `accessKeyId`, `secretAccessKey` and `sessionToken`; it may be called from any thread."""


class LentAws(Aws):
    """Implements what `Aws` does with lent credentials, whatever the environment and the shared files say."""

    def __init__(self, account: Account, *, lend: Lend, now: Callable[[], datetime]) -> None:
        """Take how to reach AWS, who lends, and time; nothing is asked for yet."""
        super().__init__(Account(region=account.region, endpoint_url=account.endpoint_url))
        self._lend = lend
        self._now = now

    def _open_session(self) -> Any:
        with self._lock:
            if self._session is None:
                import botocore.credentials  # noqa: PLC0415
                import botocore.session  # noqa: PLC0415

                from deliverkit.adapters.aws.models import read_quickly  # noqa: PLC0415

                with translated("reading the AWS configuration"):
                    session = botocore.session.Session()
                    # Where a session looks for credentials: here alone.
                    session.register_component("credential_provider", _Lender(self._fresh()))
                    read_quickly(session)
                self._session = session
            return self._session

    def _fresh(self) -> Any:
        import botocore.credentials  # noqa: PLC0415

        first = self._metadata()
        return botocore.credentials.RefreshableCredentials(
            first["access_key"],
            first["secret_key"],
            first["token"],
            self._now() + LIFETIME,
            refresh_using=self._metadata,
            method="codepipeline-job",
            time_fetcher=self._now,
            advisory_timeout=_REFRESHED_WITHIN,
            mandatory_timeout=_REFUSED_WITHIN,
        )

    def _metadata(self) -> dict[str, str]:
        given = self._lend()
        return {
            "access_key": given["accessKeyId"],
            "secret_key": given["secretAccessKey"],
            "token": given["sessionToken"],
            "expiry_time": (self._now() + LIFETIME).isoformat(),
        }


class _Lender:
    """What a botocore session asks for its credentials (`botocore.credentials.CredentialResolver`)."""

    def __init__(self, credentials: Any) -> None:
        self._credentials = credentials

    def load_credentials(self) -> Any:
        return self._credentials
