"""Checks of kind http: what they can expect of an answer, and whom they trust; over real HTTP and TLS."""

from __future__ import annotations

import gzip
import json
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from gate_certificates import Authority
from web_bench import Site, context, measured, nobody, served, taken_over

from deliverkit.adapters.encryption import Proof, told
from deliverkit.adapters.http import HttpCheck
from deliverkit.check_ports import Checker
from deliverkit.domain.checks import assess
from deliverkit.domain.gate import Check, CheckKind, Gate, Measurement, Policy, Verdict
from deliverkit.domain.rollout import Outcome
from deliverkit.testing.clock import FakeClock
from deliverkit.testing.contracts import CheckContract
from deliverkit.testing.contracts.checks import Case

TOKEN = "tok-4711-very-secret"
ENVIRON = {"SHOP_TOKEN": TOKEN, "BROKEN": "two\nlines"}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with served() as one:
        one.says(
            "/ok", json.dumps({"status": "ok", "queue": {"depth": 7}, "up": True}), Content_Type="application/json"
        )
        one.says("/down", "out of order", status=503)
        yield one


@pytest.fixture(scope="module")
def other() -> Iterator[Site]:
    with served() as one:
        yield one


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def ask(spec: dict[str, Any], environ: dict[str, str] | None = None, folder: Path = Path()) -> Measurement:
    return measured(HttpCheck(nobody, clock=FakeClock(), environ=environ or ENVIRON, folder=folder), "http", spec)


class TestContract(CheckContract):
    kind = CheckKind.HTTP

    @pytest.fixture
    def checker(self) -> Checker:
        return HttpCheck(nobody, clock=FakeClock(), environ=ENVIRON)

    @pytest.fixture
    def passing(self, site: Site) -> Case:
        spec = {"url": f"{site.url}/ok", "json": {"status": "ok"}, "p99": 60.0, "requests": 5}
        return Case(spec, context())

    @pytest.fixture
    def failing(self, site: Site) -> Case:
        site.replies["/echo"] = lambda handler: _say(handler, handler.headers["Authorization"])
        spec = {"url": f"{site.url}/echo", "contains": "welcome", "headers": {"Authorization": "x ${env.SHOP_TOKEN}"}}
        return Case(spec, context(), (TOKEN,))

    @pytest.fixture
    def unaskable(self) -> Case:
        return Case({"url": "http://nowhere.invalid/"}, context())


def _say(handler: BaseHTTPRequestHandler, text: str) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(text.encode())


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        *((status, Verdict.PASSED) for status in (503, "5xx", "500-503", [200, "503-504"])),
        *((status, Verdict.FAILED) for status in (200, "2xx", [200, 204])),
        ("abc", Verdict.ERROR),
    ],
)
def test_statuses_are_codes_ranges_and_lists(site: Site, status: Any, outcome: Verdict) -> None:
    assert ask({"url": f"{site.url}/down", "status": status}).outcome is outcome


@pytest.mark.parametrize(
    ("expected", "said"),
    [
        ({"status": "ok"}, ""),
        ({"status": "bad"}, "status is 'ok', expected 'bad'"),
        ({"queue.depth": {"below": 8, "at_least": 7}}, ""),
        ({"queue.depth": {"below": 7}}, "queue.depth is 7, expected below 7"),
        ({"queue.depth": 7}, ""),
        ({"up": True}, ""),
        ({"up": 1}, "up is True, expected 1"),
        ({"missing": "x"}, "missing is None, expected 'x'"),
        ({"missing": {"above": 0}}, "missing is None, expected above 0"),
        ({"up": {"above": 0}}, "up is True, expected above 0"),
        ({"length(queue)": 1, "status": "ok"}, ""),
    ],
)
def test_values_of_the_answer_are_looked_up(site: Site, expected: dict[str, Any], said: str) -> None:
    found = ask({"url": f"{site.url}/ok", "json": expected})
    assert found.outcome is (Verdict.FAILED if said else Verdict.PASSED)
    assert said in found.reason


