"""A Jenkins as a build server and a shelf of jobs, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from jenkins_controller import (
    ALICE,
    PASSWORD,
    REQUEST,
    TOKEN,
    Asked,
    Controller,
    Interference,
    Person,
    running_controller,
)

from deliverkit.adapters import jenkins_log
from deliverkit.adapters.jenkins import JenkinsServer
from deliverkit.adapters.jenkins_connection import Connection, Credentials
from deliverkit.domain.build import BuildResult, Question, QueueItem
from deliverkit.errors import (
    ConflictError,
    DeliverkitError,
    DeniedError,
    NotEntitledError,
    NotFoundError,
    UnreachableError,
    UsageError,
)


@pytest.fixture
def controller() -> Iterator[Controller]:
    with running_controller() as running:
        yield running


@pytest.fixture
def server(controller: Controller) -> JenkinsServer:
    return server_as(controller)


def server_as(controller: Controller, user: str = ALICE, secret: str = TOKEN) -> JenkinsServer:
    return JenkinsServer(Connection(controller.url, Credentials(user, secret)))


def posts(controller: Controller) -> list[str]:
    return [each.partition("/jenkins/")[2] for each in controller.seen if each.startswith("POST")]


def build(controller: Controller, server: JenkinsServer, job: str, request: str = "r1") -> int:
    """A running build."""
    server.trigger(job, {REQUEST: request})
    controller.settle_queue()
    number = controller.builds(job)[-1].number
    assert number
    return number


# --- who asks --------------------------------------------------------------------------------------


def test_the_first_request_already_carries_credentials(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    assert server.latest("smoke") is None
    assert all(each.startswith("Basic ") for each in controller.authorizations)
    assert len(controller.seen) == 1


def test_a_token_needs_no_crumb(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    server.trigger("smoke", {REQUEST: "r1"})
    assert not [each for each in controller.seen if "crumb" in each]


def test_a_password_gets_a_crumb_once_and_a_new_one_after_a_restart(controller: Controller) -> None:
    controller.add_job("smoke")
    server = server_as(controller, secret=PASSWORD)
    for request in ("r1", "r2"):
        server.trigger("smoke", {REQUEST: request})
    assert len([each for each in controller.seen if "crumb" in each]) == 1
    controller.restart(resets=0, starting=0)
    server.trigger("smoke", {REQUEST: "r3"})
    assert len([each for each in controller.seen if "crumb" in each]) == 2
    assert len(controller.waiting("smoke")) == 3


def test_a_crumb_that_is_never_taken_is_renewed_once(controller: Controller) -> None:
    controller.add_job("smoke")
    refusal = Interference(403, "<h2>HTTP ERROR 403 No valid crumb was included in the request</h2>")
    controller.interfere(refusal, refusal, refusal, concerns=lambda asked: asked.startswith("POST"))
    with pytest.raises(DeniedError, match="does not take the crumb"):
        server_as(controller, secret=PASSWORD).trigger("smoke", {REQUEST: "r1"})
    assert len(posts(controller)) == 2


@pytest.mark.parametrize(
    "said",
    ["[]", "null", "7", "{}", '{"crumb": "x", "crumbRequestField": "a: b"}', '{"crumb": 1, "crumbRequestField": "C"}'],
)
def test_what_is_no_crumb_is_told_and_not_sent(controller: Controller, said: str) -> None:
    controller.add_job("smoke")
    json = {"Content-Type": "application/json"}
    controller.interfere(Interference(200, said, json), concerns=lambda asked: "crumb" in asked)
    with pytest.raises(UnreachableError, match="what answered is no Jenkins"):
        server_as(controller, secret=PASSWORD).trigger("smoke", {REQUEST: "r1"})
    assert len(posts(controller)) == 1


def test_cookies_of_others_do_not_disturb(controller: Controller) -> None:
    controller.add_job("smoke")
    controller.crumbs[""] = "c1"  # of a session without a cookie
    crumb = '{"crumb": "c1", "crumbRequestField": "Jenkins-Crumb"}'
    headers = {"Content-Type": "application/json", "Set-Cookie": "balancer@acme=1; Path=/"}
    controller.interfere(Interference(200, crumb, headers), concerns=lambda asked: "crumb" in asked)
    assert server_as(controller, secret=PASSWORD).trigger("smoke", {REQUEST: "r1"}) > 0


def test_nothing_that_is_shown_holds_the_token(
    controller: Controller, server: JenkinsServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    credentials = Credentials(ALICE, TOKEN)
    shown = [repr(credentials), repr(Connection(controller.url, credentials)), str(credentials)]
    controller.stop()
    with pytest.raises(UnreachableError) as caught:
        server.latest("smoke")
    shown += [str(caught.value), caught.value.hint, repr(caught.value), repr(caught.value.__cause__), caplog.text]
    header = credentials.header.removeprefix("Basic ")
    assert not [each for each in shown if TOKEN in each or header in each]


def test_headers_that_the_library_would_add_are_not_logged(
    controller: Controller, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("JENKINS_API_EXTRA_HEADERS", "X-Gate: hush")
    server_as(controller)
    assert "hush" not in caplog.text


# --- asking for builds -----------------------------------------------------------------------------


def test_a_request_that_waits_already_is_the_same_item(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("shop/smoke")
    first = server.trigger("shop/smoke", {REQUEST: "r1", "VERSION": "1"})
    assert server.trigger("shop/smoke", {REQUEST: "r1", "VERSION": "1"}) == first
    assert server.trigger("shop/smoke", {REQUEST: "r2", "VERSION": "1"}) != first
    assert len(controller.waiting("shop/smoke")) == 2


def test_parameters_travel_in_the_body(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    long = "x" * 70_000
    server.trigger("smoke", {REQUEST: "r1", "VERSION": f"1 & 2=ü{long}"})
    assert controller.waiting("smoke")[0].parameters["VERSION"] == f"1 & 2=ü{long}"
    assert posts(controller) == ["job/smoke/buildWithParameters"]


def test_parameters_that_jenkins_would_drop_are_refused(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    with pytest.raises(UsageError, match="does not take VERSOIN; it takes DELIVERKIT_REQUEST, VERSION"):
        server.trigger("smoke", {REQUEST: "r1", "VERSOIN": "1"})
    controller.add_job("old", parameters=["VERSION"])
    with pytest.raises(UsageError, match="old has no parameter DELIVERKIT_REQUEST"):
        server.trigger("old", {REQUEST: "r1"})
    assert posts(controller) == []


def test_a_job_without_parameters(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("bare", parameters=None)
    with pytest.raises(UsageError, match="bare takes no parameters, not VERSION"):
        server.trigger("bare", {"VERSION": "1"})
    # Two such requests could not be told apart, so none is made.
    with pytest.raises(UsageError, match="bare takes no parameters"):
        server.trigger("bare", {})
    assert controller.waiting("bare") == []


def test_a_job_that_loses_its_parameters_meanwhile(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    page = "<h1>Oops!</h1><p>java.lang.IllegalStateException: This build is not parameterized!</p>"
    controller.interfere(Interference(500, page), concerns=lambda asked: asked.startswith("POST"))
    with pytest.raises(UsageError, match=r"^the job smoke takes no parameters$"):
        server.trigger("smoke", {REQUEST: "r1"})


def test_a_job_learns_its_parameters_from_its_first_run(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("new", parameters=None, learns=(REQUEST,))
    with pytest.raises(UsageError) as caught:
        server.trigger("new", {REQUEST: "r1"})
    assert "run it once by hand" in caught.value.hint
    controller.enqueue("new", {})  # by hand
    controller.settle_queue()
    assert server.trigger("new", {REQUEST: "r1"}) > 0


def test_what_cannot_be_built_is_told_apart(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("shop/off", is_disabled=True)
    with pytest.raises(NotFoundError, match="there is no job shop/of at http"):
        server.trigger("shop/of", {REQUEST: "r1"})
    with pytest.raises(ConflictError, match="shop/off is disabled"):
        server.trigger("shop/off", {REQUEST: "r1"})
    with pytest.raises(UsageError, match="shop is a folder"):
        server.trigger("shop", {REQUEST: "r1"})
    controller.add_job("late")
    for status, kind in ((409, ConflictError), (404, NotFoundError)):
        controller.interfere(Interference(status), concerns=lambda asked: asked.startswith("POST"))
        with pytest.raises(kind):
            server.trigger("late", {REQUEST: "r1"})


def test_a_value_that_is_no_choice(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    page = "<h1>Oops!</h1><p>Illegal choice for parameter VERSION: 9</p>"
    controller.interfere(Interference(500, page), concerns=lambda asked: asked.startswith("POST"))
    with pytest.raises(UsageError, match=r"Illegal choice for parameter VERSION: 9$"):
        server.trigger("smoke", {REQUEST: "r1", "VERSION": "9"})


def test_a_user_who_may_not_build(controller: Controller) -> None:
    controller.add_job("smoke")
    controller.people["eve"] = Person("t", may=frozenset({"read"}))
    with pytest.raises(DeniedError, match=r"eve may not do this without the permission Build \(403\)"):
        server_as(controller, "eve", "t").trigger("smoke", {REQUEST: "r1"})


@pytest.mark.parametrize("name", ["", "a//b", "../x", "a/../../b", "/a", "a/"])
def test_names_that_lead_elsewhere_are_not_asked_for(controller: Controller, server: JenkinsServer, name: str) -> None:
    for ask in (server.definition, server.latest, lambda it: server.trigger(it, {}), lambda it: server.stages(it, 1)):
        with pytest.raises(UsageError, match="no full name"):
            ask(name)
    assert controller.seen == []


def test_what_jenkins_thinks_of_its_own_address_does_not_matter(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke", looks_running=None)
    controller.root_url = "https://wrong.example.com/"
    item = server.trigger("smoke", {REQUEST: "r1"})
    assert server.trigger("smoke", {REQUEST: "r1"}) == item
    controller.root_url = "https://127.0.0.1:1/jenkins/"
    controller.settle_queue()
    server.stop("smoke", 1)
    assert controller.builds("smoke")[0].was_stopped


@pytest.mark.parametrize("name", ["login", "shop/sso", "saml/signin"])
def test_jobs_whose_names_sound_like_log_ins(controller: Controller, server: JenkinsServer, name: str) -> None:
    controller.add_job(name, looks_running=None, asks=(Asked(), Asked("again")))
    number = build(controller, server, name)
    server.describe(name, number, "text")
    (question,) = server.questions(name, number)
    server.answer(question, is_approved=True, parameters={})
    page = "<html><head><title>login #1 [Jenkins]</title></head></html>"
    controller.interfere(
        Interference(200, page, {"X-Jenkins": "2.462.3"}), concerns=lambda asked: asked.endswith("/abort")
    )
    (question,) = server.questions(name, number)
    server.answer(question, is_approved=False, parameters={})
    asked = controller.builds(name)[0].asked
    assert (controller.builds(name)[0].description, asked[0].answer) == ("text", "proceedEmpty")
    server.stop(name, number)


# --- the queue -------------------------------------------------------------------------------------


def test_an_item_waits_and_becomes_a_build(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    item = server.trigger("smoke", {REQUEST: "r1"})
    waiting = server.queued(item)
    assert (waiting.number, waiting.build, waiting.parameters[REQUEST]) == (item, None, "r1")
    assert waiting.why.startswith("In the quiet period")
    left = server.queued(item)
    assert (left.build, left.why, left.is_cancelled) == (1, "", False)


def test_an_item_that_was_cancelled(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    item = server.trigger("smoke", {REQUEST: "r1"})
    server.cancel(item)
    assert server.queued(item) == QueueItem(item, is_cancelled=True, parameters={REQUEST: "r1", "VERSION": ""})
    controller.forget_queue()
    server.cancel(9999)  # harmless


def test_what_the_queue_has_forgotten_is_found_by_its_item(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    first, second = (server.trigger("smoke", {REQUEST: each}) for each in ("r1", "r2"))
    controller.settle_queue()
    controller.forget_queue()
    with pytest.raises(NotFoundError, match=f"queue item {second} is not known"):
        server.queued(second)
    found = server.became("smoke", second)
    assert found is not None
    assert (found.number, found.queue_item) == (2, second)
    assert server.became("smoke", first + 1000) is None


def test_a_request_is_found_wherever_it_is(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("shop/smoke")
    controller.add_job("smoke")
    controller.root_url = "https://jenkins.example.com/elsewhere/"
    assert server.find("shop/smoke", REQUEST, "r1") is None
    item = server.trigger("shop/smoke", {REQUEST: "r1"})
    # A job of the same name elsewhere is another one.
    assert server.find("smoke", REQUEST, "r1") is None
    found = server.find("shop/smoke", REQUEST, "r1")
    assert isinstance(found, QueueItem)
    assert found.number == item
    controller.settle_queue()
    built = server.find("shop/smoke", REQUEST, "r1")
    assert built is not None
    assert built.number == 1
    assert server.find("smoke", REQUEST, "r1") is None
    with pytest.raises(NotFoundError, match="there is no job nope"):
        server.find("nope", REQUEST, "r1")


def test_a_branch_of_a_multibranch_job_is_named_as_jenkins_names_it(
    controller: Controller, server: JenkinsServer
) -> None:
    controller.add_job("shop/feature%2Fprices")
    server.trigger("shop/feature%2Fprices", {REQUEST: "r1"})
    assert server.find("shop/feature%2Fprices", REQUEST, "r1")
    controller.settle_queue()
    assert server.observe("shop/feature%2Fprices", 1).parameters[REQUEST] == "r1"


# --- builds ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", list(BuildResult))
def test_results(controller: Controller, server: JenkinsServer, outcome: BuildResult) -> None:
    controller.add_job("smoke", outcome=outcome.value)
    number = build(controller, server, "smoke")
    assert not server.observe("smoke", number).is_over
    ended = server.observe("smoke", number)
    assert (ended.result, ended.label) == (outcome, "smoke #1")
    assert ended.parameters[REQUEST] == "r1"
    assert server.latest("smoke") == ended


def test_a_result_that_is_told_while_the_build_runs_is_none(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke", looks_running=None)
    number = build(controller, server, "smoke")
    controller.builds("smoke")[0].early_result = "FAILURE"
    assert server.observe("smoke", number).result is None


def test_builds_that_are_missing(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    asks = (server.observe, server.stop, lambda job, number: server.log(job, number, 0), server.questions)
    for ask in asks:
        with pytest.raises(NotFoundError, match="there is no build smoke #7 at http"):
            ask("smoke", 7)


def test_stop_and_describe(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("shop/smoke", looks_running=None)
    number = build(controller, server, "shop/smoke")
    server.describe("shop/smoke", number, "Größe & <b>more</b>")
    server.stop("shop/smoke", number)
    server.stop("shop/smoke", number)
    seen = server.observe("shop/smoke", number)
    assert (seen.result, seen.description) == (BuildResult.ABORTED, "Größe & <b>more</b>")


def test_stages(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke", stages=("Build", "Ship"), asks=(Asked(),))
    number = build(controller, server, "smoke")
    stages = server.stages("smoke", number)
    assert stages is not None
    assert [(each.name, each.status) for each in stages] == [
        ("Build", "PAUSED_PENDING_INPUT"),
        ("Ship", "PAUSED_PENDING_INPUT"),
    ]
    controller.has_stage_api = False
    assert server.stages("smoke", number) is None


# --- the log ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("piece", [1, 2, 3, 7])
def test_a_log_comes_in_pieces_that_cut_characters(controller: Controller, server: JenkinsServer, piece: int) -> None:
    text = "Größe 5 € 🚀\nnächste\n"
    controller.add_job("smoke", log=text, piece=piece, looks_running=None)
    number = build(controller, server, "smoke")
    read, start, starts = "", 0, []
    while start < len(text.encode()):
        got = server.log("smoke", number, start)
        assert got.has_more
        read, start = read + got.text, got.next
        starts.append(start)
    assert read == text
    assert starts == sorted(starts)
    controller.finish("smoke", number)
    end = server.log("smoke", number, start)
    assert (end.text, end.next, end.has_more) == ("", start, False)


def test_marks_for_web_pages_count_although_they_do_not_come(controller: Controller, server: JenkinsServer) -> None:
    log = b"Started\n\x1b[8mha:////4AAAAA==\x1b[0m[Pipeline] sh\n+ make\ndone\n"
    controller.add_job("smoke", log=log, piece=36, looks_running=None)
    number = build(controller, server, "smoke")
    first = server.log("smoke", number, 0)
    controller.finish("smoke", number)
    second = server.log("smoke", number, first.next)
    assert first.next == 36
    assert first.text + second.text == "Started\n[Pipeline] sh\n+ make\ndone\n"


def test_a_log_that_ends_within_a_character_ends_all_the_same(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke", log="abc€".encode()[:-1])
    number = build(controller, server, "smoke")
    controller.finish("smoke", number)
    assert server.log("smoke", number, 0).text == "abc�"


def test_a_log_that_shows_a_web_page_is_a_log(controller: Controller, server: JenkinsServer) -> None:
    page = "<!DOCTYPE html><html><title>Sign in</title><input type='password'></html>\n"
    controller.add_job("smoke", log=page)
    number = build(controller, server, "smoke")
    controller.finish("smoke", number)
    # A log is not looked through for a log-in, whatever a build prints.
    assert server.log("smoke", number, 0).text == page


def test_of_a_long_log_the_end_is_read_and_what_is_left_out_is_told(controller: Controller) -> None:
    lines = "".join(f"line {number:04}\n" for number in range(1000))
    controller.add_job("smoke", log=lines)
    connection = Connection(controller.url, Credentials(ALICE, TOKEN))
    number = build(controller, JenkinsServer(connection), "smoke")
    controller.finish("smoke", number)
    piece = jenkins_log.read(connection, f"{controller.url}job/smoke/{number}/", 0, limit=200)
    left_out, _, rest = piece.text.partition("\n")
    assert left_out == f"[9900 bytes are left out here; the whole log is at {controller.url}job/smoke/1/consoleText]"
    assert rest == lines[-100:]
    assert (piece.next, piece.has_more) == (len(lines), False)


@pytest.mark.parametrize("size", ["", "soon", "-5", "1" * 5000])
@pytest.mark.parametrize("limit", [jenkins_log.PIECE_LIMIT, 4])
def test_a_log_whose_size_is_not_told_goes_on_where_it_ended(controller: Controller, size: str, limit: int) -> None:
    """Something on the way has taken the header out, or something else answers."""
    controller.add_job("smoke")
    connection = Connection(controller.url, Credentials(ALICE, TOKEN))
    number = build(controller, JenkinsServer(connection), "smoke")
    headers = {"Content-Type": "text/plain", "X-More-Data": "true", **({"X-Text-Size": size} if size else {})}
    whole = "abcd" + "é"
    sent = Interference(200, whole, headers)
    controller.interfere(sent, sent)
    piece = jenkins_log.read(connection, f"{controller.url}job/smoke/{number}/", 7, limit=limit)
    read = whole.encode()[:limit]
    assert (piece.text, piece.next, piece.has_more) == (read.decode(), 7 + len(read), True)


# --- questions -------------------------------------------------------------------------------------


WANTS = {"TICKET": "none", "SURE": False, "WHERE": ("eu", "us")}


def asking(controller: Controller, server: JenkinsServer, *asked: Asked) -> Question:
    controller.add_job("ship", asks=asked)
    number = build(controller, server, "ship")
    (question,) = server.questions("ship", number)
    return question


def settled(controller: Controller) -> Asked:
    return controller.builds("ship")[0].asked[0]


def test_a_question_and_its_answer(controller: Controller, server: JenkinsServer) -> None:
    question = asking(controller, server, Asked("ship-it", "Ship it?", WANTS))
    assert question == Question(
        "ship", 1, "Ship-it", "Ship it?", "Proceed", {"TICKET": "none", "SURE": "false", "WHERE": "eu"}
    )
    server.answer(question, is_approved=True, parameters={"WHERE": "us", "SURE": "true"})
    asked = settled(controller)
    assert (asked.answer, asked.by) == ("submit", ALICE)
    assert asked.given == {"TICKET": "none", "SURE": True, "WHERE": "us"}
    assert server.questions("ship", 1) == ()


def test_a_question_without_parameters_is_answered_without(controller: Controller, server: JenkinsServer) -> None:
    server.answer(asking(controller, server, Asked()), is_approved=True, parameters={})
    assert settled(controller).answer == "proceedEmpty"


def test_what_is_not_given_has_its_default_value(controller: Controller, server: JenkinsServer) -> None:
    server.answer(asking(controller, server, Asked(parameters=WANTS)), is_approved=True, parameters={})
    assert settled(controller).answer == "submit"
    assert settled(controller).given == {"TICKET": "none", "SURE": False, "WHERE": "eu"}


def test_a_refusal_ends_the_build(controller: Controller, server: JenkinsServer) -> None:
    question = asking(controller, server, Asked(parameters=WANTS))
    with pytest.raises(UsageError, match="does not take WHERE; it takes nothing"):
        server.answer(question, is_approved=False, parameters={"WHERE": "us"})
    server.answer(question, is_approved=False, parameters={})
    assert settled(controller).answer == "abort"
    assert server.observe("ship", 1).result is BuildResult.ABORTED


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"WERE": "us"}, "does not take WERE; it takes TICKET, SURE, WHERE"),
        ({"WHERE": "mars"}, "WHERE is one of eu, us, not mars"),
        ({"SURE": "yes"}, "SURE is true or false, not yes"),
    ],
)
def test_answers_that_jenkins_would_bend(
    controller: Controller, server: JenkinsServer, given: dict[str, str], words: str
) -> None:
    question = asking(controller, server, Asked(parameters=WANTS))
    with pytest.raises(UsageError, match=words):
        server.answer(question, is_approved=True, parameters=given)
    assert settled(controller).answer == ""


def test_who_may_answer_is_up_to_jenkins(controller: Controller, server: JenkinsServer) -> None:
    controller.people["root"] = Person("t", may=frozenset({"administer"}))
    question = asking(controller, server, Asked(submitter="rm,bob"))
    with pytest.raises(NotEntitledError, match=r"alice may not answer Ship-it of ship #1: it is for rm,bob$"):
        server.answer(question, is_approved=True, parameters={})
    server_as(controller, "root", "t").answer(question, is_approved=True, parameters={})
    assert settled(controller).by == "root"


def test_the_second_of_two_approvers_is_told(controller: Controller, server: JenkinsServer) -> None:
    controller.people["bob"] = Person("t")
    question = asking(controller, server, Asked(parameters=WANTS), Asked("again"))
    server_as(controller, "bob", "t").answer(question, is_approved=True, parameters={})
    with pytest.raises(ConflictError, match="ship #1 does not wait for an answer to Ship-it"):
        server.answer(question, is_approved=True, parameters={"WHERE": "us"})
    assert controller.builds("ship")[0].asked[1].answer == ""


def test_the_second_of_two_approvers_who_are_very_quick(controller: Controller, server: JenkinsServer) -> None:
    question = asking(controller, server, Asked())
    controller.interfere(Interference(404), concerns=lambda asked: asked.startswith("POST"))
    with pytest.raises(ConflictError, match="somebody was quicker"):
        server.answer(question, is_approved=True, parameters={})


def test_a_server_that_cannot_tell_what_is_asked(controller: Controller, server: JenkinsServer) -> None:
    question = asking(controller, server, Asked())
    controller.has_stage_api = False
    with pytest.raises(NotFoundError, match=r"cannot tell what ship #1 asks.*pipeline-rest-api") as caught:
        server.questions("ship", 1)
    assert caught.value.hint.startswith(f"answer at {controller.url}job/ship/1/input/")
    with pytest.raises(NotFoundError):
        server.answer(question, is_approved=True, parameters={})


# --- jobs and folders ------------------------------------------------------------------------------


def test_definitions_are_shelved(controller: Controller, server: JenkinsServer) -> None:
    xml = "<?xml version='1.0' encoding='UTF-8'?><flow-definition><d>Größe</d></flow-definition>"
    name = "Läden/unser shop/50% a?b#c"
    assert server.definition(name) is None
    server.create("Läden", "<com.cloudbees.hudson.plugins.folder.Folder/>")
    server.create("Läden/unser shop", "<com.cloudbees.hudson.plugins.folder.Folder/>")
    server.create(name, xml)
    assert server.definition(name) == xml
    server.replace(name, xml.replace("Größe", "klein"))
    assert controller.jobs[name].xml == xml.replace("Größe", "klein")


def test_definitions_that_are_refused(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    with pytest.raises(ConflictError, match="smoke exists already"):
        server.create("smoke", "<a/>")
    with pytest.raises(NotFoundError, match="there is no folder nope at"):
        server.create("nope/new", "<a/>")
    with pytest.raises(UsageError, match="does not accept the definition of new"):
        server.create("new", "<a")
    with pytest.raises(UsageError, match="does not accept the definition of smoke"):
        server.replace("smoke", "<a")
    with pytest.raises(NotFoundError, match="there is no nope at"):
        server.replace("nope", "<a/>")


def test_a_job_that_somebody_makes_meanwhile(controller: Controller, server: JenkinsServer) -> None:
    told = {"X-Error": "A job already exists with the name 'new'"}
    controller.interfere(Interference(400, headers=told), concerns=lambda asked: asked.startswith("POST"))
    with pytest.raises(ConflictError, match="new exists already"):
        server.create("new", "<a/>")


@pytest.mark.parametrize("said", ["[]", "null", "7", '{"builds": [{"number": "x"}], "items": 7}', '[{"id": 1}, 7]'])
def test_json_of_somebody_else(controller: Controller, server: JenkinsServer, said: str) -> None:
    controller.add_job("smoke")
    answer = Interference(200, said, {"Content-Type": "application/json"})
    asks = (
        lambda: server.observe("smoke", 1),
        lambda: server.queued(1),
        lambda: server.latest("smoke"),
        lambda: server.trigger("smoke", {REQUEST: "r1"}),
        lambda: server.find("smoke", REQUEST, "r1"),
        lambda: server.stages("smoke", 1),
        lambda: server.questions("smoke", 1),
    )
    for ask in asks:
        controller.interfere(answer)
        try:
            ask()
        except DeliverkitError as error:
            assert len(error.message) < 300  # noqa: PT017  (some of it is no answer, some an empty one)
        controller.interfere()


def test_errors_are_ours_alone(controller: Controller, server: JenkinsServer) -> None:
    controller.add_job("smoke")
    page = "<html><head><title>Oops! [Jenkins]</title></head><body><script>boo</script>" + "<p>x</p>" * 5000
    asks = (
        lambda: server.observe("smoke", 1),
        lambda: server.queued(1),
        lambda: server.stages("smoke", 1),
        lambda: server.definition("smoke"),
        lambda: server.replace("smoke", "<a/>"),
        lambda: server.stop("smoke", 1),
        lambda: server.questions("smoke", 1),
    )
    for ask in asks:
        controller.interfere(Interference(500, page))
        with pytest.raises(DeliverkitError) as caught:
            ask()
        assert "<" not in caught.value.message
        assert len(caught.value.message) < 300
