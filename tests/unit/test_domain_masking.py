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
        "PGPASSWORD",
        "MYSQL_PWD",
        "SSHPASS",
        "REDISCLI_AUTH",
        "NPM_CONFIG__AUTH",
        "DOCKER_AUTH_CONFIG",
        "GITHUBTOKEN",
        "SECRETS",
        "DATABASE_PASSWORDS",
    ]
    harmless = ["PATH", "HOME", "TOKENIZER", "PASSENGERS", "KEYBOARD", "SECRETARY", "MONKEY", "PWD", "OLDPWD"]
    harmless += ["SSH_AUTH_SOCK", "BYPASS", "COMPASS", "AUTHOR", "GIT_AUTHOR_NAME"]
    assert list(credentials_among(dict.fromkeys([*secret, *harmless], "x"))) == secret


def test_a_switch_is_no_secret_whatever_its_name() -> None:
    assert credentials_among({"REQUIRE_AUTH": "true", "API_TOKEN": "None"}) == {}


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ('password="correct horse battery staple" x', 'password="***" x'),
        ("password='correct horse' x", "password='***' x"),
        (r"{\"password\": \"correct horse\", \"n\": 1}", r"{\"password\": \"***\", \"n\": 1}"),
        (r'{"password": "a \" quote", "n": 1}', '{"password": "***", "n": 1}'),
        ("private_key: MIIEvQ", "private_key: ***"),
        ("passphrase: open sesame", "passphrase: *** sesame"),
        ("Uid=shop;Pwd=hunter2;", "Uid=shop;Pwd=***;"),
        ("PWD=/srv/shop OLDPWD=/srv", "PWD=/srv/shop OLDPWD=/srv"),
        ("AccountName=a;AccountKey=abcd1234==;x", "AccountName=a;AccountKey=***;x"),
        ("X-Api-Key: abcd1234", "X-Api-Key: ***"),
        ("Authorization: Token abcd1234", "Authorization: Token ***"),
        ("Authorization: Bearer abcdefgh12345678", "Authorization: Bearer ***"),
        ("Authorization: abcdefgh12345678", "Authorization: ***"),
        ("Set-Cookie: session=abcd1234; Path=/; HttpOnly", "Set-Cookie: session=***; Path=/; HttpOnly"),
        ("key sk_live_abcdefgh12345678 used", "key *** used"),
        ("tokens: 1500, token_errors=2000", "tokens: 1500, token_errors=2000"),
        ("password=${DB_PASSWORD} token=${A}${B}", "password=${DB_PASSWORD} token=${A}${B}"),
    ],
)
def test_what_looks_like_a_secret_is_found_without_its_being_known(text: str, hidden: str) -> None:
    masking = Masking({})
    assert masking.hide(text) == hidden
    assert masking.hide(hidden) == hidden


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ({"password": "hunter2222"}, {"password": "***"}),
        ({"of": {"db_password": "correct horse battery"}}, {"of": {"db_password": "***"}}),
        ({"passwords": ["one two", {"n": 1}]}, {"passwords": ["***", {"n": 1}]}),
        ({"pin_token": 12345678}, {"pin_token": "***"}),
        ({"token": True, "secret": None, "password": ""}, {"token": True, "secret": None, "password": ""}),
        ({"x-api-key": "known-value"}, {"x-api-key": "${KNOWN}"}),
        ({"set-cookie": "id=abcd1234; HttpOnly"}, {"set-cookie": "id=***; HttpOnly"}),
        ({"authorization": "Token abcd1234"}, {"authorization": "Token ***"}),
        ({"count": 12345678, "tokens": 4000, "rate": 0.5}, {"count": 12345678, "tokens": 4000, "rate": 0.5}),
        ({"password=hunter2222": "password=hunter2222"}, {"password=***": "password=***"}),
    ],
)
def test_the_key_of_a_value_tells_that_it_is_a_secret(value: object, hidden: object) -> None:
    assert Masking({"KNOWN": "known-value"}).hide_in(value) == hidden


@pytest.mark.parametrize(
    "piece",
    ["//a:", "eyJaaaaaaaa-", "password ", "-----BEGIN ", "bearer ", "a.b=", "token=", 'token="', "pwd ", "cookie=a"],
)
def test_no_text_takes_long(piece: str) -> None:
    began = time.process_time()
    Masking({"A": "abcd"}).hide(piece + piece[2:] * (64 * 1024 // len(piece)))
    Masking({"A": "abcd"}).hide(piece * (64 * 1024 // len(piece)))
    assert time.process_time() - began < 5
