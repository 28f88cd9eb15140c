"""What the adapters' tests share: a real sandbox over HTTP, and fresh buckets in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from certificates import write_certificate
from places import Place
from unreliable import Network, aws_at, unreliable

from deliverkit.adapters.aws.session import Aws
from deliverkit.sandbox import launcher
from deliverkit.sandbox.launcher import RunningSandbox

_NUMBERS = itertools.count(1)


@pytest.fixture(scope="session")
def adapters_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningSandbox]:
    """In a process of its own: what lives in one process shares moto's state, and other tests have sandboxes too."""
    state_dir = tmp_path_factory.mktemp("adapters-sandbox")
    yield launcher.start(state_dir)
    launcher.stop(state_dir)


@pytest.fixture(scope="session")
def aws(adapters_sandbox: RunningSandbox) -> Aws:
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
def place(aws: Aws, adapters_sandbox: RunningSandbox, make_bucket: Callable[[], str]) -> Place:
    return Place(aws, make_bucket(), adapters_sandbox.endpoint)


@pytest.fixture
def sqlite_path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def network(adapters_sandbox: RunningSandbox) -> Iterator[Network]:
    """A way to the sandbox that can be made to lose answers."""
    with unreliable(adapters_sandbox.endpoint) as between:
        yield between


@pytest.fixture
def shaky_aws(network: Network) -> Aws:
    return aws_at(network.endpoint)


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return write_certificate(tmp_path / "server.pem")
