"""A build, and the real command line that packages it through a network that tests look into."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from places import Place

from deliverkit.packaging.package import look_at

CONFIGURATION = """\
application: shop
release:
  version: {{literal: "1.0"}}
  bundle: {{path: build}}
  store: s3://{bucket}/shop
{more}environments:
  dev:
    deploy: {{codedeploy: {{group: shop-dev}}}}
"""
SIGNED = "  sign: file:key.pem\n"


class SmallBuild:
    """A directory with a configuration and a build of one small file."""

    def __init__(self, directory: Path, place: Place, endpoint: str) -> None:
        """Make it, and a key to sign with."""
        self.directory, self.place = directory, place
        keys = {"AWS_ACCESS_KEY_ID": "sandbox", "AWS_SECRET_ACCESS_KEY": "sandbox", "AWS_DEFAULT_REGION": "us-east-1"}
        self.environ = {**os.environ, **keys, "AWS_ENDPOINT_URL": endpoint, "NO_COLOR": "1"}
        build = directory / "build"
        build.mkdir()
        (build / "shop.txt").write_text("genuine")
        (build / "appspec.yml").write_text("version: 0.0\nos: linux\nfiles: [{source: /shop.txt, destination: /srv}]\n")
        self.configure()
        self.run("release", "key", "key.pem")

    def configure(self, more: str = "") -> None:
        """Write the configuration."""
        text = CONFIGURATION.format(bucket=self.place.bucket, more=more)
        (self.directory / "deliverkit.yml").write_text(text)

    def run(self, *words: str) -> tuple[int, str, str]:
        """Exit code, stdout and stderr of a command."""
        command = [sys.executable, "-m", "deliverkit", *words]
        done = subprocess.run(
            command, cwd=self.directory, env=self.environ, capture_output=True, text=True, timeout=90, check=False
        )
        return done.returncode, done.stdout, done.stderr

    def packaged(self, *words: str) -> dict[str, Any]:
        """What `package` gives."""
        code, out, err = self.run("package", "--output", "json", *words)
        assert code == 0, err
        document: dict[str, Any] = json.loads(out)
        return document

    def recorded(self) -> dict[str, Any]:
        """The record of version 1.0."""
        found: dict[str, Any] = json.loads(self.read("shop/releases/1.0.json"))
        return found

    @property
    def bundle_key(self) -> str:
        """Where its bundle belongs."""
        digest = look_at(self.directory / "build").prepare().manifest_digest
        return f"shop/bundles/{digest.removeprefix('sha256:')}.zip"

    @property
    def s3(self) -> Any:
        """A client of somebody who may do everything in the bucket."""
        return self.place.aws.client("s3")

    def read(self, key: str) -> bytes:
        """An object."""
        found: bytes = self.s3.get_object(Bucket=self.place.bucket, Key=key)["Body"].read()
        return found

    def keys(self, prefix: str) -> list[str]:
        """Keys below the store's prefix."""
        listed = self.s3.list_objects_v2(Bucket=self.place.bucket, Prefix=f"shop/{prefix}")
        return [each["Key"] for each in listed.get("Contents", [])]
