"""Masking: secrets are taken out of texts before anybody reads or records them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

SHORTEST = 4
"""Characters; a shorter value is found all over any text, and hides nothing that could not be guessed."""

_CREDENTIAL = re.compile(
    r"(?i)(^|_)(SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|PASS|CREDENTIALS?|APIKEY|(API|ACCESS|PRIVATE|SIGNING|ENCRYPTION)_?KEY)"
    r"(_|$)"
)
# Bounded where a text could make them look over and over again: what commands write is whatever they like.
_KNOWN = (
    re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [A-Z0-9 ]+-----|\Z)", re.DOTALL),
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),  # IAM user guide, "IAM identifiers", unique id prefixes
    re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{22,})\b"),
    re.compile(r"\bglpat-[A-Za-z0-9_-]{20,}"),
    re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,2048}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),  # RFC 7519: a JSON Web Token
    re.compile(r"(?i)(?<=\bbearer )[A-Za-z0-9._~+/=-]{8,}|(?<=\bbasic )[A-Za-z0-9+/=]{8,}"),
    re.compile(r"(?<=//)[^/?#\s@:]{0,256}:[^/?#\s@]{1,256}(?=@)"),
    re.compile(
        r"""(?i)(?:password|passwd|secret|token|api_?key|access_?key)["']?\s*[:=]\s*["']?(?P<value>[^\s"',;&]{4,})"""
    ),
)


class Masking:
    """Takes secrets out of texts: values that are known, and texts that look like nothing else.

    A value that was encoded in another way is not found.
    """

    def __init__(self, names: Mapping[str, str]) -> None:
        """Take the secret values, by the names that may be told in their place; short values are passed over."""
        lines = ((name, part.strip()) for name, value in names.items() for part in (value, *value.splitlines()))
        self._names = {part: name for name, part in lines if len(part) >= SHORTEST}
        longest_first = sorted(self._names, key=len, reverse=True)
        self._values = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def hide_values(self, text: str) -> str:
        """The text with `${NAME}` in place of each known value, and of each line of it."""
        return self._values.sub(lambda found: f"${{{self._names[found[0]]}}}", text) if self._values else text

    def hide(self, text: str) -> str:
        """The text without known values, and with `***` in place of what looks like a secret."""
        text = self.hide_values(text)
        for pattern in _KNOWN:
            text = pattern.sub(_starred, text)
        return text

    def hide_in(self, value: Any) -> Any:
        """A JSON-able value, all of whose texts, keys too, have been masked."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, Mapping):
            return {self.hide(str(key)): self.hide_in(each) for key, each in value.items()}
        return [self.hide_in(each) for each in value] if isinstance(value, list | tuple) else value


def credentials_among(environ: Mapping[str, str], besides: Iterable[str] = ()) -> dict[str, str]:
    """The variables of an environment whose names are those of credentials, and some more."""
    others = frozenset(besides)
    return {name: value for name, value in environ.items() if name in others or _CREDENTIAL.search(name)}


def _starred(found: re.Match[str]) -> str:
    """`***` for what was found; of `password=...` only its value, unless that has been masked by name."""
    value = found.groupdict().get("value")
    if value is None:
        return "***"
    return found[0] if value.startswith("${") else f"{found[0][: -len(value)]}***"