def test_the_one_number_that_is_judged_is_the_measurement_s_value(site: Site) -> None:
    assert ask({"url": f"{site.url}/ok", "json": {"queue.depth": {"below": 8}}}).value == 7


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("<html>login</html>", "the body is not JSON"),
        ("", "the body is empty"),
        ('{"n": NaN}', "n is 'NaN'"),
        ('{"n": Infinity}', "n is 'Infinity'"),
        ('{"n": 1e999}', "n is 'inf'"),
        ("[" * 100_000, "nested too deeply"),
        ('{"n": ' + "9" * 5000 + "}", "the body is not JSON"),
        ('{"n": "' + "x" * (1024 * 1024) + '"}', "larger than 1024 KiB"),
    ],
)
def test_what_is_no_number_never_passes_a_limit(site: Site, body: str, said: str) -> None:
    site.says("/odd", body)
    found = ask({"url": f"{site.url}/odd", "json": {"n": {"above": -1e300}}})
    assert found.outcome is Verdict.FAILED
    assert said in found.reason
    assert len(json.dumps(found.seen, allow_nan=False)) < 4096


def test_headers_of_the_answer_must_hold_what_is_expected(site: Site) -> None:
    url = f"{site.url}/ok"
    assert ask({"url": url, "expect_headers": {"content-type": "JSON"}}).outcome is Verdict.PASSED
    other_type = ask({"url": url, "expect_headers": {"Content-Type": "html"}})
    assert "its header Content-Type is 'application/json', expected 'html'" in other_type.reason
    assert "without a header X-Cache" in ask({"url": url, "expect_headers": {"X-Cache": "hit"}}).reason


def test_a_secret_in_a_header_is_sent_and_told_nowhere(site: Site) -> None:
    site.replies["/echo"] = lambda handler: _say(handler, f"who is {handler.headers['Authorization']}?")
    spec = {"url": f"{site.url}/echo", "headers": {"Authorization": "Bearer ${env.SHOP_TOKEN}"}, "contains": "no"}
    found = ask(spec)
    assert site.headers[-1]["authorization"] == f"Bearer {TOKEN}"
    assert found.outcome is Verdict.FAILED
    assert TOKEN not in repr(found)
    assert "${env.SHOP_TOKEN}" in found.reason


@pytest.mark.parametrize("lead", [40, 485])
def test_a_secret_is_masked_before_anything_is_cut(site: Site, lead: int) -> None:
    said = f"{'x' * lead} {TOKEN} {'y' * 50}"
    site.says("/long", json.dumps({"told": said}), X_Told=said)
    headers = {"X-Key": "${env.SHOP_TOKEN}"}
    spec = {"json": {"told": "x", "@": "y"}, "contains": "z", "expect_headers": {"X-Told": "z"}}
    assert TOKEN[:8] not in repr(ask({"url": f"{site.url}/long", "headers": headers, **spec}))


@pytest.mark.parametrize(
    ("text", "said"),
    [("${env.ABSENT}", "the environment variable ABSENT is not set"), ("${env.BROKEN}", "has a line break")],
)
def test_a_secret_that_cannot_be_sent_is_an_error_that_does_not_tell_it(site: Site, text: str, said: str) -> None:
    found = ask({"url": f"{site.url}/ok", "headers": {"X-Key": text}})
    assert found.outcome is Verdict.ERROR
    assert said in found.reason
    assert "two" not in found.reason


