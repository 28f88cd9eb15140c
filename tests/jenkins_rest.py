"""The HTTP side of `jenkins_controller`: Jenkins' REST interface as far as deliverkit asks for it."""

from __future__ import annotations

import base64
import json
import re
import select
import socket
import struct
import sys
from collections.abc import Callable
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote, unquote, urlsplit

import jenkins_xml
from jenkins_controller import REQUEST, Asked, Controller, Interference, Job, JobBuild, new_crumb

__all__ = ["REQUEST", "server_of"]

MARK = re.compile(rb"\x1b\[8mha:.*?\x1b\[0m")
"""Marks for web pages in the file of a log; the plain text goes without them."""
STARTING = (
    "<html><head><title>Starting Jenkins</title></head><body>"
    "Please wait while Jenkins is getting ready to work</body></html>"
)


def page(title: str, message: str) -> str:
    """One of Jenkins' pages: several KB of markup with a sentence in it."""
    scripts = "<script src='/static/0/jsbundle.js'>var x = '<p>no</p>';</script>" * 40
    return (
        f"<!DOCTYPE html><html><head><title>{title} [Jenkins]</title>{scripts}</head><body id='jenkins'>"
        f"<header><a href='/'>Jenkins</a></header><h1>{title}</h1><p>{message}</p>"
        "<footer>2.462.3</footer></body></html>"
    )


class FaultError(Exception):
    """An answer other than success."""

    def __init__(self, status: int, title: str, message: str = "", headers: dict[str, str] | None = None) -> None:
        super().__init__(title)
        self.status = status
        self.body = page(title, message)
        self.headers = headers or {}


