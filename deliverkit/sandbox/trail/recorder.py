"""Writes down every management request that comes in at the front, as CloudTrail does.

Source: CloudTrail User Guide, "CloudTrail record contents". Data events (objects, messages, items, invocations, metric
data) and what the sandbox's own host agents ask are left out: LookupEvents never has data events. `responseElements`
are not kept.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from deliverkit.sandbox.access.request import Request, read_request
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.kernel.wsgi import CONTROL_PREFIX, Application, Environ, StartResponse, credential_scope
from deliverkit.sandbox.trail.store import HIDDEN, Record, Trail

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
_SECRET = re.compile(
    r"passw|secret|passphrase|plaintext|privatekey|oauthtoken|authtoken|accesstoken|credential", re.IGNORECASE
)
_SECRET_OF = frozenset({("PutParameter", "Value"), ("CreateFunction", "Environment")})
LARGEST_PARAMETERS = 16 * 1024
"""Characters of a request's parameters that are kept; larger ones are left out."""
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

        answer = list(self._application(environ, start))
        self._record(request, environ, told.get("headers", {}), told.get("status", 200), b"".join(answer))
        return answer

    def _record(self, request: Request, environ: Environ, headers: Mapping[str, str], status: int, body: bytes) -> None:
        scope = credential_scope(environ)
        source = f"{scope.service if scope else request.service}.amazonaws.com"
        region = GLOBAL_REGION if request.service in _GLOBAL else request.region
        code, message = _error(status, headers, body)
        with self._world.lock:
            trail = self._world.store(Trail, request.account, region)
            now = self._world.clock.now()
            arn = self._world.moto.principal_of(request.access_key, request.region)
            # Not of the common generator: requests end on many threads, and ids of others must not depend on it.
            event_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"{request.account}/{region}/{trail.count}"))
            event: dict[str, Any] = {
                "eventVersion": "1.09",
                "userIdentity": identity(arn, request.account, request.access_key),
                "eventTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "eventSource": source,
                "eventName": request.operation,
                "awsRegion": region,
                "sourceIPAddress": environ.get("REMOTE_ADDR", "127.0.0.1"),
                "userAgent": environ.get("HTTP_USER_AGENT", ""),
                "requestParameters": parameters(request),
                "responseElements": None,
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
            trail.add(Record(now, event_id, request.access_key, event))


def is_management(request: Request) -> bool:
    """True for a request that CloudTrail logs as a management event."""
    if not request.operation or request.service in _AGENTS:
        return False
    data = _DATA.get(request.service)
    return data is None or data.fullmatch(request.operation) is None


def identity(arn: str, account: str, access_key: str) -> dict[str, Any]:
    """`userIdentity` for the ARN of a caller."""
    kind, _, name = arn.partition(":")[2].rpartition(":")[2].partition("/")
    types = {"user": "IAMUser", "assumed-role": "AssumedRole", "root": "Root", "federated-user": "FederatedUser"}
    told = {"type": types.get(kind, "Unknown"), "arn": arn, "accountId": account, "accessKeyId": access_key}
    return {**told, "userName": name.rpartition("/")[2]} if kind == "user" else told


def parameters(request: Request) -> Mapping[str, Any] | None:
    """`requestParameters`: members with a small first letter, secrets hidden."""
    given = {name: value for name, value in request.params.items() if name not in {"Action", "Version"}}
    masked = {_small(name): _masked(request.operation, name, value) for name, value in given.items()}
    if len(json.dumps(masked, default=str)) > LARGEST_PARAMETERS:
        return {"omitted": True, "originalSize": len(json.dumps(masked, default=str)), "reason": "too large"}
    return masked or None


def _masked(operation: str, name: str, value: Any) -> Any:
    if _SECRET.search(name) or (operation.split("2", maxsplit=1)[0], name) in _SECRET_OF:
        return HIDDEN
    if isinstance(value, Mapping):
        return {_small(str(key)): _masked(operation, str(key), each) for key, each in value.items()}
    if isinstance(value, list):
        return [_masked(operation, "", each) for each in value]
    return value


def _small(name: str) -> str:
    return name[:1].lower() + name[1:]


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
