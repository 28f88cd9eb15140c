"""The command service and S3 as an agent reaches them from another process: signed HTTP to one endpoint."""

from __future__ import annotations

import json
import re
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import urllib3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from deliverkit.sandbox.agent.errors import AgentError
from deliverkit.sandbox.agent.protocol import CommandStatus, Diagnostics, HostCommand
from deliverkit.sandbox.agent.signed_data import content_of

SIGNING_NAME = "codedeploy-commands"
TARGET = "CodeDeployCommandService_v20141006"
READ_TIMEOUT_SECONDS = 80.0
LONGEST_PAYLOAD = 8192
PATIENCE_SECONDS = 300.0  # how long a report is repeated while nobody answers
PAUSE_SECONDS = 0.5
RETRIES = 3
BACKOFF_SECONDS = 0.3
"""AWS SDK for Ruby, on which the agent stands: three retries after network and server errors and throttling, and
pauses of 0.3, 0.6 and 1.2 s between them."""
CHUNK = 1 << 20
"""Bytes of a bundle that are held in memory."""
_THROTTLED = (b"ThrottlingException", b"RequestLimitExceeded")
_S3_MESSAGE = re.compile(rb"<Message>(.*?)</Message>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where the agent's AWS is, and who the agent is there.

    Attributes:
        url: `http://127.0.0.1:4566`.
        region: Region to sign for.
        access_key: Access key id.
        secret_key: Secret access key.
        token: Session token; empty without one.
    """

    url: str
    region: str
    access_key: str
    secret_key: str
    token: str = ""


class Remote:
    """Both services over kept-alive connections; implements CommandService, and `fetch` is a Fetcher."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._credentials = Credentials(endpoint.access_key, endpoint.secret_key, endpoint.token or None)
        # Neither a proxy nor a redirect has any place between an agent and its service.
        self._pool = urllib3.PoolManager(retries=False, timeout=urllib3.Timeout(connect=5.0, read=READ_TIMEOUT_SECONDS))

    def poll(self, host: str) -> HostCommand | None:
        """The next command; the service lets the call wait for one."""
        found = self._call("PollHostCommand", {"HostIdentifier": host}).get("HostCommand")
        if not found:
            return None
        return HostCommand(
            found["HostCommandIdentifier"],
            found["HostIdentifier"],
            found["DeploymentExecutionId"],
            found["CommandName"],
            int(found["Nonce"]),
        )

    def specification(self, execution_id: str, host: str) -> Mapping[str, Any]:
        """The deployment specification, out of its envelope.

        Raises:
            AgentError: If the answer is not one that an agent accepts.
        """
        told = self._persist(
            "GetDeploymentSpecification", {"DeploymentExecutionId": execution_id, "HostIdentifier": host}
        )
        if told.get("DeploymentSystem") != "CodeDeploy":
            raise AgentError(f"Deployment System mismatch: {told.get('DeploymentSystem')}")
        envelope = told["DeploymentSpecification"]["GenericEnvelope"]
        if envelope["Format"] != "PKCS7/JSON":
            raise AgentError(f"Unsupported DeploymentSpecification format: {envelope['Format']}")
        specification = json.loads(content_of(envelope["Payload"]))
        if not isinstance(specification, dict):
            raise AgentError("the deployment specification is not a JSON object")
        return specification

    def acknowledge(self, identifier: str, *, is_noop: bool) -> CommandStatus:
        """Tell that the command arrived."""
        envelope = {"Format": "JSON", "Payload": json.dumps({"IsCommandNoop": is_noop})}
        told = self._persist(
            "PutHostCommandAcknowledgement", {"HostCommandIdentifier": identifier, "Diagnostics": envelope}
        )
        return CommandStatus(told["CommandStatus"])

    def complete(self, identifier: str, status: CommandStatus, diagnostics: Diagnostics) -> None:
        """Tell how the command ended."""
        envelope = {"Format": "JSON", "Payload": _payload(diagnostics)}
        self._persist(
            "PutHostCommandComplete",
            {"HostCommandIdentifier": identifier, "CommandStatus": str(status), "Diagnostics": envelope},
        )

    def fetch(self, bucket: str, key: str, version: str | None, into: Path) -> str:
        """A bundle from S3 into a file, a chunk at a time; its ETag.

        Raises:
            AgentError: With S3's own message.
        """
        url = f"{self._endpoint.url}/{bucket}/{quote(key)}" + (f"?versionId={quote(version)}" if version else "")
        request = AWSRequest("GET", url)
        S3SigV4Auth(self._credentials, "s3", self._endpoint.region).add_auth(request)
        answer = self._send_again(request, into)
        if answer.status != 200:
            message = _S3_MESSAGE.search(answer.data)
            raise AgentError(message[1].decode() if message else f"S3 answered {answer.status} for s3://{bucket}/{key}")
        return answer.headers.get("ETag", "").strip('"')

    def _call(self, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{TARGET}.{operation}"}
        request = AWSRequest("POST", f"{self._endpoint.url}/", headers, json.dumps(body))
        SigV4Auth(self._credentials, SIGNING_NAME, self._endpoint.region).add_auth(request)
        # The next poll comes by itself.
        answer = self._send(request) if operation == "PollHostCommand" else self._send_again(request)
        told = json.loads(answer.data or b"{}")
        if answer.status != 200:
            raise AgentError(f"{operation}: {told.get('__type')}: {told.get('message')}")
        return dict(told)

    def _send_again(self, request: AWSRequest, into: Path | None = None) -> urllib3.BaseHTTPResponse:
        for retry in range(RETRIES):
            try:
                answer = self._send(request, into)
            except urllib3.exceptions.HTTPError:
                pass
            else:
                is_throttled = answer.status == 400 and any(code in answer.data for code in _THROTTLED)
                if answer.status < 500 and not is_throttled:
                    return answer
            time.sleep(BACKOFF_SECONDS * 2**retry)
        return self._send(request, into)

    def _send(self, request: AWSRequest, into: Path | None = None) -> urllib3.BaseHTTPResponse:
        """The answer, with its body if there is no file for it; a refusal's body is never for the file."""
        prepared = request.prepare()
        body: Any = prepared.body
        headers = dict(prepared.headers.items())
        answer = self._pool.request(prepared.method, prepared.url, headers=headers, body=body, preload_content=False)
        if into is None or answer.status != 200:
            answer.read(cache_content=True)
        else:
            with into.open("wb") as out:
                shutil.copyfileobj(answer, out, CHUNK)
        answer.release_conn()
        return answer

    def _persist(self, operation: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """As `_call`, for what must not get lost while the service is away for a moment."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._call(operation, body)
            except urllib3.exceptions.HTTPError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(PAUSE_SECONDS)


def _payload(diagnostics: Diagnostics) -> str:
    log = diagnostics.log
    while True:
        told = {
            "error_code": int(diagnostics.error_code),
            "script_name": diagnostics.script,
            "message": diagnostics.message[: LONGEST_PAYLOAD // 8],
            "log": log,
        }
        payload = json.dumps(told)
        if len(payload) <= LONGEST_PAYLOAD or not log:
            return payload
        log = log[len(log) // 8 + 1 :]  # escaped characters can take six for one; the log's end is what matters
