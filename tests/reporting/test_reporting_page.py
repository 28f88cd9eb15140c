"""The release report: what it tells, that no text gets out of its place, and what Jenkins lets through of it."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta
from itertools import zip_longest

import pytest
from html_seen import Seen
from hypothesis import given
from hypothesis import strategies as st
from stories import AT, MANAGER, RELEASE, Story, good, rolled_back, target

from deliverkit.domain.carriage import DeploymentReport
from deliverkit.domain.changes import Ticket
from deliverkit.domain.trust import BuildClaims, Origin, Provenance
from deliverkit.reporting.charts import p95_along
from deliverkit.reporting.description import LINE_LIMIT, description, description_html
from deliverkit.reporting.history import history_of
from deliverkit.reporting.page import page
from deliverkit.reporting.report import Report, commit_url
from deliverkit.reporting.times import duration

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)
HOSTILE = st.sampled_from(
    (
        "</title><script>alert(1)</script>",
        '" onload="alert(1)',
        "'><img src=x onerror=alert(1)>",
        "<!-- ",
        "]]><svg/onload=alert(1)>",
        "&lt;b&gt;&#x3c;",
        "</font></td></table>",
        "\x00\x1b[2J\u202e\u2028\ufffe",
        "javascript:alert(1)",
        "ünïcödé \N{SNOWMAN} \U0001f680",
        "x" * 10_000,
    )
)
ORIGIN = Provenance(
    application="shop",
    version="1.4.0",
    bundle=RELEASE.digest,
    format="zip",
    path="build",
    manifest="sha256:" + "b" * 64,
    sbom="sha256:" + "d" * 64,
    builder="https://ci.example.com/",
    builder_version="0.1",
    started_at=AT,
    finished_at=AT,
    invocation="https://ci.example.com/job/team/job/shop/7/",
    build="jenkins-team-shop-7",
    origin=Origin("git@github.com:acme/shop.git", "c0ffee" + "0" * 34),
    claims=BuildClaims("team/shop", "7", "Started by Ümit", "agent-3", "PR-12"),
)
TICKETS = (Ticket("SHOP-12", "https://jira.example.com/browse/SHOP-12", ()), Ticket("#7", "", ()))


def report(story: Story) -> Report:
    return Report(history_of(story.events), ORIGIN, TICKETS)


def seen(story: Story) -> Seen:
    """The page as a parser sees it, after asking what holds for each."""
    found = Seen(page(report(story)))
    assert (found.faults, found.open, list(found.blocked())) == ([], [], [])
    return found


def words(found: Seen) -> str:
    return " ".join(" ".join(found.texts).split())


# --- what it tells ---------------------------------------------------------------------------------


def test_a_good_promotion_is_told_in_words() -> None:
    told = words(seen(good()))
    for word in (
        *("shop 1.4.0 to production", "Succeeded", "1.4.0 serves production", RELEASE.digest, "v1.4.0", "SHOP-12"),
        *("team/shop #7", "cause: Started by Ümit; agent: agent-3; change: PR-12", "user/rosa", "notes read"),
        *("rolling 75%", "1 from release-managers", "rollback: 1.3.9", "approving 4 min 1 s", "6 passed in 26 s"),
        *(
            "i-0000",
            "serves 1.4.0",
            "d-000000000",
            "3 of 3 succeeded",
            "gate.measured \N{MULTIPLICATION SIGN} 6",
            "deliverkit ledger verify",
        ),
    ):
        assert word in told, word


def test_a_rollback_is_told_with_its_reason() -> None:
    told = words(seen(rolled_back()))
    for word in (
        *("Rolled back and verified", "gate up failed; 1.3.9 serves production again, verified", "failed"),
        *("failed 3 times, 2 are tolerated: 503 Service Unavailable", "production, rollback", "d-000000002", "1.3.9"),
    ):
        assert word in told, word


def test_one_that_is_under_way_says_what_it_does() -> None:
    story = Story().then("environment.claimed", {"environment": "production"}).measured(reason="200 OK")
    told = words(seen(story))
    assert "Under way" in told
    assert "checking production" in told
    assert "open" in told


def test_everything_else_is_linked_or_left_out() -> None:
    links = [attributes["href"] for tag, attributes in seen(good()).elements if tag == "a"]
    console = "https://us-east-1.console.aws.amazon.com/codesuite/codedeploy/deployments/d-000000000?region=us-east-1"
    assert links == [
        "https://github.com/acme/shop/commit/c0ffee" + "0" * 34,
        "https://jira.example.com/browse/SHOP-12",
        "https://ci.example.com/job/team/job/shop/7/",
        console,
    ]
    bare = Report(history_of(good().events), has_console=False)
    assert [tag for tag, _ in Seen(page(bare)).elements if tag == "a"] == []


@pytest.mark.parametrize(
    ("region", "name", "has_link"),
    [
        ("eu-west-1", "d-ABC123", True),
        ("cn-north-1", "d-ABC123", False),
        ("us-gov-west-1", "d-ABC123", False),
        ("us-east-1.evil.example", "d-1", False),
        ("us-east-1", "d-1?x=<b>", False),
        ("us-east-1", "", False),
    ],
)
def test_deployments_are_linked_where_the_public_console_has_them(region: str, name: str, *, has_link: bool) -> None:
    assert bool(report(good()).deployment_url(DeploymentReport(region, name, "Succeeded"))) is has_link


@pytest.mark.parametrize(
    ("repository", "expected"),
    [
        ("git@github.com:acme/shop.git", "https://github.com/acme/shop/commit/abc1234"),
        ("https://gitlab.com/a/b/c", "https://gitlab.com/a/b/c/-/commit/abc1234"),
        ("ssh://git@bitbucket.org/acme/shop", "https://bitbucket.org/acme/shop/commits/abc1234"),
        (
            "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop",
            "https://eu-west-1.console.aws.amazon.com/codesuite/codecommit/repositories/shop/commit/abc1234?region=eu-west-1",
        ),
        ("https://git.example.com/shop", ""),
        ("/srv/git/shop", ""),
        ("https://github.com/a b/<x>", ""),
        ("", ""),
    ],
)
def test_commits_are_linked_where_the_address_is_known(repository: str, expected: str) -> None:
    assert commit_url(repository, "abc1234") == expected


def test_whoever_decided_is_named_also_when_another_recorded_it() -> None:
    bridge = "arn:aws:sts::123456789012:assumed-role/jenkins/bridge"
    story = Story(requested_for="Ümit Kaya").then("environment.claimed", {"environment": "production"})
    story.approved(by=bridge, person="Rosa Müller", via="build shop #7")
    told = words(seen(story))
    assert "Rosa Müller" in told
    assert "Ümit Kaya, passed on by arn:" in told
    assert f"{bridge} through build shop #7" in told


def test_wrong_targets_come_first() -> None:
    wrong = {**target("i-9", "serves 1.3.9"), "is_right": False}
    story = Story().then("leg.verified", {"leg": 0, "targets": [target("i-1", "serves 1.4.0"), wrong]})
    cells = [text for text in seen(story).texts if text.startswith("i-")]
    assert cells == ["i-9", "i-1"]


# --- what holds for every page ---------------------------------------------------------------------


def test_the_document_can_be_read_by_everybody() -> None:
    found = seen(good())
    elements = found.elements
    assert page(report(good())).startswith("<!DOCTYPE html>\n")
    assert elements[0] == ("html", {"lang": "en"})
    assert ("meta", {"charset": "utf-8"}) in elements
    assert [tag for tag, _ in elements].count("title") > 1  # the document's, and one for each picture
    assert [tag for tag, _ in elements].count("h1") == [tag for tag, _ in elements].count("main") == 1
    for tag, attributes in elements:
        if tag == "th":
            assert attributes["scope"] in {"col", "row"}
        if tag == "svg":
            assert attributes["role"] == "img"
    pictures = page(report(good())).split("<svg")[1:]
    assert all(picture.split(">", 1)[1].startswith("<title>") for picture in pictures)
    ids = [attributes["id"] for _, attributes in elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    labels = {attributes["aria-labelledby"] for tag, attributes in elements if tag == "section"}
    assert labels == set(ids)


def test_the_same_ledger_gives_the_same_page() -> None:
    """If the page is meant to change, look at it in a browser, and write the new digest here."""
    document = page(report(rolled_back()))
    assert document == page(report(rolled_back()))
    assert hashlib.sha256(document.encode()).hexdigest() == GOLDEN


GOLDEN = "906ebf603f4346af599479d3f567acabf7f3e748ee294ca4086bc3b2c25095c3"


def test_forty_legs_with_five_thousand_measurements_fit() -> None:
    story = Story(legs=40)
    for index in range(40):
        story.leg_done(index, measurements=125)
    story.concluded()
    assert sum(event.kind == "gate.measured" for event in story.events) == 5_000
    document = page(report(story))
    assert len(document.encode()) < 200_000
    assert list(Seen(document).blocked()) == []
    assert "125 passed in 10 min 21 s" in document
    assert f"{len(story.events):,} events in stream" in document


def test_what_is_cut_says_how_much_is_missing() -> None:
    story = Story(warnings=("w" * 5_000,)).then("environment.claimed", {"environment": "production"})
    story.approved("r" * 5_000).measured(reason="m" * 5_000).observed("Failed", troubles=("t" * 5_000,))
    story.then("leg.verified", {"leg": 0, "targets": [target("i-1", "s" * 5_000)]})
    told = words(seen(story))
    for letter in "wrmts":
        assert f"{letter * 400}\N{HORIZONTAL ELLIPSIS} (4,600 more characters in the ledger)" in told
    assert told.count("more characters") == told.count("4,600 more characters")


def test_of_many_troubles_the_others_are_counted() -> None:
    told = words(seen(Story().observed("Failed", troubles=tuple(f"trouble-{number}" for number in range(9)))))
    assert "trouble-4" in told
    assert "trouble-5" not in told
    assert "4 more" in told


@pytest.mark.parametrize(("wrong", "told"), [(150, "50 are wrong"), (30, "none are wrong")])
def test_targets_that_are_not_shown_are_counted_as_what_they_are(wrong: int, told: str) -> None:
    targets = [{**target(f"i-{number:03d}", "serves it"), "is_right": number >= wrong} for number in range(150)]
    assert f"50 targets more, of which {told}." in words(
        seen(Story().then("leg.verified", {"leg": 0, "targets": targets}))
    )


def test_more_deployments_and_decisions_than_a_page_holds_are_counted() -> None:
    story = Story().then("environment.claimed", {"environment": "production"})
    for number in range(500):
        story.approved(f"decision-{number}")
    story.then("leg.admitted", {"leg": 0, "by": []}).then("deployment.begun", {"leg": 0, "handle": {"us-east-1": "d"}})
    for number in range(1_500):
        story.observed("Failed" if number % 10 == 9 else "Succeeded", number=number)
    document = page(report(story))
    assert len(document.encode()) < 200_000
    told = words(Seen(document))
    assert "1,400 deployments more, of which 50 have not succeeded." in told
    assert "400 more before these" in told
    assert "decision-499" in told
    assert "decision-399" not in told


def test_a_failure_is_told_without_denying_what_was_delivered_before() -> None:
    """A promotion by way of dev: dev serves the release already when production's gate says no."""
    story = Story(legs=2, by_way_of=("dev",)).then("environment.claimed", {"environment": "dev"})
    story.leg_done(0)
    story.then("environment.claimed", {"environment": "production"})
    story.then("rollout.failed", {"cause": "gate", "reason": "gate smoke failed", "gate": "up"})
    story.then("promotion.concluded", {"outcome": "failed", "reason": "gate smoke failed; production is unchanged"})
    told = words(seen(story))
    assert "Outcome: Failed; production is unchanged" in told
    assert "nothing was changed" not in told
    assert "Failed; production is unchanged (production-12)" in description(report(story))


