"""Commit statuses over real HTTP: GitHub's, and the comments that stand for them in CodeCommit."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from deliverkit.adapters.aws.codecommit import CodeCommitComments
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.adapters.github import GitHubStatuses
from deliverkit.domain.commit_status import CommitState, CommitStatus
from deliverkit.errors import DeliverkitError, NotFoundError, UnreachableError, UsageError

TOKEN = "ghp_0123456789secret"
COMMIT = "c0ffee" + "0" * 34
PARENT = "bead" + "0" * 36
STATUS = CommitStatus(
    commit=COMMIT,
    state=CommitState.SUCCESS,
    context="deliverkit/production",
    description="1.4.0 succeeded: Ümit's release serves production",
    url="https://ci.example.com/job/shop/7/",
    promotion="production-12",
)


@dataclass
class Told:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Server:
    """A server on the loopback that answers by the operation, or else in one way."""

    port: int = 0
    status: int = 201
    body: str = "{}"
    answers: dict[str, str] = field(default_factory=dict)
    location: str = ""
    told: list[Told] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def server() -> Iterator[Server]:
    found = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            found.told.append(Told(self.path, dict(self.headers), json.loads(content)))
            operation = self.headers.get("X-Amz-Target", "").rpartition(".")[2]
            body = found.answers.get(operation, found.body).encode()
            self.send_response(found.status)
            if found.location:
                self.send_header("Location", found.location)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    running = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = running.server_address[1]
    thread = threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield found
    running.shutdown()
    running.server_close()
    thread.join()


def github(server: Server, token: str = TOKEN) -> GitHubStatuses:
    return GitHubStatuses("acme/shop", token=token, api=f"{server.url}/api/v3/")


# --- GitHub ----------------------------------------------------------------------------------------


def test_a_status_is_set_as_github_documents_it(server: Server) -> None:
    github(server, token=f"{TOKEN}\n").state(STATUS)
    (told,) = server.told
    assert told.path == f"/api/v3/repos/acme/shop/statuses/{COMMIT}"
    assert told.headers["Authorization"] == f"Bearer {TOKEN}"
    assert told.headers["Accept"] == "application/vnd.github+json"
    assert told.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert told.body == {
        "state": "success",
        "context": "deliverkit/production",
        "description": "1.4.0 succeeded: Ümit's release serves production",
        "target_url": "https://ci.example.com/job/shop/7/",
    }
    github(server).state(replace(STATUS, url=""))
    assert "target_url" not in server.told[1].body


@pytest.mark.parametrize(
    ("status", "kind", "word"),
    [
        (401, UnreachableError, "GitHub answers 401"),
        (403, UnreachableError, "GitHub answers 403"),
        (404, NotFoundError, "there is no acme/shop, or GITHUB_TOKEN may not see it"),
        (422, UsageError, "is that commit pushed?"),
        (500, UnreachableError, "GitHub answers 500"),
        (200, UnreachableError, "GitHub answers 200"),
    ],
)
def test_a_refusal_is_one_line_without_the_token(
    server: Server, status: int, kind: type[DeliverkitError], word: str
) -> None:
    server.status = status
    server.body = json.dumps({"message": f"Bad \x1b[2J\n credentials {TOKEN} {'x' * 5_000}"})
    with pytest.raises(kind) as refused:
        github(server).state(STATUS)
    assert type(refused.value) is kind
    assert word in refused.value.message
    assert "Bad [2J" in refused.value.message
    assert TOKEN not in refused.value.message + refused.value.hint
    assert len(refused.value.message) < 500
    assert len(refused.value.message.splitlines()) == 1


@pytest.mark.parametrize("page", ["<html>login</html>", "[]", "{}", "null", "", "[" * 60_000])
def test_a_page_of_somebody_in_between_is_not_quoted(server: Server, page: str) -> None:
    server.status, server.body = 502, page
    with pytest.raises(UnreachableError, match=r"^GitHub answers 502 at http://127.0.0.1:\d+/api/v3$"):
        github(server).state(STATUS)


def test_a_token_is_not_carried_elsewhere(server: Server) -> None:
    server.status, server.location = 307, f"{server.url}/repositories/1/statuses/{COMMIT}"
    with pytest.raises(NotFoundError, match="acme/shop has moved"):
        github(server).state(STATUS)
    assert len(server.told) == 1


@pytest.mark.parametrize("token", ["", "  ", "two words", "line\nbreak", "ünicode", "\x00"])
def test_what_is_no_token_is_refused_and_not_quoted(server: Server, token: str) -> None:
    with pytest.raises(UsageError) as refused:
        github(server, token=token).state(STATUS)
    assert "GITHUB_TOKEN" in refused.value.message + refused.value.hint
    assert not token.strip() or token not in refused.value.message
    assert server.told == []


def test_a_token_goes_over_https_alone_unless_the_server_is_here() -> None:
    with pytest.raises(UsageError, match=r"GITHUB_API_URL is http://\*\*\*@github.example.com: a token"):
        GitHubStatuses("acme/shop", token=TOKEN, api="http://me:hunter2@github.example.com").state(STATUS)


@pytest.mark.parametrize(
    "api", ["http://127.0.0.1:9", "https://", "https://127.0.0.1:0", "http://localhost:9/a b", "https://[bad"]
)
def test_a_server_that_does_not_answer_is_told(api: str) -> None:
    with pytest.raises((UnreachableError, UsageError)) as refused:
        GitHubStatuses("acme/shop", token=TOKEN, api=api).state(STATUS)
    assert TOKEN not in refused.value.message


# --- CodeCommit ------------------------------------------------------------------------------------


def codecommit(server: Server) -> CodeCommitComments:
    account = Account(region="eu-west-1", endpoint_url=server.url, access_key_id="AKIA", secret_access_key="s")
    return CodeCommitComments(Aws(account), "shop")


def commits(*parents: str) -> dict[str, str]:
    commit = {"commitId": COMMIT, "treeId": "t", "parents": list(parents), "message": "m"}
    return {"GetCommit": json.dumps({"commit": commit}), "PostCommentForComparedCommit": "{}"}


def test_a_comment_compares_the_commit_with_its_parent(server: Server) -> None:
    """CodeCommit API reference, PostCommentForComparedCommit: beforeCommitId is required but for the initial commit."""
    server.status, server.answers = 200, commits(PARENT)
    codecommit(server).state(STATUS)
    asked, told = server.told
    assert asked.body == {"repositoryName": "shop", "commitId": COMMIT}
    token = told.body.pop("clientRequestToken")
    assert told.body == {
        "repositoryName": "shop",
        "afterCommitId": COMMIT,
        "beforeCommitId": PARENT,
        "content": "deliverkit/production: success\n\n1.4.0 succeeded: Ümit's release serves production\n\n"
        "promotion production-12\n\nhttps://ci.example.com/job/shop/7/",
    }
    # Said again it is the same comment, and another one when something else is said.
    codecommit(server).state(STATUS)
    codecommit(server).state(replace(STATUS, state=CommitState.FAILURE))
    tokens = [each.body.get("clientRequestToken") for each in server.told[3::2]]
    assert tokens[0] == token != tokens[1]


def test_the_initial_commit_has_nothing_before_it(server: Server) -> None:
    server.status, server.answers = 200, commits()
    codecommit(server).state(STATUS)
    assert "beforeCommitId" not in server.told[1].body


def test_what_nobody_could_take_back_is_not_said(server: Server) -> None:
    codecommit(server).state(replace(STATUS, state=CommitState.PENDING))
    assert server.told == []


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("RepositoryDoesNotExistException", NotFoundError),
        ("CommitIdDoesNotExistException", NotFoundError),
        ("AccessDeniedException", UnreachableError),
        ("InvalidCommitIdException", UsageError),
    ],
)
def test_codecommits_refusals_are_told_apart(server: Server, code: str, kind: type[DeliverkitError]) -> None:
    server.status, server.body = 400, json.dumps({"__type": code, "message": "no"})
    with pytest.raises(kind, match="commenting on c0ffee0000 in shop"):
        codecommit(server).state(STATUS)
