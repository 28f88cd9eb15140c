"""Regions that AWS does not have are refused before anything is sent anywhere."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest

from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.errors import UsageError

SERVICES = ("s3", "sts", "kms", "codedeploy", "codepipeline", "cloudwatch", "ec2")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))


def aws_of(endpoint_url: str | None = None) -> Aws:
    return Aws(Account(region="us-east-1", endpoint_url=endpoint_url, access_key_id="AKIA", secret_access_key="s"))


@pytest.mark.parametrize("service", SERVICES)
def test_a_made_up_region_is_refused_with_the_nearest(service: str) -> None:
    with pytest.raises(UsageError, match="there is no AWS region eu-nowhere-9") as refusal:
        aws_of().client(service, "eu-nowhere-9")
    assert "botocore" in refusal.value.hint
    with pytest.raises(UsageError, match="did you mean eu-west-1"):
        aws_of().client(service, "eu-wset-1")


def test_every_region_that_aws_has_is_taken() -> None:
    session = boto3.Session()
    partitions = session.get_available_partitions()
    regions = [name for each in partitions for name in session.get_available_regions("s3", each)]
    assert {"us-east-1", "eu-west-1", "cn-north-1", "us-gov-west-1"} <= set(regions)
    aws = aws_of()
    for region in regions:
        assert aws.client("s3", region).meta.region_name == region


def test_an_endpoint_that_was_set_has_the_regions_it_likes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    endpoint = "http://127.0.0.1:9"
    assert aws_of(endpoint).client("s3", "eu-nowhere-9").meta.endpoint_url == endpoint
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", endpoint)
    assert aws_of().client("s3", "eu-nowhere-9").meta.endpoint_url == endpoint
    with pytest.raises(UsageError, match="no AWS region"):
        aws_of().client("sts", "eu-nowhere-9")
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    (tmp_path / "config").write_text(f"[default]\nendpoint_url = {endpoint}\n", encoding="utf-8")
    assert aws_of().client("sts", "eu-nowhere-9").meta.endpoint_url == endpoint