def server_of(controller: Controller, port: int) -> ThreadingHTTPServer:
    """A server for a controller; port 0 takes a free one."""
    handler = type("Handler", (_Handler,), {"controller": controller})
    return _Server(("127.0.0.1", port), handler)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), OSError):  # a client may go away
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    controller: Controller
    user = ""

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        with self.controller.lock:
            answer = self._decide(body)
        answer()

    def _decide(self, body: str) -> Callable[[], None]:
        """What to send; sending itself may take its time."""
        c = self.controller
        asked = f"{self.command} {self.path}"
        c.seen.append(asked)
        c.bodies.append(body)
        c.authorizations.append(self.headers.get("Authorization", ""))
        if c.resets:
            c.resets -= 1
            return self._reset
        if c.starting:
            c.starting -= 1
            return lambda: self._send(503, STARTING, {"Content-Type": "text/html"}, is_jenkins=False)
        if c.interferences and c.concerns(asked):
            return partial(self._interfere, c.interferences.pop(0))
        try:
            status, text, headers = self._answer(body)
        except FaultError as fault:
            status, text, headers = fault.status, fault.body, {"Content-Type": "text/html", **fault.headers}
        if self.command == "POST" and status < 400 and c.lost_answers:
            c.lost_answers -= 1
            return self._reset
        is_jenkins = self.path.startswith("/jenkins/")  # outside of its path the web server itself answers
        return lambda: self._send(status, text, headers, is_jenkins=is_jenkins)

    def _interfere(self, answer: Interference) -> None:
        headers = {"Content-Type": "text/html", **answer.headers}
        if not answer.drips:
            self._send(answer.status, answer.body, headers, is_jenkins=False)
            return
        self.send_response(answer.status)
        self.end_headers()
        self.close_connection = True
        while not select.select([self.connection], [], [], 0.01)[0]:  # until the client goes away
            self.wfile.write(b" ")

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RD)
        self.connection.close()

    def _send(self, status: int, text: str | bytes, headers: dict[str, str], *, is_jenkins: bool = True) -> None:
        content = text if isinstance(text, bytes) else text.encode()
        self.send_response(status)
        if is_jenkins:
            self.send_header("X-Jenkins", "2.462.3")
        for name, value in {"Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    # --- who asks ----------------------------------------------------------------------------------

    def _answer(self, body: str) -> tuple[int, str | bytes, dict[str, str]]:
        parts = urlsplit(self.path)
        if not parts.path.startswith("/jenkins/"):
            raise FaultError(404, "Not Found")
        self._authenticate(is_change=self.command == "POST")
        path = unquote(parts.path.removeprefix("/jenkins/"))
        query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
        found = re.match(r"((?:job/[^/]+/)*)job/([^/]+)/(.*)$", path)
        if found:
            folders = re.findall(r"job/([^/]+)/", found[1])
            return self._job("/".join([*folders, found[2]]), found[3], query, body)
        return self._root(path, query, body)

    def _authenticate(self, *, is_change: bool) -> None:
        scheme, _, value = self.headers.get("Authorization", "").partition(" ")
        if scheme != "Basic":
            raise FaultError(403, "Forbidden", "Authentication required", {"X-You-Are-Authenticated-As": "anonymous"})
        self.user, _, secret = base64.b64decode(value).decode().partition(":")
        person = self.controller.people.get(self.user)
        if person is None or secret not in {person.token, person.password} - {""}:
            raise FaultError(401, "Unauthorized", f"Invalid password/token for user: {self.user}")
        if is_change and self.controller.has_crumbs and secret == person.password:
            session = dict(parse_qsl(self.headers.get("Cookie", "").replace("; ", "&"))).get("JSESSIONID.1", "")
            crumb = self.headers.get("Jenkins-Crumb")
            if crumb is None or self.controller.crumbs.get(session) != crumb:
                raise FaultError(403, "Error 403 No valid crumb was included in the request")

    def _need(self, permission: str, name: str) -> None:
        may = self.controller.people[self.user].may
        if permission not in may and "administer" not in may:
            headers = {
                "X-You-Are-Authenticated-As": self.user,
                "X-Required-Permission": f"hudson.model.Item.{name}",
            }
            raise FaultError(403, "Access Denied", f"{self.user} is missing the Job/{name} permission", headers)

    # --- the controller ----------------------------------------------------------------------------

    def _root(self, path: str, query: dict[str, str], body: str) -> tuple[int, str | bytes, dict[str, str]]:
        c = self.controller
        if path == "crumbIssuer/api/json" and c.has_crumbs:
            session, crumb = new_crumb()
            c.crumbs[session] = crumb
            found = {"crumb": crumb, "crumbRequestField": "Jenkins-Crumb"}
            return _json(found, {"Set-Cookie": f"JSESSIONID.1={session}; Path=/jenkins; HttpOnly"})
        if path == "queue/api/json":
            items = [(name, each) for name in c.jobs for each in c.waiting(name)]
            return _json({"items": [self._item(name, each) for name, each in items]})
        item = re.match(r"queue/item/(\d+)/api/json$", path)
        if item:
            return _json(self._queued(int(item[1])))
        if path == "queue/cancelItem":
            return self._cancel(int(query["id"]))
        if path == "createItem":
            return self._create(query["name"], body, folder="")
        if path == "":
            return 200, page("Dashboard", ""), {"Content-Type": "text/html"}
        if path == "me/api/json":
            return _json({"id": self.user})
        if path == "api/json":
            return _json({"jobs": [{"name": name} for name in c.jobs if "/" not in name]})
        raise FaultError(404, "Not Found")

    def _find_item(self, number: int) -> tuple[str, JobBuild]:
        for name, job in self.controller.jobs.items():
            for each in job.builds:
                if each.item == number and not each.is_forgotten:
                    return name, each
        raise FaultError(404, "Not Found")

    def _queued(self, number: int) -> dict[str, Any]:
        name, build = self._find_item(number)
        self.controller.look_at_item(name, build)
        return self._item(name, build)

    def _item(self, name: str, build: JobBuild) -> dict[str, Any]:
        shown: dict[str, Any] = {
            "_class": "hudson.model.Queue$WaitingItem",
            "id": build.item,
            "why": "In the quiet period. Expires in 4.9 sec",
            "task": {"name": name.rpartition("/")[2], "url": self._url(name)},
            "actions": [{}, _parameters(build)],
        }
        if build.is_cancelled:
            return {**shown, "_class": "hudson.model.Queue$LeftItem", "why": None, "cancelled": True}
        if build.number is not None:
            executable = {"number": build.number, "url": f"{self._url(name)}{build.number}/"}
            left = {"_class": "hudson.model.Queue$LeftItem", "why": None, "cancelled": False}
            return {**shown, **left, "executable": executable}
        return shown

    def _cancel(self, number: int) -> tuple[int, str, dict[str, str]]:
        self._need("build", "Cancel")
        _, build = self._find_item(number)
        build.is_cancelled = build.number is None
        return 204, "", {}

    def _create(self, name: str, body: str, *, folder: str) -> tuple[int, str, dict[str, str]]:
        self._need("configure", "Create")
        full = f"{folder}/{name}" if folder else name
        if full in self.controller.jobs:
            told = f"A job already exists with the name '{name}'"
            raise FaultError(400, "Error", told, {"X-Error": told})
        root = _root_element(body)
        job = Job(is_folder=root == jenkins_xml.FOLDER, is_pipeline=root == "flow-definition")
        self._define(job, body)
        self.controller.jobs[full] = job
        return 200, "", {}

    def _define(self, job: Job, xml: str) -> None:
        job.xml = xml
        if self.controller.rewrites_xml:
            job.xml, job.parameters = jenkins_xml.kept(xml), jenkins_xml.parameters(xml)

    def _url(self, name: str) -> str:
        root = self.controller.root_url or f"http://{self.headers['Host']}/jenkins/"
        return root + "".join(f"job/{quote(each)}/" for each in name.split("/"))

    # --- a job -------------------------------------------------------------------------------------

    def _job(self, name: str, rest: str, query: dict[str, str], body: str) -> tuple[int, str | bytes, dict[str, str]]:
        job = self.controller.jobs.get(name)
        if job is None:
            raise FaultError(404, "Not Found")
        build = re.match(r"(\d+)/(.*)$", rest)
        if build:
            return self._build(name, int(build[1]), build[2], query, body)
        if rest == "createItem" and job.is_folder:
            return self._create(query["name"], body, folder=name)
        if rest == "config.xml":
            return self._config(job, body)
        if rest == "api/json":
            return _json(self._shown_job(name, job))
        if rest in {"build", "buildWithParameters"} and self.command == "POST":
            given = {**query, **dict(parse_qsl(body, keep_blank_values=True))}
            return self._trigger(name, job, given, has_parameters=rest != "build")
        raise FaultError(404, "Not Found")

    def _config(self, job: Job, body: str) -> tuple[int, str, dict[str, str]]:
        if self.command == "GET":
            return 200, job.xml, {"Content-Type": "application/xml;charset=utf-8"}
        self._need("configure", "Configure")
        if _root_element(body) != _root_element(job.xml):
            raise FaultError(500, "Oops!", "A problem occurred while processing the request")
        self._define(job, body)
        return 200, "", {}

    def _shown_job(self, name: str, job: Job) -> dict[str, Any]:
        if job.is_folder:
            return {"_class": "com.cloudbees.hudson.plugins.folder.Folder", "name": name.rpartition("/")[2]}
        definitions = [{"name": each, "type": "StringParameterDefinition"} for each in job.parameters or ()]
        builds = reversed(self.controller.builds(name))
        return {
            "name": name.rpartition("/")[2],
            "fullName": name,
            "buildable": not job.is_disabled,
            "property": [{}, {"parameterDefinitions": definitions}] if definitions else [{}],
            "builds": [self._shown_build(name, each) for each in builds if not each.races],
        }

    def _trigger(
        self, name: str, job: Job, given: dict[str, str], *, has_parameters: bool
    ) -> tuple[int, str, dict[str, str]]:
        self._need("build", "Build")
        if job.is_disabled:
            raise FaultError(409, "Conflict", f"{name} is not buildable")
        if has_parameters and job.parameters is None:
            raise FaultError(500, "Oops!", "This build is not parameterized!")
        if not has_parameters and job.parameters is not None:
            raise FaultError(400, "Nothing is submitted")
        item, is_new = self.controller.enqueue(name, given)
        root = self.controller.root_url or f"http://{self.headers['Host']}/jenkins/"
        return 201 if is_new else 303, "", {"Location": f"{root}queue/item/{item.item}/"}

    # --- a build -----------------------------------------------------------------------------------

    def _build(
        self, name: str, number: int, rest: str, query: dict[str, str], body: str
    ) -> tuple[int, str | bytes, dict[str, str]]:
        builds = self.controller.builds(name)
        if not 1 <= number <= len(builds):
            raise FaultError(404, "Not Found")
        build = builds[number - 1]
        if build.races:
            build.races -= 1
            raise FaultError(404, "Not Found")
        if rest == "api/json":
            self.controller.look_at_build(name, build)
            return _json(self._shown_build(name, build))
        if rest == "logText/progressiveText":
            return self._log(name, build, int(query.get("start", "0")))
        if rest == "stop":
            self._need("build", "Cancel")
            if build.result is None:
                build.was_stopped = True
                self.controller.finish(name, number, "ABORTED")
            return 302, "", {"Location": f"{self._url(name)}{number}/"}
        if rest == "submitDescription":
            build.description = dict(parse_qsl(body, keep_blank_values=True))["description"]
            return 302, "", {"Location": f"{self._url(name)}{number}/"}
        if rest.removeprefix("artifact/") in self.controller.jobs[name].archived:
            content = self.controller.jobs[name].archived[rest.removeprefix("artifact/")]
            return 200, content, {"Content-Type": "application/zip"}
        if rest.startswith(("wfapi/", "input/")):
            return self._workflow(name, build, rest, body)
        raise FaultError(404, "Not Found")

    def _shown_build(self, name: str, build: JobBuild) -> dict[str, Any]:
        is_running = build.result is None
        return {
            "number": build.number,
            "url": f"{self._url(name)}{build.number}/",
            "building": is_running,
            "inProgress": is_running,
            "result": build.result or build.early_result or None,
            "queueId": build.item,
            "description": build.description or None,
            "actions": [{}, {"causes": [{"userId": self.user}]}, _parameters(build)],
        }

    def _log(self, name: str, build: JobBuild, start: int) -> tuple[int, bytes, dict[str, str]]:
        job = self.controller.jobs[name]
        if build.result is None:
            build.shown = min(len(build.log), build.shown + job.piece) if job.piece else len(build.log)
        start = 0 if start > build.shown else start
        headers = {"Content-Type": "text/plain;charset=UTF-8", "X-Text-Size": str(build.shown)}
        if build.result is None:
            headers["X-More-Data"] = "true"
        return 200, MARK.sub(b"", build.log[start : build.shown]), headers

    # --- stages and questions ----------------------------------------------------------------------

    def _workflow(self, name: str, build: JobBuild, rest: str, body: str) -> tuple[int, str, dict[str, str]]:
        job = self.controller.jobs[name]
        if rest.startswith("wfapi/") and not (self.controller.has_stage_api and job.is_pipeline):
            raise FaultError(404, "Not Found")
        if rest.strip("/") == "wfapi/describe":
            return _json({"stages": [self._stage(each, build) for each in job.stages]})
        if rest == "wfapi/pendingInputActions":
            waiting = [build.question] if build.question else []
            return _json([_shown_question(self._url(name), build, each) for each in waiting])
        found = re.match(r"input/([^/]+)/(submit|proceedEmpty|abort)$", rest)
        question = build.question
        if found is None or question is None or found[1] != question.shown_id:
            raise FaultError(404, "Not Found")  # settled, or spelled as the Jenkinsfile spells it
        return self._settle(name, build, question, found[2], body)

    def _stage(self, stage: str, build: JobBuild) -> dict[str, Any]:
        status = "PAUSED_PENDING_INPUT" if build.question else "IN_PROGRESS" if build.result is None else build.result
        return {"name": stage, "status": status, "durationMillis": 1500}

    def _settle(
        self, name: str, build: JobBuild, question: Asked, action: str, body: str
    ) -> tuple[int, str, dict[str, str]]:
        may = self.controller.people[self.user].may
        is_entitled = not question.submitter or self.user in question.submitter.split(",") or "administer" in may
        if action != "abort" and not is_entitled:
            raise FaultError(400, "Oops!", f"You need to be {question.submitter} to submit this.")
        question.answer, question.by = action, self.user
        if action == "abort":
            self.controller.finish(name, build.number or 0, "ABORTED")
            return 200, "", {"Content-Type": "text/html"}
        if action == "submit":
            form = dict(parse_qsl(body, keep_blank_values=True))
            if form.get("proceed") != "Proceed":
                raise FaultError(400, "Error", "not proceeded")
            given = json.loads(form["json"])["parameter"]
            question.given = {each["name"]: each["value"] for each in given}
        return 302, "", {"Location": f"{self._url(name)}{build.number}/console"}


def _shown_question(job: str, build: JobBuild, question: Asked) -> dict[str, Any]:
    place = f"{urlsplit(job).path}{build.number}/"
    return {
        "id": question.shown_id,
        "proceedText": "Proceed",
        "message": question.message,
        "inputs": [_shown_input(name, value) for name, value in question.parameters.items()],
        "proceedUrl": f"{place}wfapi/inputSubmit?inputId={question.shown_id}",
        "abortUrl": f"{place}input/{question.shown_id}/abort",
    }


def _shown_input(name: str, value: str | bool | tuple[str, ...]) -> dict[str, Any]:
    if isinstance(value, tuple):
        return {"type": "ChoiceParameterDefinition", "name": name, "definition": {"choices": list(value)}}
    kind = "BooleanParameterDefinition" if isinstance(value, bool) else "StringParameterDefinition"
    return {"type": kind, "name": name, "description": "", "definition": {"defaultVal": value}}


def _parameters(build: JobBuild) -> dict[str, Any]:
    return {"parameters": [{"name": name, "value": value} for name, value in build.parameters.items()]}


def _json(value: Any, headers: dict[str, str] | None = None) -> tuple[int, str, dict[str, str]]:
    return 200, json.dumps(value), {"Content-Type": "application/json;charset=utf-8", **(headers or {})}


def _root_element(body: str) -> str:
    try:
        return jenkins_xml.read(body).tag
    except SyntaxError as error:
        raise FaultError(500, "Oops!", "A problem occurred while processing the request") from error