def hostile_story(text: str) -> Story:
    """A promotion with a text wherever somebody else's words go."""
    release = replace(RELEASE, version=text, source=replace(RELEASE.source, tag=text) if RELEASE.source else None)
    story = Story(release=release, warnings=(text,), requested_by=text)
    story.then("environment.claimed", {"environment": "production"}, actor=text).approved(text, by=MANAGER)
    story.observed("Failed", troubles=(text, text)).measured("up", "failed", 0.1, reason=text)
    story.judged("up", "failed", "after", text)
    story.then("leg.verified", {"leg": 0, "targets": [target(text, text, text)]})
    story.then("rollout.failed", {"cause": "gate", "reason": text, "gate": text})
    return story.then("promotion.concluded", {"outcome": "failed", "reason": text})


def hostile_report(text: str) -> Report:
    claims = BuildClaims(text, text, text, text, text, text, text)
    origin = replace(ORIGIN, claims=claims, build=text, invocation="https://ci.example.com/?q=\"'><b>")
    ticket = Ticket(text, "https://jira.example.com/?q=<b>\"'", ())
    return Report(history_of(hostile_story(text).events), origin, (ticket,))


@given(HOSTILE | TEXTS.filter(str.strip))
def test_no_text_gets_out_of_its_place(text: str) -> None:
    found = Seen(page(hostile_report(text)))
    assert (found.faults, found.open, list(found.blocked())) == ([], [], [])
    usual = Seen(page(hostile_report("harmless")))
    assert [pair for pair in zip_longest(found.shape, usual.shape) if pair[0] != pair[1]] == []


