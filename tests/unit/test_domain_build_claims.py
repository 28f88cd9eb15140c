"""What builds say of themselves, whatever stands in their variables."""

from __future__ import annotations

import json
import unicodedata
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.domain.build_claims import LIMIT, build_claims, claim, web_address

ANY = st.text(st.characters(), max_size=50)
"""Halves of characters too: what is no UTF-8 in an environment variable comes as such."""


@given(ANY)
def test_a_claim_is_one_line_that_can_be_written_and_is_claimed_the_same_again(text: str) -> None:
    said = claim(text)
    said.encode()
    assert len(said) <= LIMIT
    assert said.splitlines() in ([], [said])
    assert not {unicodedata.category(character) for character in said} & {"Cc", "Cs"}
    assert claim(said) == said


@pytest.mark.parametrize("length", [LIMIT, LIMIT + 1, 4 * LIMIT, 4 * LIMIT + 1, 10_000_000])
def test_a_claim_is_bounded_and_says_where_it_was_cut(length: int) -> None:
    said = claim("ü" * length)
    assert said == ("ü" * length if length == LIMIT else "ü" * (LIMIT - 1) + "…")


def test_what_a_page_or_a_terminal_would_obey_is_taken_out() -> None:
    assert claim(" shop\x1b[31m\n\u202eevil\udcff\x00 ") == "shop [31m evil"


@pytest.mark.parametrize(
    ("told", "stated"),
    [
        ("https://ci.example.com/", "https://ci.example.com/"),
        ("https://me:hunter2@ci.example.com:8443/jenkins/", "https://ci.example.com:8443/jenkins/"),
        ("http://a@b@[::1]:8080/job/x/7/", "http://[::1]:8080/job/x/7/"),
        (" https://ci.example.com/job/ümlaut/ ", "https://ci.example.com/job/ümlaut/"),
        ("", ""),
        ("ci.example.com", ""),
        ("javascript:alert(1)", ""),
        ("file:///etc/passwd", ""),
        ("https://", ""),
        ("https://ci.example.com:port/", ""),
        ("https://[ci/", ""),
        ("https://ci.example.com/\nSet-Cookie: x", ""),
        ("https://ci.example.com/a b", ""),
        ("https://ci.example.com/\udcff", ""),
        ("https://ci.example.com/" + "a" * LIMIT, ""),
    ],
)
def test_an_address_is_stated_whole_and_without_credentials_or_not_at_all(told: str, stated: str) -> None:
    assert web_address(told) == stated


@given(ANY, ANY, ANY)
def test_no_address_that_is_stated_has_a_user(user: str, password: str, path: str) -> None:
    stated = web_address(f"https://{user}:{password}@ci.example.com/{path}")
    assert urlsplit(stated).username is None
    assert urlsplit(stated).password is None


def test_the_variables_of_a_build_are_its_claims() -> None:
    environ = {
        "JOB_NAME": "team/shop",
        "BUILD_NUMBER": "12",
        "DELIVERKIT_CAUSE": "Started by timer\n",
        "NODE_NAME": "built-in",
        "CHANGE_ID": "PR-3",
        "GIT_COMMIT": "c" * 40,
        "BUILD_CAUSE": "nobody sets this",
    }
    claims = build_claims(environ, packaged_by="arn:aws:iam::1:role/ci")
    assert (claims.job, claims.number, claims.cause, claims.agent) == (
        "team/shop",
        "12",
        "Started by timer",
        "built-in",
    )
    assert (claims.change, claims.commit, claims.packaged_by) == ("PR-3", "c" * 40, "arn:aws:iam::1:role/ci")
    assert build_claims({}, packaged_by="") == type(claims)()
    assert "nobody" not in json.dumps(str(claims))
