"""What a build's environment variables say, made fit for a statement: bounded, on one line, without credentials.

The variables are those of Jenkins' `sh` step. BUILD_URL and JENKINS_URL are there only when the controller has a root
URL; BUILD_TAG, BUILD_NUMBER, JOB_NAME and NODE_NAME always are. They are not to be relied on: a build can set them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from deliverkit.domain.trust import BuildClaims

LIMIT = 1_000
"""Characters that are kept of one variable; a job name has some hundred, and a statement is read by many."""
_UNFIT = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
"""What a terminal or a page would obey instead of showing it, and halves of characters, which UTF-8 cannot write."""
_WEB = frozenset({"http", "https"})


def claim(text: str, *, limit: int = LIMIT) -> str:
    """A variable's value as it can be stated: on one line, and no longer than `limit` characters."""
    # Cut before anything is looked for, so that ten megabytes cost no more than ten kilobytes.
    whole = " ".join(_UNFIT.sub(" ", text[: 4 * limit]).split())
    return whole if len(whole) <= limit and len(text) <= 4 * limit else f"{whole[: limit - 1]}\N{HORIZONTAL ELLIPSIS}"


def web_address(text: str) -> str:
    """An address as it can be stated, without user and password; empty when it is none, or too long to be one.

    An address is never cut: a part of it would be another one, and identifies somebody else.
    """
    text = text.strip()
    if len(text) > LIMIT or _UNFIT.search(text) or any(character.isspace() for character in text):
        return ""
    try:
        parts = urlsplit(text)
        is_usable = parts.scheme in _WEB and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return ""
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if is_usable else ""


def build_claims(environ: Mapping[str, str], *, packaged_by: str) -> BuildClaims:
    """What the variables say of a build.

    Args:
        environ: Environment variables.
        packaged_by: AWS identity ARN that stores the bundle.
    """

    def said(name: str) -> str:
        return claim(environ.get(name, ""))

    return BuildClaims(
        job=said("JOB_NAME"),
        number=said("BUILD_NUMBER"),
        cause=said("DELIVERKIT_CAUSE"),
        agent=said("NODE_NAME"),
        change=said("CHANGE_ID"),
        commit=said("GIT_COMMIT"),
        packaged_by=packaged_by,
    )
