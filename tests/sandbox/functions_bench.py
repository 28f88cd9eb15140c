"""Functions for the tests: real code in zips, in the sandbox's Lambda."""

from __future__ import annotations

import json
from typing import Any, Protocol

from agent_bench import zipped

ROLE_NAME = "functions"
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        ],
    }
)


class HasClients(Protocol):
    """A sandbox to which there are clients."""

    def client(self, service: str) -> Any: ...


def role(rig: HasClients) -> str:
    """The role of every function here, made at the first use."""
    iam = rig.client("iam")
    try:
        return str(iam.get_role(RoleName=ROLE_NAME)["Role"]["Arn"])
    except iam.exceptions.NoSuchEntityException:
        return str(iam.create_role(RoleName=ROLE_NAME, AssumeRolePolicyDocument=TRUST)["Role"]["Arn"])


def function(rig: HasClients, name: str, code: str, **settings: Any) -> str:
    """Create a Python function whose module `app` is the code; its ARN."""
    asked = {"Runtime": "python3.12", "Handler": "app.handler", "Timeout": 30, **settings}
    answer = rig.client("lambda").create_function(
        FunctionName=name, Role=role(rig), Code={"ZipFile": zipped({"app.py": code, "app.js": code})}, **asked
    )
    return str(answer["FunctionArn"])


def publish(rig: HasClients, name: str, code: str) -> str:
    """A new version with this code; its number."""
    client = rig.client("lambda")
    client.update_function_code(FunctionName=name, ZipFile=zipped({"app.py": code}))
    return str(client.publish_version(FunctionName=name)["Version"])


def invoke(rig: HasClients, name: str, event: Any = None, **more: Any) -> tuple[Any, Any]:
    """The result (or the error) and the whole answer."""
    answer = rig.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event), **more)
    payload = answer["Payload"].read()
    return (json.loads(payload) if payload else None), answer
