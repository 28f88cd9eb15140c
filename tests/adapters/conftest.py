"""What the adapters' tests share: a real sandbox over HTTP, and fresh buckets in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from unreliable import Network, aws_at, unreliable

from deliverkit.adapters.aws.session import Aws
from deliverkit.sandbox.server import Sandbox

_NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """A fresh bucket."""

    aws: Aws
    bucket: str
    endpoint: str


@pytest.fixture(scope="session")
def adapters_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("adapters-sandbox"), port=0)
    sandbox.start()
    yield sandbox
    sandbox.stop()


@pytest.fixture(scope="session")
def aws(adapters_sandbox: Sandbox) -> Aws:
    return aws_at(adapters_sandbox.endpoint)


@pytest.fixture
def make_bucket(aws: Aws) -> Callable[[], str]:
    def make(*, is_versioned: bool = True) -> str:
        name = f"releases-{next(_NUMBERS)}"
        client = aws.client("s3")
        client.create_bucket(Bucket=name)
        if is_versioned:
            client.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
        return name

    return make


@pytest.fixture
def place(aws: Aws, adapters_sandbox: Sandbox, make_bucket: Callable[[], str]) -> Place:
    return Place(aws, make_bucket(), adapters_sandbox.endpoint)


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def network(adapters_sandbox: Sandbox) -> Iterator[Network]:
    """A way to the sandbox that can be made to lose answers."""
    with unreliable(adapters_sandbox.endpoint) as between:
        yield between


@pytest.fixture
def shaky_aws(network: Network) -> Aws:
    return aws_at(network.endpoint)
