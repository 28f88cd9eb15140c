"""One session per process, and its clients; the only place that makes them.

The session is botocore's, which finds regions, profiles and credentials exactly as boto3's does: boto3 wraps one. What
boto3 adds (resources, managed transfers) is not used, and importing it takes a third of the time of a call.
"""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from deliverkit.adapters.aws.errors import translated
from deliverkit.errors import UsageError

CONNECT_TIMEOUT = 5
READ_TIMEOUT = 30
ATTEMPTS = 4
"""botocore's own retries, in seconds and tries: they cover throttling and lost connections of a single call."""
POOL = 32
"""Connections that threads may share."""


@dataclass(frozen=True, slots=True)
class Account:
    """How to reach AWS; whatever is left empty follows botocore's rules (environment, shared files, roles).

    Attributes:
        profile: Name of a profile in the shared files.
        region: Region for calls that name none.
        endpoint_url: Endpoint of every service, instead of AWS's own.
        access_key_id: Access key, together with its secret, instead of a profile.
        secret_access_key: The secret; never shown.
        credentials_file: Read profiles from this file alone, and take none from the environment.
    """

    profile: str | None = None
    region: str | None = None
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    credentials_file: Path | None = None

    def __repr__(self) -> str:
        """Everything but the secret."""
        return f"Account(profile={self.profile!r}, region={self.region!r}, endpoint_url={self.endpoint_url!r})"


class Aws:
    """Gives botocore clients; each service and region has one client, which threads may share."""

    def __init__(
        self, account: Account, *, repetitions: int = ATTEMPTS, patience: timedelta = timedelta(seconds=READ_TIMEOUT)
    ) -> None:
        """Take the way to reach AWS; nothing is imported or contacted before the first client is asked for.

        Args:
            account: The way.
            repetitions: How often botocore repeats a call; 0 for calls that must not be repeated unseen.
            patience: How long an answer may take, to the second.
        """
        self._account = account
        self._repetitions = repetitions
        self._patience = patience
        self._clients: dict[tuple[str, str], Any] = {}
        self._lock = threading.RLock()
        self._session: Any = None

    @property
    def region(self) -> str:
        """The region in use.

        Raises:
            UsageError: If neither the options, the environment nor the profile names one.
        """
        region = self._account.region or self._open_session().get_config_variable("region")
        if not region:
            raise UsageError("no AWS region is set", hint="--region REGION, or export AWS_DEFAULT_REGION=REGION")
        return str(region)

    @property
    def endpoint(self) -> str:
        """Where STS is reached: a loopback address tells that all of AWS is on this machine."""
        return str(self.client("sts").meta.endpoint_url)

    def once(self, patience: timedelta) -> Aws:
        """The same account for calls that must not be repeated unseen, and whose answer may take long."""
        return Aws(self._account, repetitions=0, patience=patience)

    def client(self, service: str, region: str | None = None) -> Any:
        """The client of a service in a region, by default the region in use.

        Raises:
            UsageError: If the profile does not exist or no region is set.
        """
        place = region or self.region
        with self._lock:
            if (service, place) not in self._clients:
                self._clients[service, place] = self._make(service, place)
            return self._clients[service, place]

    def _make(self, service: str, region: str) -> Any:
        import botocore.config  # noqa: PLC0415  (half a second that only commands which talk to AWS pay)

        settings = botocore.config.Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=int(self._patience.total_seconds()),
            max_pool_connections=POOL,
            # A connection that says nothing for minutes is forgotten on the way (Lambda developer guide, Invoke).
            tcp_keepalive=self._patience > timedelta(seconds=READ_TIMEOUT),
            retries={"mode": "standard", "max_attempts": self._repetitions},
            user_agent_extra="deliverkit",
            # Path-style addresses work for a loopback endpoint, and for every bucket name on AWS.
            s3={"addressing_style": "path"} if self._account.endpoint_url else None,
        )
        session = self._open_session()
        with translated(f"preparing to call {service} in {region}"):
            client = session.create_client(
                service, region_name=region, endpoint_url=self._account.endpoint_url, config=settings
            )
        self._require_region(session, region, str(client.meta.endpoint_url))
        return client

    @staticmethod
    def _require_region(session: Any, region: str, endpoint: str) -> None:
        """Refuse a region that AWS does not have: botocore makes an address of whatever looks like one.

        Where an endpoint was set that is not AWS's own, its regions may be called as it likes.
        """
        from urllib.parse import urlsplit  # noqa: PLC0415

        host = urlsplit(endpoint).hostname or ""
        partitions = session.get_component("data_loader").load_data("partitions")["partitions"]
        if not any(host.endswith(f".{each['outputs']['dnsSuffix']}") for each in partitions):
            return
        known = sorted(name for each in partitions for name in each["regions"])
        if region not in known:
            from difflib import get_close_matches  # noqa: PLC0415

            near = get_close_matches(region, known, n=3)
            meant = f"; did you mean {' or '.join(near)}?" if near else ""
            raise UsageError(
                f"there is no AWS region {region}{meant}",
                hint="correct it in deliverkit.yml, --region or AWS_DEFAULT_REGION; a region that is younger than the "
                "installed botocore needs a newer one",
            )

    def _open_session(self) -> Any:
        with self._lock:
            if self._session is None:
                from deliverkit.adapters.aws.models import read_quickly  # noqa: PLC0415

                account = self._account
                with translated("reading the AWS configuration"):
                    session = _core(account.credentials_file)
                    if account.profile is not None:
                        session.set_config_variable("profile", account.profile)
                    if account.access_key_id is not None:
                        session.set_credentials(account.access_key_id, account.secret_access_key)
                    read_quickly(session)
                self._session = session
            return self._session


def _core(credentials_file: Path | None) -> Any:
    """The session of botocore: its usual one, or one that knows no profiles but those of a file."""
    import botocore.session  # noqa: PLC0415

    if credentials_file is None:
        return botocore.session.Session()
    # (name in the shared file, name in the environment, default, conversion)
    alone: Any = {"profile": (None, None, None, None), "config_file": (None, None, os.devnull, None)}
    core = botocore.session.Session(session_vars=alone)
    core.set_config_variable("credentials_file", str(credentials_file))
    return core
