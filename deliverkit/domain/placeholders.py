"""Placeholders: `${release.version}` and the few others that texts of the configuration may hold."""

from __future__ import annotations

import re
from collections.abc import Mapping

PLACEHOLDERS: Mapping[str, str] = {
    "application": "name of the application",
    "environment": "name of the environment",
    "region": "AWS region of the target, or of the first one deployed to",
    "release.version": "version of the release that should be serving",
    "release.digest": "SHA-256 digest of its bundle",
    "release.commit": "commit it was built from; empty when it was built outside git",
    "target.address": "host name or address of one instance; the text is then used once for each of them",
    "target.id": "instance id of one instance; the text is then used once for each of them",
    "endpoint": "the environment's `endpoint`",
    "promotion.id": "id of the promotion",
}
"""The closed list, each with its meaning."""

_PLACEHOLDER = re.compile(r"\$\{([^{}]*)(\}?)")


def names_in(text: str) -> tuple[str, ...]:
    """Names of all placeholders in a text, in their order, known or not.

    Raises:
        ValueError: If a `${` is not closed by a `}`.
    """
    return tuple(_name(match) for match in _PLACEHOLDER.finditer(text))


def check(text: str) -> None:
    """Accept a text all of whose placeholders are on the list.

    Raises:
        ValueError: If one is not; the message names it and the nearest one that is.
    """
    for name in names_in(text):
        if name not in PLACEHOLDERS:
            raise ValueError(_unknown(name, PLACEHOLDERS))


def expand(text: str, values: Mapping[str, str]) -> str:
    """The text with the values filled in; values are taken literally, even when they look like placeholders.

    Raises:
        ValueError: If the text holds a placeholder that has no value; the message names it.
    """

    def value_of(match: re.Match[str]) -> str:
        name = _name(match)
        if name not in values:
            raise ValueError(_unknown(name, values))
        return values[name]

    return _PLACEHOLDER.sub(value_of, text)


def needs_target(text: str) -> bool:
    """True when the text is about one instance, so that it has to be expanded once for each of them."""
    return any(match[1].startswith("target.") for match in _PLACEHOLDER.finditer(text))


def _name(match: re.Match[str]) -> str:
    if not match[2]:
        raise ValueError(f"'{match[0]}' lacks its closing brace")
    return match[1]


def _unknown(name: str, known: Mapping[str, str]) -> str:
    if name in PLACEHOLDERS:
        return f"${{{name}}} has no value here"
    import difflib  # noqa: PLC0415  (only mistakes pay for it)

    # `${version}` means `${release.version}`, so the last words count too.
    spelled = {each.rpartition(".")[2]: each for each in known} | {each: each for each in known}
    near = difflib.get_close_matches(name, spelled, n=1)
    advice = f"did you mean ${{{spelled[near[0]]}}}?" if near else f"known are {', '.join(known)}"
    return f"${{{name}}} is no placeholder: {advice}"
