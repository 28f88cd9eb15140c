"""The tags of one EC2 resource, found without a look at those of all others.

moto searches every tag of a region, each with a pattern, whenever it reads or shows one instance: with a thousand
instances that is a thousand times a thousand.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from deliverkit.sandbox.moto_hooks import replace

_ID = "resource-id"
_PLAIN = re.compile(r"[A-Za-z0-9-]+")
"""No wildcard of a filter (EC2 API reference, Filter)."""


def find_tags_at_once(models: Any) -> None:
    """Let DescribeTags for one resource, which moto asks itself for each instance that it shows, look at that one.

    Args:
        models: `moto.ec2.models.tags`.
    """

    def instead_of(describe: Any) -> Any:
        def mended(backend: Any, filters: Mapping[str, Sequence[str]] | None = None) -> list[dict[str, str]]:
            named = filters[_ID] if filters is not None and list(filters) == [_ID] else []
            if len(named) != 1 or not _PLAIN.fullmatch(named[0]):
                found: list[dict[str, str]] = describe(backend, filters)
                return found
            own = backend.tags.get(named[0], {})
            of_one: list[dict[str, str]] = describe(SimpleNamespace(tags={named[0]: dict(own)}), None)
            return of_one

        return mended

    replace(models.TagBackend, "describe_tags", instead_of)
