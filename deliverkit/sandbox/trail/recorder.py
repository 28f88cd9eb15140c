"""Writes down every management request that comes in at the front, as CloudTrail does.

Source: CloudTrail User Guide, "CloudTrail record contents". Data events (objects, messages, items, invocations, metric
data) and what the sandbox's own host agents ask are left out: LookupEvents never has data events.
"""

from __future__ import annotations

import json
import logging
import re
import uuid
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from deliverkit.sandbox.access.answers import LOST_ANSWER, HttpAnswer
from deliverkit.sandbox.access.request import Request, Wire, read_request
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.kernel.wsgi import CONTROL_PREFIX, Application, Environ, StartResponse, credential_scope
from deliverkit.sandbox.trail.elements import request_parameters, response_elements
from deliverkit.sandbox.trail.identity import identity
from deliverkit.sandbox.trail.resources import resources_of
from deliverkit.sandbox.trail.store import Record, Trail

log = logging.getLogger(__name__)
GLOBAL_REGION = "us-east-1"
_GLOBAL = frozenset({"iam", "route53", "cloudfront", "organizations"})
_OBJECTS = re.compile(
    r"(Get|Put|Delete|Head|Copy|Select|Restore|Upload)(Object|Part).*|.*MultipartUpload.*|ListObjects.*"
)
_DATA: Mapping[str, re.Pattern[str]] = {
    "s3": _OBJECTS,
    "sqs": re.compile(r"(Send|Receive|Delete|ChangeMessageVisibility).*Message.*|ChangeMessageVisibility.*"),
    "sns": re.compile("Publish.*"),
    "lambda": re.compile("Invoke.*"),
    "dynamodb": re.compile(r"(Batch|Transact)?(Get|Put|Update|Delete|Write).*Items?|Query|Scan"),
    "logs": re.compile("PutLogEvents|GetLogEvents|FilterLogEvents"),
    "cloudwatch": re.compile("PutMetricData|GetMetric.*"),
    "events": re.compile("PutEvents"),
    "kinesis": re.compile("PutRecords?|GetRecords"),
}
_AGENTS = frozenset({"codedeploy-commands-secure", "codedeploy-commands"})
_XML_CODE = re.compile(rb"<Code>([^<]+)</Code>")
_XML_MESSAGE = re.compile(rb"<Message>([^<]*)</Message>")


class Recorder:
    """A WSGI application around another one."""

    def __init__(self, world: World, application: Application) -> None:
        """Take the sandbox's state and what answers."""
        self._world = world
        self._application = application

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, and write it down if CloudTrail would."""
        request = None
        if not environ["PATH_INFO"].startswith(CONTROL_PREFIX):
            request = read_request(environ, self._world.moto.account_of)
        if request is None or not is_management(request):
            return self._application(environ, start_response)
        told: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            told.update(status=int(str(status).split()[0]), headers={k.lower(): v for k, v in headers})
            return start_response(status, headers, *rest)

        try:
            answer = list(self._application(environ, start))
        except ConnectionResetError:
            # The caller never hears of it, yet it may have been carried out.
            lost: HttpAnswer | None = environ.get(LOST_ANSWER)
            if lost is not None:
                headers = {name.lower(): value for name, value in lost.headers}
                self._record(request, environ, headers, int(lost.status.split()[0]), lost.body)
            raise
        self._record(request, environ, told.get("headers", {}), told.get("status", 200), b"".join(answer))
        return answer

    def _record(self, request: Request, environ: Environ, headers: Mapping[str, str], status: int, body: bytes) -> None:
        try:
            self._write_down(request, environ, headers, status, body)
        except Exception:
            # Whoever asked is answered, whatever becomes of the record.
            log.exception("%s could not be written down", request.action)

    def _write_down(
        self, request: Request, environ: Environ, headers: Mapping[str, str], status: int, body: bytes
    ) -> None:
        scope = credential_scope(environ)
        source = f"{scope.service if scope else request.service}.amazonaws.com"
        region = GLOBAL_REGION if request.service in _GLOBAL else request.region
        code, message = _error(status, headers, body)
        if code and request.wire is Wire.EC2:
            # EC2 API reference, "Error codes": in CloudTrail they say whose error it was.
            code = f"{'Client' if status < HTTPStatus.INTERNAL_SERVER_ERROR else 'Server'}.{code}"
        with self._world.lock:
            trail = self._world.store(Trail, request.account, region)
            now = self._world.clock.now()
            arn = self._world.moto.principal_of(request.access_key, request.region)
            # Not of the common generator: requests end on many threads, and ids of others must not depend on it.
            event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{request.account}/{region}/{trail.count}"))
            event: dict[str, Any] = {
                "eventVersion": "1.09",
                "userIdentity": identity(self._world.moto, arn, request.account, request.access_key),
                "eventTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "eventSource": source,
                "eventName": request.operation,
                "awsRegion": region,
                "sourceIPAddress": environ.get("REMOTE_ADDR", "127.0.0.1"),
                "userAgent": environ.get("HTTP_USER_AGENT", ""),
                "requestParameters": request_parameters(request),
                "responseElements": response_elements(request, status, headers, body),
                "requestID": headers.get("x-amzn-requestid") or headers.get("x-amz-request-id") or "",
                "eventID": event_id,
                "readOnly": request.is_read,
                "eventType": "AwsApiCall",
                "managementEvent": True,
                "recipientAccountId": request.account,
                "eventCategory": "Management",
            }
            if code:
                event |= {"errorCode": code, "errorMessage": message}
            trail.add(Record(now, event_id, request.access_key, event, tuple(resources_of(request.service, event))))


def is_management(request: Request) -> bool:
    """True for a request that CloudTrail logs as a management event."""
    if not request.operation or request.service in _AGENTS:
        return False
    data = _DATA.get(request.service)
    return data is None or data.fullmatch(request.operation) is None


def _error(status: int, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    if status < 400:
        return "", ""
    named = headers.get("x-amzn-errortype", "").split(":")[0]
    try:
        told = json.loads(body)
        code = str(told.get("__type", "")).rpartition("#")[2] or named
        return code or str(status), str(told.get("message") or told.get("Message") or "")
    except (ValueError, AttributeError):
        match = _XML_CODE.search(body)
        text = _XML_MESSAGE.search(body)
        return (match[1].decode() if match else named or str(status)), text[1].decode() if text else ""
