"""Secrets are taken out of texts before anybody reads or records them."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliverkit.domain.masking import SHORTEST, Masking, credentials_among

LETTERS = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=SHORTEST, max_size=12)


@given(LETTERS, LETTERS, st.text(max_size=30), st.text(max_size=30))
def test_no_known_value_remains(first: str, second: str, before: str, after: str) -> None:
    masking = Masking({"A": first, "B": second})
    hidden = masking.hide(f"{before}{first}{second}{after}{second}")
    for value in (first, second):
        assert value not in hidden.replace("${A}", "\0").replace("${B}", "\0")


VALUES = st.none() | st.booleans() | st.integers() | LETTERS
TREES = st.lists(VALUES | st.dictionaries(LETTERS, VALUES, max_size=2), max_size=3)


@settings(max_examples=40)
@given(TREES)
def test_values_of_any_depth_are_masked(value: object) -> None:
    texts = set(json.dumps(value).split('"')[1::2])
    masking = Masking({f"V{number}": text for number, text in enumerate(sorted(texts))})
    hidden = json.dumps(masking.hide_in(value))
    assert all(part.startswith("${V") for part in hidden.split('"')[1::2])


def test_the_longer_of_two_values_is_found_first_and_short_ones_hide_nothing() -> None:
    masking = Masking({"SHORT": "abcd", "LONG": "abcdef", "TINY": "ab", "EMPTY": ""})
    assert masking.hide("abcdef abcd ab") == "${LONG} ${SHORT} ab"


def test_credentials_are_known_by_the_names_of_their_variables() -> None:
    secret = [
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "GITHUB_TOKEN",
        "DB_PASSWORD",
        "API_KEY",
        "apikey",
        "X_PASS",
    ]
    harmless = ["PATH", "HOME", "TOKENIZER", "PASSENGERS", "KEYBOARD", "SECRETARY", "MONKEY"]
    assert list(credentials_among(dict.fromkeys([*secret, *harmless], "x"))) == secret


@pytest.mark.parametrize("piece", ["//a:", "eyJaaaaaaaa-", "password ", "-----BEGIN ", "bearer ", "a.b=", "token="])
def test_no_text_takes_long(piece: str) -> None:
    began = time.process_time()
    Masking({"A": "abcd"}).hide(piece + piece[2:] * (64 * 1024 // len(piece)))
    Masking({"A": "abcd"}).hide(piece * (64 * 1024 // len(piece)))
    assert time.process_time() - began < 5
