"""What the adapters' tests share: a real sandbox over HTTP, and fresh buckets in it."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


def one_write_at_a_time(app: Any) -> Any:
    """S3 checks a condition and writes in one step; moto does it in two, and under load a second writer slips between.

    To be dropped when the sandbox's front does this itself.
    """
    writing = threading.Lock()

    def serve(environ: dict[str, Any], start_response: Any) -> Any:
        if environ["REQUEST_METHOD"] in {"GET", "HEAD"}:
            return app(environ, start_response)
        with writing:
            return app(environ, start_response)

    return serve


@pytest.fixture(scope="session")
def adapters_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    sandbox = Sandbox(tmp_path_factory.mktemp("adapters-sandbox"), port=0)
    sandbox._server.app = one_write_at_a_time(sandbox._server.app)
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
