"""Where adapters keep things in a test: a module of its own, because every folder of tests has a `conftest`."""

from __future__ import annotations

from dataclasses import dataclass

from deliverkit.adapters.aws.session import Aws


@dataclass(frozen=True)
class Place:
    """A fresh bucket."""

    aws: Aws
    bucket: str
    endpoint: str
