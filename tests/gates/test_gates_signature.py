"""Checks of the signature of the release that is promoted, through the store, the keys and the rooms of trust."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cloud_bench import REGION, CloudBench, cloud

from deliverkit.app import open_delivery
from deliverkit.assembly import Assembly
from deliverkit.check_ports import Checker
from deliverkit.config import load
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Check, CheckKind, Measurement, Verdict
from deliverkit.domain.release import Release
from deliverkit.domain.rollout import Outcome
from deliverkit.engine.signature_gate import SignatureCheck
from deliverkit.errors import UnreachableError
from deliverkit.release_assembly import make_key, verified
from deliverkit.testing.contracts import CheckContract
from deliverkit.testing.contracts.checks import Case, context

BUCKET = "releases-of-shop"
CONFIGURATION = """\
application: shop
release:
  version: {literal: "%s"}
  bundle: {path: build}
  store: s3://releases-of-shop/shop
%senvironments: {dev: {deploy: {codedeploy: {group: shop-dev}}}}
"""
USES = "gates: {before: [signed], after: [machines]}"
TRUST = "  sign: file:key.pem\n  trust: {keys: [file:key.pem.pub], source: {dirty: allow}}\n"


class Signed:
    """A store with a release that a key has signed."""

    def __init__(self, bench: CloudBench) -> None:
        self.bench, self.folder = bench, bench.folder
        s3 = bench.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        (self.folder / "build").mkdir()
        (self.folder / "build" / "appspec.yml").write_text(
            "version: 0.0\nos: linux\nfiles: [{source: /shop.txt, destination: /srv}]\n", encoding="utf-8"
        )
        make_key(self.folder / "key.pem", {})
        make_key(self.folder / "other.pem", {})

    def configured(self, version: str, more: str = TRUST, name: str = "deliverkit.yml") -> Path:
        path = self.folder / name
        path.write_text(CONFIGURATION % (version, more), encoding="utf-8")
        return path

    def package(self, version: str, more: str = TRUST) -> Release:
        (self.folder / "build" / "shop.txt").write_text(f"genuine {version}", encoding="utf-8")
        path = self.configured(version, more)
        keys = {"profile": None, "region": REGION, "endpoint_url": self.bench.sandbox.endpoint}
        delivery = open_delivery(path, **keys, environ={})
        return delivery.package().release

    def checker(self, more: str = TRUST) -> SignatureCheck:
        """As a process of deliverkit has it that was just started."""
        settings = load(self.configured("0", more, "checked.yml"))
        releases = Assembly(settings, self.bench.aws, {}).releases
        verify = partial(verified, settings=settings, aws=self.bench.aws, releases=releases, recipe=None)
        return SignatureCheck(lambda: releases, verify, clock=self.bench.clock)

    def measured(self, version: str, digest: str, more: str = TRUST, checker: Any = None) -> Measurement:
        check, values = self.bench.check("signature: {}"), {"release.version": version, "release.digest": digest}
        checker = checker or self.checker(more)
        for _ in range(100):
            found = self.bench.measure(check, checker=checker, sample=version, values=values)
            if found is not None:
                return found
        raise AssertionError("it is not verified in time")


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signed]:
    with pytest.MonkeyPatch.context() as patch, cloud(tmp_path_factory.mktemp("cloud")) as bench:
        patch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "sandbox")
        yield Signed(bench)


def test_a_release_passes_while_it_verifies(shop: Signed) -> None:
    release = shop.package("1.0")
    found = shop.measured("1.0", release.digest)
    assert found.outcome is Verdict.PASSED, found.reason
    assert found.reason.startswith("1.0 is signed by file:key.pem.pub")
    assert found.reason.endswith("what holds: bundle, content, signature, statement, source, sbom")
    assert found.query == "deliverkit release verify 1.0"
    again = shop.measured("1.0", release.digest)
    assert (again.outcome, again.seen) == (found.outcome, found.seen), "a process that takes over verifies it again"


@pytest.fixture(scope="module")
def release(shop: Signed) -> Release:
    return shop.package("3.0")


class TestContract(CheckContract):
    kind = CheckKind.SIGNATURE

    @pytest.fixture
    def checker(self, shop: Signed) -> Checker:
        return shop.checker()

    @pytest.fixture
    def passing(self, release: Release) -> Case:
        return Case({}, context(**{"release.version": "3.0", "release.digest": release.digest}))

    @pytest.fixture
    def failing(self) -> Case:
        return Case({}, context(**{"release.version": "3.0", "release.digest": "sha256:2"}))

    @pytest.fixture
    def unaskable(self) -> Case:
        return Case({}, context(**{"release.version": ""}))


def test_integrity_trouble_fails(shop: Signed) -> None:
    release = shop.package("1.1")
    withdrawn = shop.measured("1.1", release.digest, TRUST.replace("key.pem.pub", "other.pem.pub"))
    assert withdrawn.outcome is Verdict.FAILED
    assert withdrawn.reason.startswith("1.1 does not verify: signature: the provenance is signed by key ")
    other = shop.measured("1.1", "sha256:2")
    assert other.outcome is Verdict.FAILED
    assert f"1.1 is on record with {release.digest}, not sha256:2" in other.reason
    gone = shop.measured("7.7", "sha256:2")
    assert (gone.outcome, "record: " in gone.reason) == (Verdict.FAILED, True)


def test_a_bundle_that_was_replaced_fails(shop: Signed) -> None:
    release = shop.package("1.2")
    shop.bench.client("s3").delete_object(Bucket=BUCKET, Key=release.bundle.key, VersionId=release.bundle.version_id)
    found = shop.measured("1.2", release.digest)
    assert (found.outcome, "1.2 does not verify: bundle: " in found.reason) == (Verdict.FAILED, True)


def test_nothing_proved_is_an_error(shop: Signed) -> None:
    release = shop.package("1.3", "")
    untrusted = shop.measured("1.3", release.digest, "")
    assert untrusted.outcome is Verdict.ERROR
    assert untrusted.reason.startswith("nothing is proved of 1.3: no keys are trusted: see release.trust.keys")
    asked = shop.measured("1.3", release.digest)
    assert asked.outcome is Verdict.FAILED, "where keys are trusted, an unsigned release is none of theirs"


def test_a_store_that_does_not_answer_is_an_error(shop: Signed) -> None:
    release = shop.package("1.4")

    def silent(_release: Release) -> Any:
        raise UnreachableError("KMS does not answer")

    releases = Assembly(load(shop.configured("0")), shop.bench.aws, {}).releases
    checker = SignatureCheck(lambda: releases, silent, clock=shop.bench.clock)
    found = shop.measured("1.4", release.digest, checker=checker)
    assert (found.outcome, found.reason) == (Verdict.ERROR, "KMS does not answer")


def test_a_promotion_asks_before_and_after_as_deliverkit_yml_says(shop: Signed) -> None:
    shop.package("2.0")
    group, _ = shop.bench.group(1, agent="memory", deploymentConfigName="CodeDeployDefault.AllAtOnce")
    gates = "gates: {signed: {signature: {}}, machines: {targets: {}}}\n"
    deploy = f"deploy: {{codedeploy: {{group: {group}}}, strategy: all-at-once}}"
    path = shop.configured("2.0")
    text = path.read_text(encoding="utf-8").replace("deploy: {codedeploy: {group: shop-dev}}", f"{deploy}, {USES}")
    path.write_text(gates + text, encoding="utf-8")
    delivery = open_delivery(path, region=REGION, endpoint_url=shop.bench.sandbox.endpoint, environ={})
    shop.bench.sandbox.world.clock.set_speed(20)
    rollout = delivery.watch(delivery.promote("2.0", to="dev"))
    shop.bench.sandbox.world.clock.set_speed(1)
    assert rollout.outcome is Outcome.SUCCEEDED, rollout.reason
    judged = {passage.gate: passage.reason for passage in rollout.passages}
    assert set(judged) == {"signed", "machines"}
    events = delivery.ledger.read(f"promotions/{rollout.id}")
    taken = [each for event in events if event.kind == "gate.measured" for each in event.payload["measurements"]]
    assert [each["reason"].partition(";")[0].partition(" (")[0] for each in taken] == [
        "2.0 is signed by file:key.pem.pub",
        "1 of 1 targets are healthy",
    ]


def test_without_a_release_there_is_nothing_to_verify(shop: Signed) -> None:
    found = shop.bench.measure(shop.bench.check("signature: {}"), checker=shop.checker(), values={})
    assert found is not None
    assert (found.outcome, "there is no release here" in found.reason) == (Verdict.ERROR, True)


def test_a_signature_that_nobody_looked_at_is_no_pass() -> None:
    check = Check("signed", "", "signature", {})
    holding = [{"check": "bundle", "verdict": "holds", "said": "fine"}]
    assert assess(check, {"version": "1", "digest": "d", "findings": []}).outcome is Verdict.ERROR
    assert assess(check, {"version": "1", "digest": "d", "findings": holding}).outcome is Verdict.ERROR
    assert replace(check, name="x").key == "signed/x"
