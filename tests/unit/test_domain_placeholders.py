"""Placeholders: a closed list, filled in literally, misspelled ones named."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverkit.domain.placeholders import PLACEHOLDERS, check, expand, names_in, needs_target

VALUES = {"environment": "dev", "release.version": "1.2", "region": "us-east-1"}


def test_the_list_is_closed() -> None:
    assert list(PLACEHOLDERS) == [
        "application",
        "environment",
        "region",
        "release.version",
        "release.digest",
        "release.commit",
        "target.address",
        "target.id",
        "endpoint",
        "promotion.id",
    ]


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("", ""),
        ("nothing", "nothing"),
        ("${environment}", "dev"),
        ("http://${environment}.example/${release.version}?v=${release.version}", "http://dev.example/1.2?v=1.2"),
        ("$environment $ {environment} {environment}", "$environment $ {environment} {environment}"),
        ("$${environment}", "$dev"),
    ],
)
def test_values_are_filled_in(text: str, expanded: str) -> None:
    assert expand(text, VALUES) == expanded


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        ("${enviroment}", "${enviroment} is no placeholder: did you mean ${environment}?"),
        ("${}", "${} is no placeholder: known are environment, release.version, region"),
        ("${ environment }", "is no placeholder: did you mean ${environment}?"),
        ("${qqq}", "${qqq} is no placeholder: known are"),
        ("${target.id}", "${target.id} has no value here"),
        ("a ${environment", "'${environment' lacks its closing brace"),
        ("${a${environment}}", "'${a$' lacks its closing brace"),
    ],
)
def test_what_has_no_value_is_named(text: str, clause: str) -> None:
    with pytest.raises(ValueError, match=re.escape(clause)):
        expand(text, VALUES)


@given(st.text(max_size=20))
def test_values_are_taken_literally(value: str) -> None:
    assert expand("<${environment}>", {"environment": value}) == f"<{value}>"
    assert expand("${environment}", {"environment": "${region}", "region": "x"}) == "${region}"


PIECES = st.sampled_from([*(f"${{{name}}}" for name in PLACEHOLDERS), "${", "}", "$", "{", "region", "${regoin}", ""])


@given(st.lists(PIECES, max_size=6).map("".join))
def test_checked_texts_expand_once_every_placeholder_has_a_value(text: str) -> None:
    try:
        check(text)
    except ValueError:
        with pytest.raises(ValueError, match=r"brace|placeholder"):
            expand(text, dict.fromkeys(PLACEHOLDERS, "v"))
        return
    assert "${" not in expand(text, dict.fromkeys(PLACEHOLDERS, "v"))


def test_names_are_found_in_order() -> None:
    assert names_in("${b} ${a} ${b}") == ("b", "a", "b")


@pytest.mark.parametrize(
    ("text", "is_needed"),
    [
        ("http://${target.address}:80", True),
        ("${target.id}", True),
        ("${endpoint}/target.id", False),
        ("target.address", False),
        ("${environment}", False),
    ],
)
def test_texts_about_one_instance_are_recognised(text: str, is_needed: bool) -> None:
    assert needs_target(text) is is_needed
