"""moto as the base under our own services: its application, and what our engines read of it.

The front hands over every request that no service of ours claims. Our engines read objects, instances and metrics
through the few functions here. Only modules whose names begin with `moto_` import moto, so that a move of its internals
is mended in few places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.moto_client import in_process_client
from deliverkit.sandbox.moto_launches import hear_launches
from deliverkit.sandbox.moto_loading import is_loaded
from deliverkit.sandbox.moto_repairs import repair

WsgiApp = Any
_MOST_HOSTS = 1024
"""Hosts, one of each service in each region, whose service is remembered."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One version of an S3 object.

    Attributes:
        body: All bytes.
        version_id: S3 version id, or None in an unversioned bucket.
        e_tag: Without quotes.
        metadata: User metadata, keys in lower case.
    """

    body: bytes
    version_id: str | None
    e_tag: str
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Machine:
    """An EC2 instance as the engines see it.

    Attributes:
        instance_id: `i-...`.
        account: Owner's account id.
        region: Region name.
        state: `pending`, `running`, `stopped`, `terminated`, ...
        tags: Its tags.
        private_ip: The address that DescribeInstances reports.
        zone: Its Availability Zone.
    """

    instance_id: str
    account: str
    region: str
    state: str
    tags: Mapping[str, str]
    private_ip: str
    zone: str = ""


class MotoBase:
    """moto's WSGI application and the state behind it."""

    def __init__(self) -> None:
        self._app: WsgiApp = None
        self._clients: dict[tuple[str, str, str], Any] = {}
        repair()

    def app(self) -> WsgiApp:
        """The WSGI application that answers for every service that is not ours."""
        if self._app is None:
            from moto.server import DomainDispatcherApplication, create_backend_app  # noqa: PLC0415  (0.5 s to import)

            class Dispatcher(DomainDispatcherApplication):  # type: ignore[misc]
                """Says so when moto has no such service, where its own one looks for the application of None.

                It remembers the service of a host: moto looks through its folder and two hundred patterns at each
                request, which takes longer than the rest of its answer.
                """

                def __init__(self, create_app: Any) -> None:
                    super().__init__(create_app)
                    self._find = lru_cache(maxsize=_MOST_HOSTS)(super().get_backend_for_host)

                def get_backend_for_host(self, host: str | None) -> Any:
                    found = self._find(host)
                    if host is not None and found is None:
                        raise NotImplementedError
                    return found

            self._app = Dispatcher(create_backend_app)
        return self._app

    def forget(self) -> None:
        """Begin empty: moto keeps its state for the whole process, whichever sandbox made it."""
        from moto.core.base_backend import BackendDict  # noqa: PLC0415
        from moto.core.model_instances import reset_model_data  # noqa: PLC0415

        BackendDict.reset()
        reset_model_data()

    def state(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Every backend that exists, by service, account and region."""
        from moto.core.base_backend import BackendDict  # noqa: PLC0415

        return {
            backends.service_name: {account: dict(regional) for account, regional in list(backends.items())}
            for backends in BackendDict._instances  # noqa: SLF001  (moto offers no other list of them)
        }

    def put_state(self, state: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        """Make the backends of an earlier process the present ones."""
        from moto.backends import get_backend  # noqa: PLC0415

        for service, accounts in state.items():
            backends: Any = get_backend(service)
            for account, regional in accounts.items():
                for region, backend in regional.items():
                    dict.__setitem__(backends[account], region, backend)

    def seed(self, seed: int) -> None:
        """Let moto make the same ids after the same seed."""
        from moto.moto_api._internal import mock_random  # noqa: PLC0415

        mock_random.seed(seed)

    def client(self, service: str, account: str, region: str) -> Any:
        """A client as `boto3.client` gives it, of a moto service that answers in this process, as that account's root.

        Threads may share it; there is no network and no retry.
        """
        key = (service, account, region)
        if key not in self._clients:
            self._clients[key] = in_process_client(service, account, region)
        return self._clients[key]

    # --- identities -----------------------------------------------------------------------------------

    def account_of(self, access_key: str) -> str:
        """Account id that owns an access key; moto's default account for keys nobody created."""
        from moto.iam.models import get_account_id_from  # noqa: PLC0415

        return str(get_account_id_from(access_key))

    def principal_of(self, access_key: str, region: str) -> str:
        """ARN of the identity behind an access key, as STS GetCallerIdentity gives it."""
        backend = self._backend("sts", self.account_of(access_key), "global")
        return str(backend.get_caller_identity(access_key, region)[1])

    def instance_keys(self, account: str, instance_id: str) -> tuple[str, str, str]:
        """Access key, secret and token of an instance's role session, so that its requests are its account's."""
        return self.session_keys(f"arn:aws:iam::{account}:role/deliverkit-sandbox-instance", instance_id)

    def session_keys(self, role_arn: str, session: str) -> tuple[str, str, str]:
        """Access key, secret and token of a session of a role, made by STS."""
        account = role_arn.split(":")[4]
        answer = self.client("sts", account, "us-east-1").assume_role(RoleArn=role_arn, RoleSessionName=session)
        found = answer["Credentials"]
        return str(found["AccessKeyId"]), str(found["SecretAccessKey"]), str(found["SessionToken"])

    # --- S3 -------------------------------------------------------------------------------------------

    def read_object(self, account: str, bucket: str, key: str, version_id: str | None = None) -> StoredObject:
        """One object version, the newest by default.

        Raises:
            ApiError: `NoSuchBucket`, `NoSuchKey` or `NoSuchVersion`.
        """
        found = self._require_object(account, bucket, key, version_id)
        version = str(found.version_id) if found.version_id not in (None, "null") else None
        metadata = {str(name).lower().removeprefix("x-amz-meta-"): str(value) for name, value in found.metadata.items()}
        return StoredObject(bytes(found.value), version, str(found.etag).strip('"'), metadata)

    def e_tag_of(self, account: str, bucket: str, key: str, version_id: str | None = None) -> str:
        """The ETag of an object version, without quotes and without reading its bytes.

        Raises:
            ApiError: `NoSuchBucket`, `NoSuchKey` or `NoSuchVersion`.
        """
        return str(self._require_object(account, bucket, key, version_id).etag).strip('"')

    def size_of(self, account: str, bucket: str, key: str, version_id: str | None = None) -> int:
        """Bytes of an object version, without reading them.

        Raises:
            ApiError: `NoSuchBucket`, `NoSuchKey` or `NoSuchVersion`.
        """
        return int(self._require_object(account, bucket, key, version_id).size)

    def write_object(self, account: str, bucket: str, key: str, body: bytes) -> StoredObject:
        """Store an object as the account that owns the bucket would, KMS-encrypted as CodePipeline's artifacts are."""
        backend = self._backend("s3", account, "global")
        self._require_bucket(backend, bucket)
        backend.put_object(bucket, key, body, encryption="aws:kms")
        return self.read_object(account, bucket, key)

    def bucket_is_versioned(self, account: str, bucket: str) -> bool:
        """True when the bucket's versioning is enabled.

        Raises:
            ApiError: `NoSuchBucket`.
        """
        backend = self._backend("s3", account, "global")
        return bool(self._require_bucket(backend, bucket).is_versioned)

    def bucket_policy(self, bucket: str) -> tuple[str, str] | None:
        """Owner's account id and policy text, empty without one; None when there is no such bucket."""
        from moto.s3.models import s3_backends  # noqa: PLC0415

        _, account = s3_backends.bucket_accounts.get(bucket, ("", ""))
        found = self._backend("s3", account, "global").buckets.get(bucket) if account else None
        return None if found is None else (account, found.policy.decode() if found.policy else "")

    def _require_object(self, account: str, bucket: str, key: str, version_id: str | None) -> Any:
        backend = self._backend("s3", account, "global")
        self._require_bucket(backend, bucket)
        found = backend.get_object(bucket, key, version_id=version_id)
        if found is None:
            code = "NoSuchVersion" if version_id else "NoSuchKey"
            raise ApiError(code, f"s3://{bucket}/{key} has no version {version_id or '(newest)'}", status=404)
        return found

    def _require_bucket(self, backend: Any, bucket: str) -> Any:
        from moto.s3.exceptions import MissingBucket  # noqa: PLC0415

        try:
            return backend.get_bucket(bucket)
        except MissingBucket as error:
            raise ApiError("NoSuchBucket", f"the bucket {bucket} does not exist", status=404) from error

    # --- EC2 ------------------------------------------------------------------------------------------

    def machines(self, account: str | None = None, region: str | None = None) -> Iterable[Machine]:
        """Every EC2 instance, in the order of launch; narrowed to an account and region when given."""
        for account_id, region_name, backend in self._ec2_backends():
            if account in (None, account_id) and region in (None, region_name):
                yield from self._machines_of(backend, account_id, region_name)

    def machine_states(self) -> tuple[tuple[str, str], ...]:
        """Id and state of every EC2 instance: a cheap way to see whether any of them changed."""
        return tuple(
            (instance.id, instance.state)
            for _, _, backend in self._ec2_backends()
            for reservation in list(backend.reservations.values())
            for instance in reservation.instances
        )

    def runs(self, account: str, region: str, instance_id: str) -> bool:
        """True when an EC2 instance exists and runs, or is about to."""
        found = self._backend("ec2", account, region).get_instance_by_id(instance_id)
        return found is not None and found.state in {"running", "pending"}

    def set_private_ip(self, account: str, region: str, instance_id: str, address: str) -> None:
        """Give an instance the loopback address on which its processes really listen."""
        card = self._backend("ec2", account, region).get_instance(instance_id).nics[0]
        for each in card.private_ip_addresses:
            if each["PrivateIpAddress"] == card.private_ip_address:
                each["PrivateIpAddress"] = address
        card.private_ip_address = address

    def hear_launches(self, hear: Callable[[Machine], None]) -> None:
        """Be told of each EC2 instance that is launched, before whoever asked for it is answered."""

        def hear_all(backend: Any, instances: Any) -> None:
            for instance in instances:
                hear(_machine(instance, str(backend.account_id), str(backend.region_name)))

        hear_launches(hear_all)

    def _ec2_backends(self) -> Iterator[tuple[str, str, Any]]:
        """The backends with their accounts and regions.

        Nobody has launched an instance before moto's EC2 is loaded, and loading it costs as much time as the rest of
        the sandbox's start.
        """
        from moto.backends import get_backend  # noqa: PLC0415

        if is_loaded("moto.ec2.models"):
            for account, regional in list(get_backend("ec2").items()):
                for region, backend in list(regional.items()):
                    yield account, region, backend

    def _machines_of(self, backend: Any, account: str, region: str) -> Iterable[Machine]:
        for reservation in list(backend.all_reservations()):
            for instance in reservation.instances:
                yield _machine(instance, account, region)

    # --- CloudWatch -----------------------------------------------------------------------------------

    def alarm_states(self, account: str, region: str) -> Mapping[str, str]:
        """State of each alarm by its name."""
        return {
            name: str(alarm.state_value) for name, alarm in self._backend("cloudwatch", account, region).alarms.items()
        }

    # --- the rest -------------------------------------------------------------------------------------

    def backend(self, service: str, account: str, region: str) -> Any:
        """A moto backend, for the few modules that must read one; prefer a named function above."""
        return self._backend(service, account, region)

    def _backend(self, service: str, account: str, region: str) -> Any:
        from moto.backends import get_backend  # noqa: PLC0415

        backends: Any = get_backend(service)
        regional = backends[account]
        return regional["aws"] if region == "global" and "aws" in regional else regional[region]


def _machine(instance: Any, account: str, region: str) -> Machine:
    tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
    zone = instance.placement.zone
    return Machine(instance.id, account, region, instance.state, tags, str(instance.private_ip), zone)
