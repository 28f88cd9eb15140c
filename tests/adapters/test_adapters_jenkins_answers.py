"""What does not answer as Jenkins does: one clear line each, with the next command, and never a page."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from jenkins_controller import ALICE, TOKEN, Controller, Interference, running_controller

from deliverkit.adapters.jenkins import JenkinsServer
from deliverkit.adapters.jenkins_connection import ANSWER_LIMIT, Connection, Credentials
from deliverkit.domain.build import REQUEST
from deliverkit.errors import DeniedError, UnreachableError

LOGIN = "<!doctype html><html><head><title>Sign in to Acme</title></head><body><input type=password></body></html>"
FILLER = "<p>several KB of markup</p>" * 500
JSON = {"Content-Type": "application/json"}
AUTHENTICATED = {"X-Jenkins": "2.462.3", "X-You-Are-Authenticated-As": "alice"}


@pytest.fixture(scope="module")
def controller() -> Iterator[Controller]:
    with running_controller() as running:
        running.add_job("smoke")
        yield running


@pytest.fixture
def server(controller: Controller) -> JenkinsServer:
    return server_at(controller.url)


def server_at(url: str, seconds: float = 10) -> JenkinsServer:
    return JenkinsServer(Connection(url, Credentials(ALICE, TOKEN), timeout=timedelta(seconds=seconds)))


@pytest.mark.parametrize(
    ("answer", "kind", "words", "hint"),
    [
        (
            Interference(401, FILLER),
            DeniedError,
            "does not accept user alice with this token (401)",
            "JENKINS_API_TOKEN",
        ),
        (
            Interference(403, "alice is missing the Job/Read permission" + FILLER, AUTHENTICATED),
            DeniedError,
            "alice may not do this without the permission Job/Read (403)",
            "administrator",
        ),
        (
            Interference(403, f"<title>Blocked by Acme Shield</title>{FILLER}"),
            DeniedError,
            "access denied (403): Blocked by Acme Shield",
            "in front of Jenkins",
        ),
        (Interference(407, FILLER), DeniedError, "a proxy on the way wants a log-in (407)", "HTTPS_PROXY"),
        (Interference(429), UnreachableError, "too many requests (429)", "wait"),
        (Interference(502, f"<h1>Bad Gateway</h1>{FILLER}"), UnreachableError, "gets no answer from it (502)", "wait"),
        (Interference(504), UnreachableError, "gets no answer from it (504)", "wait"),
        (
            Interference(503, f"Please wait while Jenkins is getting ready to work{FILLER}"),
            UnreachableError,
            "Jenkins is starting (503)",
            "wait",
        ),
        (Interference(503), UnreachableError, "Jenkins is starting or stopped (503)", "wait"),
        (
            Interference(500, f"<title>Oops! [Jenkins]</title><h1>Oops!</h1><h2>A problem</h2>{FILLER}"),
            UnreachableError,
            "answered 500: A problem",
            "log of the controller",
        ),
        (Interference(200, LOGIN), DeniedError, "answered with a log-in page called 'Sign in to Acme'", "API token"),
        (
            Interference(200, f"<html><title>Welcome</title>{FILLER}", {"Content-Type": "text/html;charset=utf-8"}),
            DeniedError,
            "answered with a web page called 'Welcome', not with data",
            "address of a Jenkins",
        ),
        (
            Interference(302, headers={"Location": "/jenkins/securityRealm/commenceLogin?from=x"}),
            DeniedError,
            "answered with the way to a log-in page",
            "API token",
        ),
        (
            Interference(302, headers={"Location": "https://sso.acme.example/authorize?client=1"}),
            DeniedError,
            "leads to another host, https://sso.acme.example, not followed",
            "JENKINS_URL",
        ),
        (
            Interference(301, headers={"Location": "https://127.0.0.1/jenkins/job/smoke/api/json"}),
            DeniedError,
            "leads to https://127.0.0.1/jenkins/job/smoke/api/json, not followed",
            "JENKINS_URL",
        ),
        (
            Interference(200, '{"builds": [', JSON),
            UnreachableError,
            "something that is no JSON",
            "address of a Jenkins",
        ),
        (Interference(200, "", JSON), UnreachableError, "something that is no JSON", "address of a Jenkins"),
        (
            Interference(200, " " * (ANSWER_LIMIT + 1), JSON),
            UnreachableError,
            "answered with more than 16 MiB",
            "address of a Jenkins",
        ),
        (
            Interference(200, "{}", {**JSON, "Content-Length": "9"}),
            UnreachableError,
            "not an HTTP answer (IncompleteRead",
            "Jenkins runs",
        ),
    ],
)
def test_one_clear_line(
    controller: Controller, server: JenkinsServer, answer: Interference, kind: type, words: str, hint: str
) -> None:
    if "Content-Length" in answer.headers:
        answer = Interference(answer.status, answer.body, {**answer.headers, "Connection": "close"})
    controller.interfere(answer)
    with pytest.raises(UnreachableError) as caught:
        server.latest("smoke")
    told = caught.value
    is_denied = isinstance(told, DeniedError)
    assert is_denied == (kind is DeniedError)
    assert told.message.startswith(f"GET {controller.url}job/smoke/api/json")
    assert words in told.message
    assert hint in told.hint
    assert not {"<", "\n", "?"} & set(told.message + told.hint)
    assert len(told.message) < 300


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Interference(200, LOGIN), "answered with a log-in page"),
        (Interference(302, headers={"Location": "/login?from=%2F"}), "the way to a log-in page"),
        (
            Interference(307, headers={"Location": "https://127.0.0.1/jenkins/job/smoke/buildWithParameters"}),
            "leads to",
        ),
        (
            Interference(302, headers={"Location": "http://elsewhere.example/"}),
            "another host, http://elsewhere.example",
        ),
        (Interference(200, "fine"), "answered 200 without naming a queue item"),
    ],
)
def test_a_change_that_never_reached_jenkins_is_no_success(
    controller: Controller, server: JenkinsServer, answer: Interference, words: str
) -> None:
    controller.interfere(answer, concerns=lambda asked: asked.startswith("POST"))
    with pytest.raises(UnreachableError, match=words):
        server.trigger("smoke", {REQUEST: "r1"})


def test_credentials_go_to_no_other_place(controller: Controller, server: JenkinsServer) -> None:
    with running_controller() as other:
        other.add_job("smoke")
        for place in (other.url, other.url.replace("127.0.0.1", "localhost")):
            controller.interfere(Interference(302, headers={"Location": f"{place}job/smoke/api/json"}))
            with pytest.raises(DeniedError, match="not followed"):
                server.latest("smoke")
        assert other.seen == []


def test_addresses_elsewhere_are_not_asked(controller: Controller) -> None:
    connection = Connection(controller.url, Credentials(ALICE, TOKEN))
    with running_controller() as other:
        for place in (other.url, other.url.removeprefix("http:")):
            with pytest.raises(DeniedError, match="credentials are not sent there"):
                connection.data(f"{place}api/json")
        assert other.seen == []


def test_redirects_at_home_are_followed_but_not_for_ever(controller: Controller, server: JenkinsServer) -> None:
    home = Interference(302, headers={"Location": "/jenkins/job/smoke/api/json?tree=builds"})
    controller.interfere(home)
    assert server.latest("smoke") is None
    before = len(controller.seen)
    controller.interfere(*[home] * 100)
    with pytest.raises(DeniedError, match="not followed"):
        server.latest("smoke")
    assert len(controller.seen) - before <= 6
    controller.interfere()


def test_an_answer_that_never_ends_is_left(controller: Controller) -> None:
    controller.interfere(Interference(200, headers=JSON, drips=True))
    with pytest.raises(UnreachableError, match=r"no whole answer within 0\.2 s"):
        server_at(controller.url, seconds=0.2).latest("smoke")


def test_a_server_that_says_nothing_is_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(UnreachableError, match=r"no whole answer within 0\.1 s") as caught:
            server_at(url, seconds=0.1).latest("smoke")
        assert not isinstance(caught.value, DeniedError)


def test_a_connection_that_is_reset_or_refused_is_ours_to_tell() -> None:
    with running_controller() as controller:
        controller.resets = 1
        with pytest.raises(UnreachableError, match=r"reset|RemoteDisconnected|closed") as reset:
            server_at(controller.url).latest("smoke")
        controller.stop()
        with pytest.raises(UnreachableError, match="connection refused") as refused:
            server_at(controller.url).latest("smoke")
        assert not isinstance(reset.value, DeniedError)
        assert "see that Jenkins runs" in refused.value.hint


def test_a_certificate_that_nobody_vouches_for(certificate: Path) -> None:
    controller = Controller()
    controller.start(certificate)
    with pytest.raises(DeniedError, match="its certificate is not trusted") as caught:
        server_at(controller.url).latest("smoke")
    assert "SSL_CERT_FILE" in caught.value.hint
    assert controller.seen == []
    controller.stop()


def test_encryption_where_there_is_none(controller: Controller) -> None:
    with pytest.raises(UnreachableError, match=r"does not speak TLS here") as caught:
        server_at(controller.url.replace("http:", "https:")).latest("smoke")
    assert "JENKINS_URL" in caught.value.hint


def test_something_that_speaks_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def greet() -> None:
            taken, _ = listening.accept()
            taken.recv(10_000)
            taken.sendall(b"SSH-2.0-OpenSSH_9.2\r\n")
            taken.close()

        thread = threading.Thread(target=greet)
        thread.start()
        with pytest.raises(UnreachableError, match="not an HTTP answer"):
            server_at(f"http://127.0.0.1:{listening.getsockname()[1]}/").latest("smoke")
        thread.join()
