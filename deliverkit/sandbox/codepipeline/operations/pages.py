"""Pages of lists: a token names the last item of a page, so that new items at the front do not shift the rest."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import TypeVar

from deliverkit.sandbox.codepipeline import errors
from deliverkit.sandbox.kernel.operations import Params

ItemT = TypeVar("ItemT")
DEFAULT_SIZE = 100


def page(
    kind: str, items: Sequence[ItemT], params: Params, key: Callable[[ItemT], str], size: int = DEFAULT_SIZE
) -> tuple[Sequence[ItemT], str | None]:
    """The page that a request asks for, and the token of the next one.

    Args:
        kind: Names the list; a token of another list is refused.
        items: The whole list.
        params: The request, with `maxResults` and `nextToken`.
        key: Identifies an item.
        size: Items per page when the request does not say.

    Raises:
        ApiError: `InvalidNextTokenException`.
    """
    begin = _position(kind, items, params["nextToken"], key) if params.get("nextToken") else 0
    end = begin + int(params.get("maxResults") or size)
    token = _token(kind, key(items[end - 1])) if end < len(items) else None
    return items[begin:end], token


def _position(kind: str, items: Sequence[ItemT], token: str, key: Callable[[ItemT], str]) -> int:
    try:
        named_kind, _, last = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise errors.bad_next_token() from error
    keys = [key(item) for item in items]
    if named_kind != kind or last not in keys:
        raise errors.bad_next_token()
    return keys.index(last) + 1


def _token(kind: str, last: str) -> str:
    return base64.urlsafe_b64encode(f"{kind}:{last}".encode()).decode()
