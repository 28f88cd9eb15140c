"""Packaging as people type it, and everything that stops it half way: what is told, the exit code, what is left."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from builds import CONFIGURATION
from places import Place
from unreliable import Network

from deliverkit.adapters.aws.parts import PART_SIZE
from deliverkit.adapters.aws.session import Aws
from deliverkit.errors import ExitCode

MEBIBYTE = 1024 * 1024
_NUMBERS = itertools.count(1)


class Build:
    """A build, and the command line that packages it through a network."""

    def __init__(self, directory: Path, place: Place, endpoint: str, size: int) -> None:
        self.directory, self.place = directory, place
        keys = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox", "AWS_DEFAULT_REGION": "us-east-1"}
        self.environ = {**os.environ, **keys, "AWS_ENDPOINT_URL": endpoint, "NO_COLOR": "1"}
        build = directory / "build"
        build.mkdir()
        (build / "random.bin").write_bytes(os.urandom(size))
        spec = "version: 0.0\nos: linux\nfiles: [{source: /random.bin, destination: /srv}]\n"
        (build / "appspec.yml").write_text(spec)
        self.configure()

    def configure(self, more: str = "", *, bucket: str = "") -> None:
        text = CONFIGURATION.format(bucket=bucket or self.place.bucket, more=more)
        (self.directory / "deliverkit.yml").write_text(text)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "deliverkit", "package", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=self.directory, env=self.environ, **pipes)

    def package(self, *words: str) -> tuple[int, str, str]:
        process = self.begin(*words)
        out, err = process.communicate(timeout=90)
        return process.returncode, out, err

    def left(self) -> tuple[list[str], list[str]]:
        """Keys of bundles and records, and unfinished uploads."""
        s3 = self.place.aws.client("s3")
        listed = s3.list_object_versions(Bucket=self.place.bucket).get("Versions", [])
        uploads = s3.list_multipart_uploads(Bucket=self.place.bucket).get("Uploads", [])
        kinds = ("shop/bundles/", "shop/releases/", "shop/attestations/")
        return [each["Key"] for each in listed if each["Key"].startswith(kinds)], [each["Key"] for each in uploads]


NOTHING: tuple[list[str], list[str]] = ([], [])


@pytest.fixture
def small(tmp_path: Path, place: Place, network: Network) -> Build:
    return Build(tmp_path, place, network.endpoint, MEBIBYTE)


@pytest.fixture
def large(tmp_path: Path, place: Place, network: Network) -> Build:
    return Build(tmp_path, place, network.endpoint, 60 * MEBIBYTE)


@pytest.fixture(params=["one request", "parts"])
def build(request: pytest.FixtureRequest) -> Build:
    found: Build = request.getfixturevalue("small" if request.param == "one request" else "large")
    return found


@contextmanager
def enforced(place: Place) -> Iterator[None]:
    """A while in which the sandbox enforces policies."""

    def enforce(*, is_enforced: bool) -> None:
        body = json.dumps({"is_enforced": is_enforced}).encode()
        urllib.request.urlopen(f"{place.endpoint}/_sandbox/access", body, timeout=10).close()

    enforce(is_enforced=True)
    try:
        yield
    finally:
        enforce(is_enforced=False)


def become(build: Build, aws: Aws, *actions: str) -> None:
    """Package as a user who may do these things and nothing else."""
    iam, name = aws.client("iam"), f"builder-{next(_NUMBERS)}"
    iam.create_user(UserName=name)
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=policy)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    build.environ |= {"AWS_ACCESS_KEY_ID": made["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": made["SecretAccessKey"]}


def key_of(aws: Aws, **kind: str) -> Any:
    return aws.client("kms").create_key(**kind)["KeyMetadata"]


# --- kept as configured ----------------------------------------------------------------------------


def test_all_that_is_kept_of_a_release_is_encrypted_with_the_configured_key(build: Build, aws: Aws) -> None:
    key = key_of(aws)["Arn"]
    build.configure(f"  encryption: kms://{key}\n")
    code, _, err = build.package()
    assert code == 0, err
    client, bucket = aws.client("s3"), build.place.bucket
    kept = [item["Key"] for item in client.list_objects_v2(Bucket=bucket)["Contents"]]
    folders = {name.split("/")[-2] if "attestations" not in name else "attestations" for name in kept}
    assert {"attestations", "bundles", "manifests"} <= folders
    assert {name: client.head_object(Bucket=bucket, Key=name).get("SSEKMSKeyId") for name in kept} == dict.fromkeys(
        kept, key
    )


def test_no_statement_is_left_in_a_bucket_of_somebody_else(build: Build) -> None:
    build.configure("  bucket_owner: '999999999999'\n")
    code, _, err = build.package()
    assert code == ExitCode.UNREACHABLE, err
    assert build.left() == NOTHING


# --- refused for good ------------------------------------------------------------------------------


def test_a_key_that_may_not_encrypt_leaves_nothing(build: Build, aws: Aws) -> None:
    key = key_of(aws)["Arn"]
    build.configure(f"  encryption: kms://{key}\n")
    become(build, aws, "s3:*")
    with enforced(build.place):
        code, _, err = build.package()
    assert code == ExitCode.UNREACHABLE, err
    for words in ("kms:GenerateDataKey", key, "next: ", "AccessDenied"):
        assert words in err, err
    assert build.left() == NOTHING


def test_a_key_that_may_be_read_and_not_sign_with_leaves_nothing(build: Build, aws: Aws) -> None:
    key = key_of(aws, KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyId"]
    build.configure(f"  sign: kms://{key}\n")
    become(build, aws, "s3:*", "kms:GetPublicKey")
    with enforced(build.place):
        code, _, err = build.package()
    assert code == ExitCode.UNREACHABLE, err
    for words in ("kms:Sign", f"signing with kms://{key}", "next: deliverkit needs that permission"):
        assert words in err, err
    assert build.left() == NOTHING


def test_a_bucket_that_nobody_made_is_a_matter_of_configuration(small: Build) -> None:
    small.configure(bucket="nobody-made-this")
    code, _, err = small.package()
    assert (code, "there is no bucket nobody-made-this" in err) == (ExitCode.USAGE, True), err
    assert "next: aws s3 mb s3://nobody-made-this" in err


def test_a_bucket_elsewhere_and_a_clock_of_yesterday_end_the_command(small: Build, network: Network) -> None:
    """As S3 answers; the sandbox itself has one clock with us, and all regions in one place."""
    network.concerns = lambda asked: asked.startswith("PUT") and "/bundles/" in asked
    refusals = (
        (400, "AuthorizationHeaderMalformed", "<Region>eu-west-1</Region>", ExitCode.USAGE, "--region eu-west-1"),
        (
            403,
            "RequestTimeTooSkewed",
            "<RequestTime>20261127T050000Z</RequestTime><ServerTime>2026-11-28T05:00:00Z</ServerTime>",
            ExitCode.UNREACHABLE,
            "timedatectl",
        ),
    )
    for status, told, detail, expected, advice in refusals:
        network.deny, network.refusal, network.detail = 99, (status, told), detail
        code, _, err = small.package()
        assert (code, advice in err.partition("next:")[2]) == (expected, True), err
        assert small.left() == NOTHING


# --- no answer for ever ----------------------------------------------------------------------------


def test_a_store_that_is_slow_for_ever_is_asked_a_few_times_and_left_as_it_was(build: Build, network: Network) -> None:
    asked: list[str] = []

    def concerns(request: str) -> bool:
        is_content = request.startswith("PUT") and "/bundles/" in request
        asked.extend([request] if is_content else [])
        return is_content

    network.concerns, network.deny, network.refusal = concerns, 999, (503, "SlowDown")
    code, _, err = build.package()
    assert code == ExitCode.UNREACHABLE, err
    assert "SlowDown" in err
    assert "next: AWS asks for patience" in err
    # Each part on its way, and three are, is sent once and four times again.
    assert 5 <= len(asked) <= 15
    assert max(asked.count(each) for each in asked) == 5
    assert build.left() == NOTHING


# --- resumed ---------------------------------------------------------------------------------------


def wait_for(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.mark.parametrize("output", ["text", "json"])
def test_a_resumed_upload_says_so_and_how_much_was_not_sent_again(large: Build, network: Network, output: str) -> None:
    s3, bucket = large.place.aws.client("s3"), large.place.bucket
    killed = threading.Event()

    def parts() -> list[dict[str, Any]]:
        (upload,) = s3.list_multipart_uploads(Bucket=bucket)["Uploads"]
        listed = s3.list_parts(Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])
        return list(listed.get("Parts", ()))

    def kill() -> None:
        wait_for(lambda: {1, 2, 3} <= {part["PartNumber"] for part in parts()})
        process.kill()
        killed.set()

    network.concerns, network.between = (lambda asked: "partNumber=5" in asked), kill
    process = large.begin()
    process.communicate(timeout=90)
    assert process.returncode == -signal.SIGKILL
    assert killed.wait(10)
    wait_for(lambda: len(parts()) >= 3)
    code, out, err = large.package("--output", output)
    assert code == 0, err
    told = re.search(r"an earlier upload was resumed; (\d+) of 13 parts \((\d+) bytes\) were there already", err)
    assert told is not None, err
    assert int(told[1]) >= 3
    assert int(told[2]) == int(told[1]) * PART_SIZE
    if output == "json":
        upload = json.loads(out)["upload"]
        expected = {"parts_not_sent_again": int(told[1]), "bytes_not_sent_again": int(told[2])}
        assert upload == {"sent": True, "resumed": True, **expected}
    code, out, err = large.package("--output", "json")
    assert "nothing uploaded" in err
    assert (json.loads(out)["upload"]["sent"], json.loads(out)["upload"]["resumed"]) == (False, False)
