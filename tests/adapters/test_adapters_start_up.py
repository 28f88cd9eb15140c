"""What a command that makes one AWS call imports and asks; and that models read quickly are the models."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import botocore.session
import msgspec
import pytest
from botocore.exceptions import DataNotFoundError, UnknownServiceError
from imports_seen import ROOT, imported
from places import Place
from unreliable import Network

from deliverkit.adapters.aws.identity import StsIdentity
from deliverkit.adapters.aws.models import read_quickly
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.release import BundleFormat, BundleRevision, Release

ADAPTERS = ROOT / "deliverkit" / "adapters" / "aws"

CONFIGURATION = """
application: shop
release:
  bundle: {path: build/}
  store: s3://BUCKET/shop
environments:
  dev:
    regions: [us-east-1]
    deploy: {codedeploy: {group: shop-dev}, strategy: all-at-once}
"""

LIBRARIES = {
    "botocore",
    "dateutil",
    "deliverkit",
    "jmespath",
    "msgspec",
    "ruamel",
    "six",
    "typing_extensions",
    "urllib3",
}
OF_THE_ENVIRONMENT = {"awscrt", "brotli", "certifi", "zstandard"}
"""What botocore and urllib3 take along where it is installed, or where the environment names certificates."""

ONE_CALL = {
    "adapters": {"aws", "release_records"},
    "adapters.aws": {"bucket", "errors", "models", "releases", "session"},
    "cli": {"boundary", "commands", "main", "options", "render", "streams"}
    | {"release_diff", "release_prune", "release_replicate", "release_verify"},
    "cli.commands": {"release"},
    "config": {"build", "consistency", "declaration", "keeping_keys", "lint_keys", "loader", "problem"}
    | {"checks_cloud", "checks_metrics", "checks_web", "common_shapes", "gate_building", "gate_declaration"}
    | {"metric_building", "metric_consistency", "metric_texts", "plugin_shapes", "value_shapes"}
    | {"release_declaration", "release_keys", "settings", "shapes", "texts", "trust_declaration"},
    "domain": {
        "duration",
        "environment",
        "foreign",
        "gate",
        "ledger",
        "limits",
        "linting",
        "placeholders",
        "release",
        "release_rules",
        "trust",
        "window",
    },
}
ALONE = {"__main__", "_version", "app", "assembly", "delivery", "errors", "recipe_assembly", "sandboxing", "shelving"}
ALONE |= {"yaml_tree"}


@pytest.fixture
def shop(place: Place, tmp_path: Path) -> Path:
    """A directory with a configuration, whose store has one release."""
    (tmp_path / "deliverkit.yml").write_text(CONFIGURATION.replace("BUCKET", place.bucket), encoding="utf-8")
    bundle = BundleRevision(place.bucket, "shop/bundles/1.zip", "v1", "e1", BundleFormat.ZIP)
    release = Release("shop", "1.0", "sha256:" + "1" * 64, 1, bundle, datetime(2026, 1, 5, tzinfo=UTC), "developer")
    place.aws.client("s3").put_object(
        Bucket=place.bucket, Key="shop/releases/1.0.json", Body=msgspec.json.encode(release)
    )
    return tmp_path


def ran(shop: Path, network: Network, *words: str) -> set[str]:
    """Run a command of one call, through a proxy that sees its requests; the modules it imported."""
    keys = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "sandbox"}
    place = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_ENDPOINT_URL": network.endpoint}
    return imported(*words, cwd=shop, **keys, **place)


def test_a_command_of_one_call_asks_once_and_imports_what_it_needs(shop: Path, place: Place, network: Network) -> None:
    modules = ran(shop, network, "release", "show", "1.0", "--record")
    assert network.seen == [f"GET /{place.bucket}/shop/releases/1.0.json"]

    installed = {each.split(".")[0] for each in modules} - set(sys.stdlib_module_names)
    assert {each for each in installed if not each.startswith("_")} - OF_THE_ENVIRONMENT == LIBRARIES

    rooms = {*ALONE, *ONE_CALL, *(f"{room}.{each}" for room, names in ONE_CALL.items() for each in names)}
    assert {each.removeprefix("deliverkit.") for each in modules if each.startswith("deliverkit.")} == rooms
    assert modules & {"concurrent.futures.thread", "asyncio", "sqlite3", "multiprocessing", "zoneinfo"} == set()


def test_looking_asks_neither_who_we_are_nor_what_time_it_is(shop: Path, network: Network) -> None:
    for words in (("release", "list"), ("status",), ("lock", "show", "dev"), ("ledger", "log")):
        ran(shop, network, *words)
    assert {asked.split()[0] for asked in network.seen} == {"GET"}  # STS would be asked with POST
    assert [asked for asked in network.seen if "_sandbox" in asked] == []


def test_who_we_are_is_asked_once(shaky_aws: Aws, network: Network) -> None:
    identity = StsIdentity(shaky_aws)
    assert network.seen == []
    first = identity.whoami()
    asked = list(network.seen)
    assert asked
    assert identity.whoami() == first
    assert network.seen == asked


# --- models ----------------------------------------------------------------------------------------

SERVICES = sorted(
    {
        name
        for path in ADAPTERS.glob("*.py")
        for name in re.findall(r"client\(\s*\"([a-z0-9]+)\"", path.read_text(encoding="utf-8"))
    }
)


def loader(*, is_quick: bool) -> Any:
    session = botocore.session.Session()
    if is_quick:
        read_quickly(session)
    return session.get_component("data_loader")


def test_the_adapters_services_are_known_here() -> None:
    assert {"s3", "codepipeline", "codedeploy", "sts"} <= set(SERVICES)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("kind", ["service-2", "endpoint-rule-set-1", "paginators-1", "waiters-2"])
def test_models_are_what_botocore_reads(service: str, kind: str) -> None:
    def read(*, is_quick: bool) -> Any:
        try:
            return loader(is_quick=is_quick).load_service_model(service, kind)
        except DataNotFoundError as error:
            return type(error), str(error)

    quick = read(is_quick=True)
    assert quick == read(is_quick=False)
    assert quick


@pytest.mark.parametrize("name", ["endpoints", "partitions", "sdk-default-configuration", "_retry"])
def test_what_holds_for_all_services_is_what_botocore_reads(name: str) -> None:
    assert loader(is_quick=True).load_data_with_path(name) == loader(is_quick=False).load_data_with_path(name)


def test_all_services_can_be_listed() -> None:
    listed = loader(is_quick=True).list_available_services("service-2")
    assert list(listed) == loader(is_quick=False).list_available_services("service-2")
    assert "s3" in listed
    assert "s4" not in listed


def test_an_unknown_service_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UnknownServiceError, match=r"s4.*codepipeline"):
        loader(is_quick=True).load_service_model("s4", "service-2")


def test_models_of_ones_own_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_DATA_PATH: a later version of a service, and endpoints of one's own."""
    own = tmp_path / "s3" / "2099-01-01"
    own.mkdir(parents=True)
    (own / "service-2.json").write_text('{"metadata": {"own": true}}', encoding="utf-8")
    (tmp_path / "endpoints.json").write_text('{"version": 3, "partitions": []}', encoding="utf-8")
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))
    for is_quick in (True, False):
        assert loader(is_quick=is_quick).load_service_model("s3", "service-2")["metadata"] == {"own": True}
        assert loader(is_quick=is_quick).load_data("endpoints") == {"version": 3, "partitions": []}


@pytest.mark.parametrize("text", ["{", "", "[1,]", '{"a": NaN}', '{"a": 1, "a": 2}', '\ufeff{"a": 1}', '{"a": 1e999}'])
def test_odd_files_are_taken_and_refused_as_botocore_does(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd.json").write_text(text, encoding="utf-8")
    monkeypatch.setenv("AWS_DATA_PATH", str(tmp_path))

    def read(*, is_quick: bool) -> str:
        try:
            return repr(dict(loader(is_quick=is_quick).load_data("odd")))
        except ValueError as error:
            return repr(error)

    assert read(is_quick=True) == read(is_quick=False)