class TestRedirects:
    def test_as_many_as_are_allowed_are_followed(self, site: Site) -> None:
        site.leads("/a", "/b")
        site.leads("/b", "/ok", status=307)
        assert ask({"url": f"{site.url}/a", "redirects": 2}).outcome is Verdict.PASSED
        found = ask({"url": f"{site.url}/a", "redirects": 1})
        assert found.outcome is Verdict.FAILED
        assert f"more than 1 redirects, the last one to {site.url}/ok" in found.reason

    def test_a_circle_is_told_as_one(self, site: Site) -> None:
        site.leads("/round", "/about")
        site.leads("/about", "/round")
        found = ask({"url": f"{site.url}/round", "redirects": 10})
        assert found.outcome is Verdict.FAILED
        assert "redirects in a circle, back to " in found.reason

    def test_secrets_do_not_go_to_another_host_and_come_back_with_the_first(self, site: Site, other: Site) -> None:
        site.leads("/out", f"{other.url}/over")
        other.leads("/over", f"{site.url}/ok")
        headers = {"Authorization": "Bearer ${env.SHOP_TOKEN}", "X-Key": "k", "Accept": "application/json"}
        found = ask({"url": f"{site.url}/out", "redirects": 3, "headers": headers})
        assert found.outcome is Verdict.PASSED
        (there,) = other.headers
        assert "authorization" not in there
        assert "x-key" not in there
        assert there["accept"] == "application/json"
        assert site.headers[-1]["authorization"] == f"Bearer {TOKEN}"

    def test_a_redirect_to_nowhere_is_told_with_its_address(self, site: Site) -> None:
        site.leads("/away", "ftp://files.example.com/")
        found = ask({"url": f"{site.url}/away", "redirects": 3})
        assert found.outcome is Verdict.ERROR
        assert "after a redirect, at ftp://files.example.com/" in found.reason

    def test_a_post_becomes_a_get_where_browsers_make_it_one(self, site: Site) -> None:
        site.leads("/form", "/ok", status=303)
        assert ask({"url": f"{site.url}/form", "method": "POST", "redirects": 1}).outcome is Verdict.PASSED
        assert site.asked[-2:] == ["POST /form", "GET /ok"]


