"""The command service's wire model, in the form of botocore's models; AWS publishes none for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import botocore.model


@dataclass(frozen=True, slots=True)
class Protocol:
    """One of the two versions, which differ in nothing but these names.

    Attributes:
        signing_name: The service's name in a credential scope and in IAM's actions.
        target: Prefix of `X-Amz-Target`.
        api_version: Of the API.
    """

    signing_name: str
    target: str
    api_version: str


PLAIN = Protocol("codedeploy-commands", "CodeDeployCommandService_v20141006", "2014-10-06")
SECURE = Protocol("codedeploy-commands-secure", "CodeDeployCommandService", "2019-11-11")
"""What an agent speaks whose configuration has `enable_auth_policy` (user guide, reference-agent-configuration)."""
LONGEST_EXECUTION_ID = 129
LONGEST_PAYLOAD = 8192

_ENVELOPE = {"Format": "Format", "Payload": "Payload"}
_COMMAND = {
    "HostCommandIdentifier": "Text",
    "HostIdentifier": "Text",
    "DeploymentExecutionId": "ExecutionId",
    "CommandName": "Text",
    "Nonce": "Number",
}
_SPECIFICATION = {"VariantId": "Text", "VariantEnvelope": "Envelope", "GenericEnvelope": "Envelope"}
_OPERATIONS: Mapping[str, tuple[dict[str, str], tuple[str, ...], dict[str, str] | None]] = {
    "PollHostCommand": ({"HostIdentifier": "Text"}, ("HostIdentifier",), {"HostCommand": "HostCommand"}),
    "GetDeploymentSpecification": (
        {"DeploymentExecutionId": "ExecutionId", "HostIdentifier": "Text"},
        ("DeploymentExecutionId", "HostIdentifier"),
        {"DeploymentSystem": "Text", "DeploymentSpecification": "Specification"},
    ),
    "PutHostCommandAcknowledgement": (
        {"HostCommandIdentifier": "Text", "Diagnostics": "Envelope"},
        ("HostCommandIdentifier",),
        {"CommandStatus": "CommandStatus"},
    ),
    "PutHostCommandComplete": (
        {"HostCommandIdentifier": "Text", "CommandStatus": "CommandStatus", "Diagnostics": "Envelope"},
        ("HostCommandIdentifier", "CommandStatus"),
        None,
    ),
    "PostHostCommandUpdate": (
        {"HostCommandIdentifier": "Text", "EstimatedCompletionTime": "Moment", "Diagnostics": "Envelope"},
        ("HostCommandIdentifier",),
        {"CommandStatus": "CommandStatus"},
    ),
}


@cache
def command_model(protocol: Protocol) -> botocore.model.ServiceModel:
    """The model: five operations, JSON 1.1."""
    return botocore.model.ServiceModel(
        {
            "version": "2.0",
            "metadata": {
                "apiVersion": protocol.api_version,
                "protocol": "json",
                "jsonVersion": "1.1",
                "targetPrefix": protocol.target,
                "signingName": protocol.signing_name,
                "serviceId": "CodeDeployCommandService",
            },
            "operations": {name: _operation(name, output is not None) for name, (_, _, output) in _OPERATIONS.items()},
            "shapes": _shapes(),
        },
        protocol.signing_name,
    )


def _operation(name: str, has_output: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {"name": name, "http": {"method": "POST", "requestUri": "/"}}
    operation["input"] = {"shape": f"{name}Input"}
    if has_output:
        operation["output"] = {"shape": f"{name}Output"}
    operation["errors"] = [{"shape": "ClientException"}, {"shape": "ServerException"}]
    return operation


def _shapes() -> dict[str, Any]:
    error = {"type": "structure", "members": {"message": {"shape": "Text"}}, "exception": True}
    shapes: dict[str, Any] = {
        "Text": {"type": "string"},
        "Number": {"type": "long"},
        "Moment": {"type": "timestamp"},
        "Payload": {"type": "string"},
        "Format": {"type": "string", "enum": ["JSON", "PKCS7/JSON", "TEXT/JSON"]},
        "ExecutionId": {"type": "string", "pattern": "^[^/]+/[^/]+/[^/]+/.+$", "max": LONGEST_EXECUTION_ID},
        "CommandStatus": {"type": "string", "enum": ["Pending", "InProgress", "Succeeded", "Failed"]},
        "Envelope": _structure(_ENVELOPE),
        "HostCommand": _structure(_COMMAND),
        "Specification": _structure(_SPECIFICATION),
        "ClientException": error,
        "ServerException": error,
    }
    for name, (given, required, output) in _OPERATIONS.items():
        shapes[f"{name}Input"] = _structure(given, required)
        if output is not None:
            shapes[f"{name}Output"] = _structure(output)
    return shapes


def _structure(members: Mapping[str, str], required: tuple[str, ...] = ()) -> dict[str, Any]:
    shape = {name: {"shape": target} for name, target in members.items()}
    return {"type": "structure", "members": shape, "required": list(required)}