@given(HOSTILE | TEXTS)
def test_a_page_can_be_written_and_holds_nothing_that_is_obeyed(text: str) -> None:
    document = page(hostile_report(text))
    document.encode()
    assert not set(document) & {"\x00", "\x1b", "\u202e", "\u2028", "\ufffe"}
    assert len(document) < 40_000


# --- lines -----------------------------------------------------------------------------------------


def test_a_line_for_the_builds_description() -> None:
    url = "https://ci.example.com/job/team/job/shop/7/"
    assert description(report(good())) == f"1.4.0 to production: Succeeded (production-12) {url}"
    assert description(report(Story())) == (
        f"1.4.0 to production: Under way, claiming production (production-12) {url}"
    )
    assert description_html(report(rolled_back())).startswith(
        "<b>1.4.0 to production</b>: Rolled back and verified (production-12) · "
        f'<a href="{url}" rel="noreferrer">team/shop #7</a> · <a href="https://github.com/acme/shop/commit/c0ffee'
    )


@pytest.mark.parametrize("address", ["javascript:alert(1)", "https://ci.example.com/" + "x" * 5_000])
def test_an_address_that_is_none_of_the_web_is_no_link(address: str) -> None:
    told = Report(history_of(good().events), replace(ORIGIN, invocation=address), (Ticket("T-1", address, ()),))
    found = Seen(page(told))
    assert list(found.blocked()) == []
    assert address not in page(told)
    assert "T-1" in words(found)
    assert address not in description(told)


@given(HOSTILE | TEXTS)
def test_a_line_is_one_line_and_bounded(text: str) -> None:
    line = description(hostile_report(text))
    assert len(line) <= LINE_LIMIT
    assert len(line.splitlines()) == 1
    found = Seen(description_html(hostile_report(text)))
    assert {tag for tag, _ in found.elements} <= {"b", "a"}
    assert (found.faults, found.open, list(found.blocked())) == ([], [], [])
    assert len("".join(found.texts)) <= 2 * LINE_LIMIT


# --- numbers ---------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 100), max_size=300), st.integers(1, 60))
def test_a_line_of_percentiles_is_short_and_within_what_was_measured(latencies: list[float], count: int) -> None:
    points = p95_along(latencies, count)
    assert len(points) == min(count, len(latencies))
    assert set(points) <= set(latencies)
    if latencies:
        assert max(points) <= max(latencies)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        *[(-1, "0.0 s"), (0.44, "0.4 s"), (9.99, "10.0 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s")],
        *[(7_500, "2 h 5 min"), (90_000, "1 d 1 h"), (86_400, "1 d")],
    ],
)
def test_durations_are_told_in_two_units(seconds: float, told: str) -> None:
    assert duration(timedelta(seconds=seconds)) == told
