"""Secrets that are known by what a file holds, whatever its name: private keys and AWS credentials.

Only text that is read anyway is looked at: a file of up to a mebibyte as a whole, and of a larger one its first 64 KiB;
a binary file up to its first zero byte. Most files hold no word that every such secret has, which is quick to tell.

Sources: RFC 7468, sections 10 and 11, and RFC 4880, section 6.2, for the headers; the AWS CLI's user guide,
"Configuration and credential file settings", for the key; an AWS secret access key has 40 characters.
"""

from __future__ import annotations

import hashlib
import re

WHOLE_BYTES = 1 << 20
"""Files up to this size are looked at as a whole."""
HEAD_BYTES = 64 << 10
"""How much of a larger file is looked at."""

_KEY_WORD = b" PRIVATE KEY"
_AWS_WORDS = (b"aws_secret_access_key", b"AWS_SECRET_ACCESS_KEY")
_HEADER = rb"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
# A program or a text that only speaks of keys has the header within a line, and no key behind it. A key has it in a
# line of its own with something like base64 or a field (`Version: ...`) behind, or, where line breaks are written as
# `\n` or between quotes, a long run of base64.
_KEYS = (
    re.compile(rb"^[ \t]*" + _HEADER + rb"[ \t]*\r?\n\s*[A-Za-z0-9+/]", re.MULTILINE),
    re.compile(_HEADER + rb"(?:(?!-----)[\s\S]){1,400}?[A-Za-z0-9+/]{40}"),
)
_AWS_KEY = re.compile(rb"(?i:aws_secret_access_key)[\"']?\s*[=:>\s]\s*[\"']?[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_PUTTY_WORD = b"PuTTY-User-Key-File-"
_PUTTY_KEY = re.compile(_PUTTY_WORD + rb"[0-9]+: [\s\S]+?^Private-Lines: [0-9]", re.MULTILINE)

RULE_SET = hashlib.sha256(
    repr((WHOLE_BYTES, HEAD_BYTES, [each.pattern for each in (*_KEYS, _PUTTY_KEY, _AWS_KEY)])).encode()
).hexdigest()[:16]
"""Changes with the rules: what was judged by others has to be judged again."""


def looked_at(size: int) -> int:
    """How many bytes at the beginning of a file of a size are looked at."""
    return size if size <= WHOLE_BYTES else HEAD_BYTES


def secret_in_content(content: bytes) -> str:
    """Say what secret a file holds.

    Args:
        content: What is looked at of it.

    Returns:
        A few words such as `a private key`; empty when nothing was found.
    """
    if not (_KEY_WORD in content or _AWS_WORDS[0] in content or _AWS_WORDS[1] in content):
        return "a private key" if content.startswith(_PUTTY_WORD) and _PUTTY_KEY.match(content) else ""
    text = content.partition(b"\0")[0]
    if _KEY_WORD in text and any(key.search(text) for key in _KEYS):
        return "a private key"
    return "an AWS secret access key" if _AWS_KEY.search(text) else ""