class TestBodies:
    """Bounded, however large they are."""

    def test_a_body_without_end_is_read_to_the_limit(self, site: Site) -> None:
        sent = count()

        def flood(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            handler.send_header("Content-Length", str(10 * 1024**3))
            handler.end_headers()
            while True:  # until the client hangs up
                handler.wfile.write(b"x" * 65536)
                next(sent)

        site.replies["/flood"] = flood
        found = ask({"url": f"{site.url}/flood", "contains": "y", "timeout": 20})
        assert (found.outcome, "without 'y'" in found.reason) == (Verdict.FAILED, True)
        assert next(sent) < 2000  # pieces; ten GiB are 163 840 of them

    def test_a_compressed_bomb_stays_small(self, site: Site) -> None:
        site.says("/bomb", gzip.compress(b"a" * (50 * 1024 * 1024)), Content_Encoding="gzip")
        found = ask({"url": f"{site.url}/bomb", "json": {"x": 1}})
        assert found.outcome is Verdict.FAILED
        assert "larger than 1024 KiB" in found.reason

    def test_a_compressed_answer_is_understood(self, site: Site) -> None:
        site.says("/packed", gzip.compress(b'{"status": "ok"}'), Content_Encoding="gzip")
        assert ask({"url": f"{site.url}/packed", "json": {"status": "ok"}}).outcome is Verdict.PASSED

    def test_headers_without_end_fail(self, site: Site) -> None:
        def endless(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(200)
            for number in range(1000):
                handler.send_header(f"X-{number}", "y" * 100)
            handler.end_headers()

        site.replies["/headers"] = endless
        found = ask({"url": f"{site.url}/headers"})
        assert found.outcome is Verdict.FAILED
        assert "not an HTTP answer" in found.reason


class TestPercentiles:
    def test_a_percentile_is_taken_over_the_requests_of_a_window(self) -> None:
        check = Check("up", "", "http", {"url": "x", "p50": 0.1, "p99": 1.0, "window": 6})
        state = None
        outcomes = []
        for seconds in ([0.05] * 4, [0.05, 2.0], [0.3] * 4, [0.05] * 4, [0.05] * 2):
            found = assess(check, {"answers": [{"asked": "GET x", "status": 200, "seconds": seconds}]}, state)
            state = found.state
            outcomes.append((found.outcome, found.reason.split(" of ")[0]))
        assert [each for each, _ in outcomes] == [Verdict.INCONCLUSIVE, *[Verdict.FAILED] * 2, *[Verdict.PASSED] * 2]
        assert [said for _, said in outcomes[1:3]] == ["p99", "p50"]
        assert state == [0.05] * 6

    @pytest.mark.parametrize("name", ["p50", "p95", "p99"])
    def test_nothing_passes_before_a_percentile_can_be_judged(self, name: str) -> None:
        check = Check("up", "", "http", {"url": "x", name: 0.1})
        few = assess(check, {"answers": [{"asked": "GET x", "status": 200, "seconds": [4.0] * 3}]})
        assert (few.outcome, few.is_open, few.state) == (Verdict.INCONCLUSIVE, True, [4.0] * 3)
        assert few.reason.endswith(f"2 more requests are needed for {name}")
        bad = assess(check, {"answers": [{"asked": "GET x", "status": 500, "seconds": [4.0]}]})
        assert (bad.outcome, bad.is_open) == (Verdict.FAILED, False)
        enough = assess(check, {"answers": [{"asked": "GET x", "status": 200, "seconds": [4.0] * 2}]}, few.state)
        assert (enough.outcome, enough.value) == (Verdict.FAILED, 4.0)

    def test_an_error_leaves_the_window_as_it_is(self) -> None:
        check = Check("up", "", "http", {"url": "x", "p95": 0.1})
        assert assess(check, {"error": "cannot be asked"}, [0.2]).state == [0.2]

    def test_many_requests_make_one_sample(self, site: Site) -> None:
        before = len(site.asked)
        found = ask({"url": f"{site.url}/ok", "requests": 8, "p95": 60})
        assert len(site.asked) - before == len(found.latencies) == 8
        assert found.seen is not None
        assert len(found.seen["answers"]) == 1
        assert found.value == max(found.latencies)

    def test_an_address_that_is_silent_is_not_asked_again(self) -> None:
        found = ask({"url": "http://127.0.0.1:1/", "requests": 50})
        assert found.outcome is Verdict.FAILED
        assert found.seen is not None
        assert len(found.seen["answers"]) == 1


def test_of_many_addresses_the_worst_decides(site: Site) -> None:
    found = ask({"urls": [f"{site.url}/ok", f"{site.url}/down", f"{site.url}/ok?2"]})
    assert found.outcome is Verdict.FAILED
    assert found.reason.startswith(f"1 of 3 failed: GET {site.url}/down answered 503")
    assert found.query == f"GET {site.url}/ok and 2 more"


def test_a_record_is_judged_again_under_other_rules(site: Site) -> None:
    recorded = ask({"url": f"{site.url}/ok", "json": {"queue.depth": {"below": 8}}})
    assert recorded.seen is not None

    def again(**spec: Any) -> Verdict:
        return assess(Check("up", "", "http", {"url": "x", **spec}), recorded.seen or {}).outcome

    assert again(json={"queue.depth": {"below": 7}}) is Verdict.FAILED
    assert again(status=204) is Verdict.FAILED
    assert again(json={"other": 1}) is Verdict.ERROR  # nobody looked, so nobody knows
    assert again(contains="ok") is Verdict.ERROR
    assert again(expect_headers={"Server": "x"}) is Verdict.ERROR


class TestEncryption:
    """Whom we trust, and who we are."""

    def test_our_own_authority_is_trusted_and_the_system_s_are_not(self, authority: Authority) -> None:
        with served(authority.issue("server")) as site:
            site.says("/")
            assert ask({"url": f"{site.url}/", "ca": "ca.pem"}, folder=authority.folder).outcome is Verdict.PASSED
            found = ask({"url": f"{site.url}/"})
        assert found.outcome is Verdict.FAILED
        assert "its certificate is not trusted: nobody we trust vouches for it" in found.reason
        assert site.asked == ["GET /"]

    def test_an_expired_certificate_and_one_of_another_host_fail_with_a_plain_reason(
        self, authority: Authority
    ) -> None:
        now = datetime.now(UTC)
        reasons = []
        for certificate in (
            authority.issue("old", until=now - timedelta(hours=1)),
            authority.issue("young", since=now + timedelta(hours=1), until=now + timedelta(hours=2)),
            authority.issue("else", address="127.0.0.9"),
        ):
            with served(certificate) as site:
                found = ask({"url": f"{site.url}/", "ca": "ca.pem"}, folder=authority.folder)
                assert found.outcome is Verdict.FAILED
                reasons.append(found.reason.partition("not trusted: ")[2])
        assert [reason.partition(" (")[0] for reason in reasons] == [
            "it has expired",
            "it is not valid yet",
            "it is for another host",
        ]

    def test_a_server_that_asks_for_our_certificate_gets_it(self, authority: Authority) -> None:
        authority.issue("client")
        spec = {"ca": "ca.pem", "certificate": "client.pem"}
        with served(authority.issue("server"), clients=authority.folder / "ca.pem") as site:
            site.says("/")
            assert ask({"url": f"{site.url}/", **spec}, folder=authority.folder).outcome is Verdict.PASSED
            found = ask({"url": f"{site.url}/", "ca": "ca.pem"}, folder=authority.folder)
        # How its refusal arrives is a matter of luck: as an alert, or as the end of the connection before it is read.
        assert (found.outcome, site.asked) == (Verdict.FAILED, ["GET /"])

    @pytest.mark.parametrize(
        ("reason", "said"),
        [
            ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "it asks for a client certificate, and none is configured"),
            ("TLSV1_ALERT_UNKNOWN_CA", "it does not trust our client certificate"),
            ("WRONG_VERSION_NUMBER", "it does not speak TLS here"),
            ("SOMETHING_ELSE", "the encryption failed: SOMETHING_ELSE"),
        ],
    )
    def test_refusals_are_told_in_plain_words(self, reason: str, said: str) -> None:
        error = ssl.SSLError(1, "as OpenSSL says it")
        error.reason = reason
        assert told(error) == said
        assert "misses a client certificate" in told(ssl.SSLEOFError(8, "EOF occurred"))

    @pytest.mark.parametrize(("key", "content"), [("ca", "nonsense"), ("ca", None), ("certificate", "nonsense")])
    def test_a_file_that_holds_no_certificate_is_an_error(self, tmp_path: Path, key: str, content: str | None) -> None:
        if content:
            (tmp_path / "file.pem").write_text(content)
        found = ask({"url": "https://127.0.0.1:1/", key: "file.pem"}, folder=tmp_path)
        assert found.outcome is Verdict.ERROR
        assert f"{tmp_path}/file.pem does not hold" in found.reason

    def test_nothing_turns_verification_off(self) -> None:
        for proof in (Proof(), Proof().without_us()):
            made = proof.context()
            assert (made.verify_mode, made.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_a_process_that_takes_over_goes_on_with_the_window(site: Site) -> None:
    spec = {"url": f"{site.url}/ok", "p95": 60.0, "requests": 5, "window": 10}
    gate = Gate.of("up", CheckKind.HTTP, spec, Policy(passes=3))
    rollout, recorded = taken_over(gate, lambda clock: HttpCheck(nobody, clock=clock))
    assert rollout.outcome is Outcome.SUCCEEDED
    assert [each["outcome"] for each in recorded] == ["passed"] * 3
    state: Any = None
    for each in recorded:
        state = assess(gate.checks[0], each["seen"], state).state
    assert len(state) == 10
    assert state[-5:] == list(recorded[-1]["latencies"])
