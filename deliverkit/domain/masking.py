"""Masking: secrets are taken out of texts before anybody reads or records them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

SHORTEST = 4
"""Characters; a shorter value is found all over any text, and hides nothing that could not be guessed."""

_CREDENTIAL = re.compile(
    r"(?i)(PASSWORD|PASSWD|PASSPHRASE|SECRET|TOKEN|CREDENTIAL)S?(_|$)"
    r"|(^|_)(PASS|APIKEY|(API|ACCESS|ACCOUNT|PRIVATE|SIGNING|ENCRYPTION)_?KEY)S?(_|$)"
    r"|(?<!BY)(?<!COM)PASS$|(?<!^OLD)(?<!^)PWD$|(^|_)AUTH(_CONFIG)?$"  # SSHPASS, MYSQL_PWD, REDISCLI_AUTH
)
_SWITCHES = frozenset({"true", "false", "null", "none"})
"""Values that are no secret, whatever the name, and are found all over any text."""
_NAME = (
    r"(?:pass(?:word|wd|phrase)s?|secrets?|token|(?:api|access|account|private|signing|encryption)[_-]?keys?"
    r"|(?<!old)pwd(?!\s*=\s*/))"
)
"""How the name of a secret ends, in a text or as the key of a value; `PWD=/srv` is where a shell stands."""
_NAMED = re.compile(rf"(?i){_NAME}\Z")
_QUOTE = r"""\\{0,3}["']"""
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
    re.compile(r"\b[sr]k_(?:live|test)_[A-Za-z0-9]{10,}"),  # Stripe documentation, "API keys"
    # RFC 9110, 11.6.2: a scheme, and what proves who asks.
    re.compile(
        rf"(?i)authorization(?:{_QUOTE})?\s*[:=]\s*(?:{_QUOTE})?(?:[a-z][\w-]{{1,30}} +)?(?P<value>[^\s\"'\\,;]{{8,}})"
    ),
    # RFC 6265, 4.1 and 4.2: of a cookie its value; how it is to be kept is no secret.
    re.compile(rf"(?i)cookie(?:{_QUOTE})?\s*[:=]\s*(?:{_QUOTE})?[\w.-]{{1,64}}=(?P<value>[^\s\"'\\,;]{{4,}})"),
    # A value in quotes ends with them, another one with the word.
    re.compile(rf"(?i){_NAME}(?:{_QUOTE})?\s*[:=]\s*\"(?P<value>(?:\\.|[^\"\\\n]){{4,2048}})"),
    re.compile(rf"(?i){_NAME}(?:{_QUOTE})?\s*[:=]\s*'(?P<value>(?:\\.|[^'\\\n]){{4,2048}})"),
    re.compile(rf"(?i){_NAME}(?:{_QUOTE})?\s*[:=]\s*\\{{1,3}}\"(?P<value>[^\"\\\n]{{4,2048}})"),
    re.compile(rf"(?i){_NAME}(?:{_QUOTE})?\s*[:=]\s*(?P<value>[^\s\"'\\,;&]{{4,}})"),
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
        """A JSON-able value, all of whose texts, keys too, are masked, and what has a secret's name for its key."""
        if isinstance(value, str):
            return self.hide(value)
        if isinstance(value, Mapping):
            return {self.hide(str(key)): self._hide_beside(str(key), each) for key, each in value.items()}
        return [self.hide_in(each) for each in value] if isinstance(value, list | tuple) else value

    def _hide_beside(self, key: str, value: Any) -> Any:
        """A value as it may be told under its key: a secret's name hides texts and numbers, as it does in a text."""
        if isinstance(value, list | tuple):
            return [self._hide_beside(key, each) for each in value]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            return self.hide_in(value)
        text = self.hide_values(str(value))
        if _NAMED.search(key) and len(text) >= SHORTEST:
            return text if _is_masked(text) else "***"
        told = self.hide(f"{key}: {text}") if isinstance(value, str) else text
        # Where the key is a secret itself, there is nothing left that it says about the value.
        told = told.removeprefix(f"{key}: ") if told.startswith(f"{key}: ") else self.hide(text)
        return value if told == str(value) else told


def credentials_among(environ: Mapping[str, str], besides: Iterable[str] = ()) -> dict[str, str]:
    """The variables of an environment whose names are those of credentials, and some more."""
    others = frozenset(besides)
    return {
        name: value
        for name, value in environ.items()
        if name in others or (_CREDENTIAL.search(name) and value.lower() not in _SWITCHES)
    }


def _is_masked(text: str) -> bool:
    """True for a text of names only, that stand for known values."""
    return bool(re.fullmatch(r"(?:\$\{[^{}]+\}\s*)+", text))


def _starred(found: re.Match[str]) -> str:
    """`***` for what was found; of `password=...` only its value, unless that has been masked by name."""
    value = found.groupdict().get("value")
    if value is None:
        return "***"
    return found[0] if _is_masked(value) else f"{found[0][: -len(value)]}***"
