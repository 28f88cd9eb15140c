"""Which operation a REST request names, by botocore's own models: method, path, and the query and headers it needs."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

_LABEL = re.compile(r"\{(\w+)(\+?)\}")


@dataclass(frozen=True, slots=True)
class Route:
    """An operation that was found.

    Attributes:
        operation: Its name.
        labels: Values of the path's labels by member, such as `Bucket` and `Key`.
    """

    operation: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Pattern:
    operation: str
    method: str
    path: re.Pattern[str]
    query: tuple[tuple[str, str], ...]
    needed_query: frozenset[str]
    needed_headers: frozenset[str]
    literals: int

    def matches(self, method: str, query: Mapping[str, list[str]], headers: Collection[str]) -> bool:
        return (
            method == self.method
            and all(name in query and value in {"", query[name][-1]} for name, value in self.query)
            and self.needed_query <= query.keys()
            and self.needed_headers <= set(headers)
        )

    @property
    def rank(self) -> tuple[int, int]:
        return self.literals, len(self.query) + len(self.needed_query) + len(self.needed_headers)


def find_route(
    service: str, method: str, path: str, query: Mapping[str, list[str]], headers: Collection[str]
) -> Route | None:
    """The most specific operation that fits; None when none does, or the service is not known.

    Args:
        service: Signing name.
        method: HTTP method.
        path: Decoded.
        query: Values by name; blank ones included.
        headers: Names in lower case.
    """
    best: tuple[tuple[int, int], Route] | None = None
    for pattern in _patterns(service):
        found = pattern.path.fullmatch(path) if pattern.matches(method, query, headers) else None
        if found is not None and (best is None or pattern.rank > best[0]):
            best = pattern.rank, Route(pattern.operation, found.groupdict())
    return best[1] if best else None


@cache
def _patterns(service: str) -> tuple[_Pattern, ...]:
    import botocore.exceptions  # noqa: PLC0415
    import botocore.loaders  # noqa: PLC0415

    try:
        description = botocore.loaders.Loader().load_service_model(service, "service-2")
    except botocore.exceptions.UnknownServiceError:
        return ()
    if not str(description["metadata"].get("protocol", "")).startswith("rest"):
        return ()
    return tuple(_each(description))


def _each(description: Any) -> Iterator[_Pattern]:
    for name, operation in description["operations"].items():
        uri, _, query = operation["http"]["requestUri"].partition("?")
        needed_query, needed_headers = _needed(description, operation)
        yield _Pattern(
            operation=name,
            method=operation["http"]["method"],
            path=_path(uri),
            query=tuple(parse_qsl(query, keep_blank_values=True)),
            needed_query=needed_query,
            needed_headers=needed_headers,
            literals=len([part for part in uri.split("/") if part and not part.startswith("{")]),
        )


def _needed(description: Any, operation: Any) -> tuple[frozenset[str], frozenset[str]]:
    shape = description["shapes"].get(operation.get("input", {}).get("shape", ""), {})
    members = [shape["members"][name] for name in shape.get("required", ())]
    query = {str(each["locationName"]) for each in members if each.get("location") == "querystring"}
    headers = {str(each["locationName"]).lower() for each in members if each.get("location") == "header"}
    return frozenset(query), frozenset(headers)


def _path(uri: str) -> re.Pattern[str]:
    # An S3 bucket may be asked for with a slash behind it.
    parts, last = [], 0
    for label in _LABEL.finditer(uri):
        parts += [re.escape(uri[last : label.start()]), f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})"]
        last = label.end()
    return re.compile("".join(parts) + re.escape(uri[last:].rstrip("/")) + "/?", re.DOTALL)
