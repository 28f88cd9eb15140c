"""Leases in S3: one object each, replaced only by writers who have seen what they replace.

`<prefix>/.locks/<name>.json` holds the record; the dot keeps the folder apart from the ledger's streams. The first
record is made with `If-None-Match`, every later one with `If-Match` (S3 API reference, PutObject). No object is ever
deleted, so that tokens only grow.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from urllib.parse import quote

from deliverkit.adapters import leases
from deliverkit.adapters.aws.bucket import Bucket, Document, Encryption
from deliverkit.adapters.aws.session import Aws
from deliverkit.errors import ConflictError, UnreachableError
from deliverkit.ports import Lease

ATTEMPTS = 20
"""Lost races after which something else must be wrong: each lost race is another writer's success."""


class S3Locks:
    """A `LockService` for every machine with access to the bucket."""

    def __init__(
        self, aws: Aws, *, bucket: str, prefix: str, encryption: Encryption | None = None, owner: str = ""
    ) -> None:
        """Take the place; nothing is contacted yet.

        Args:
            aws: Gives the S3 client.
            bucket: Bucket name.
            prefix: Key prefix of the ledger, without slashes at its ends; may be empty.
            encryption: How records are encrypted; with KMS by default.
            owner: Account id that the bucket must belong to; empty for any.
        """
        self._bucket = Bucket(aws, bucket, encryption=encryption, owner=owner)
        self._root = f"{prefix.strip('/')}/.locks".strip("/")

    def acquire(self, name: str, *, holder: str, ttl: timedelta | None, now: datetime, reason: str) -> Lease:
        """Take a free or expired lease, or take one again that this holder has.

        Raises:
            LockedError: While another holder has it.
            UnreachableError: If S3 does not answer or denies the write.
        """
        lease = self._change(
            name, lambda present: leases.taken(present, name, holder=holder, ttl=ttl, now=now, reason=reason)
        )
        assert lease is not None
        return lease

    def renew(self, lease: Lease, *, ttl: timedelta, now: datetime) -> Lease:
        """The same lease with a later expiry.

        Raises:
            FencedError: If somebody else has taken it since.
            UnreachableError: If S3 does not answer or denies the write.
        """
        renewed = self._change(lease.name, lambda present: leases.prolonged(present, lease, ttl=ttl, now=now))
        assert renewed is not None
        return renewed

    def release(self, lease: Lease) -> None:
        """Give it back; harmless when it is no longer ours."""
        self._change(lease.name, lambda present: leases.freed(present, lease))

    def show(self, name: str) -> Lease | None:
        """Who holds it; None when nobody does."""
        return leases.held(_record(self._bucket.get(self._key(name))))

    def _change(self, name: str, decide: Callable[[Lease | None], Lease | None]) -> Lease | None:
        """Replace the record by what follows from it, decided anew after every lost race; None changes nothing."""
        for _ in range(ATTEMPTS):
            document = self._bucket.get(self._key(name))
            lease = decide(_record(document))
            if lease is None:
                return None
            try:
                self._bucket.put(self._key(name), leases.to_document(lease), replacing=document)
            except ConflictError:
                continue
            return lease
        raise UnreachableError(f"{self._bucket.uri(self._key(name))} was changed by others {ATTEMPTS} times in a row")

    def _key(self, name: str) -> str:
        return f"{self._root}/{quote(name)}.json"


def _record(document: Document | None) -> Lease | None:
    return leases.from_document(document.body) if document else None
