"""Pages of lists. CodeDeploy's lists take no page size; their tokens are opaque."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from deliverkit.sandbox.codedeploy.checks import refusal
from deliverkit.sandbox.kernel.operations import Params

PAGE = 100


def page(params: Params, member: str, items: Sequence[Any]) -> dict[str, Any]:
    """One page as an answer: `{member: [...], nextToken: ...}`."""
    start = _position(params.get("nextToken", ""), len(items))
    answer: dict[str, Any] = {member: list(items[start : start + PAGE])}
    if start + PAGE < len(items):
        answer["nextToken"] = base64.urlsafe_b64encode(f"at:{start + PAGE}".encode()).decode()
    return answer


def _position(token: str, count: int) -> int:
    if not token:
        return 0
    try:
        word, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        word, number = "", ""
    if word != "at" or not number.isdigit() or int(number) > count:
        raise refusal("InvalidNextToken", "The next token was specified in an invalid format.")
    return int(number)
