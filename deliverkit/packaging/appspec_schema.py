"""The JSON Schema of appspec.yml for editors: servers, Lambda and ECS in one, made of the lint's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deliverkit.packaging.appspec_form import (
    ALIAS,
    AWSVPC_KEYS,
    BALANCER_KEYS,
    BASE_LIMIT,
    CONTEXT_KEYS,
    ECS,
    ECS_REQUIRED,
    EVENT_SECONDS_LIMIT,
    FILE_EXISTS_BEHAVIORS,
    FILE_KEYS,
    FUNCTION_NAME,
    FUNCTION_VERSION,
    HOOK_FUNCTION,
    LAMBDA,
    LAMBDA_PROPERTIES,
    MODE,
    OPERATING_SYSTEMS,
    PERMISSION_TYPES,
    PLATFORM_VERSION,
    PORT_LIMIT,
    PROVIDERS_LIMIT,
    PUBLIC_IP,
    RESOURCE_HOOKS,
    SECURITY_GROUPS_LIMIT,
    SERVER_HOOKS,
    SUBNETS_LIMIT,
    TASK_DEFINITION,
    TASK_DEFINITION_SHORT,
    WEIGHT_LIMIT,
    spellings,
)

Schema = dict[str, Any]

_EVENTS = {
    "BeforeBlockTraffic": "Before the instance leaves the load balancer; runs the previous bundle's script.",
    "AfterBlockTraffic": "After the instance left the load balancer; runs the previous bundle's script.",
    "ApplicationStop": "Before the download; runs the previous bundle's script.",
    "BeforeInstall": "After the download, before files are copied.",
    "AfterInstall": "After files were copied: configuration, ownership.",
    "ApplicationStart": "Start what was stopped.",
    "ValidateService": "Ask the instance whether it works.",
    "BeforeAllowTraffic": "Before the instance joins the load balancer.",
    "AfterAllowTraffic": "After the instance joined the load balancer.",
}
_TEXT: Schema = {"type": "string", "minLength": 1}


def appspec_schema() -> Schema:
    """The whole schema (draft 7, which editors understand)."""
    has_resources = {"anyOf": [{"required": [key]} for key in spellings("Resources", is_lenient=True)]}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "appspec.yml",
        "description": "Application specification of AWS CodeDeploy, for servers, Lambda functions or ECS services.",
        "type": "object",
        "if": has_resources,
        "then": {"$ref": "#/definitions/resources"},
        "else": {"$ref": "#/definitions/server"},
        "definitions": {
            "server": _server(),
            "script": _script(),
            "permission": _permission(),
            "resources": _resources(),
            "lambda": _lambda(),
            "ecs": _ecs(),
        },
    }


def _record(properties: Mapping[str, Schema], required: Sequence[str] = ()) -> Schema:
    record: Schema = {"type": "object", "additionalProperties": False, "properties": dict(properties)}
    return {**record, "required": list(required)} if required else record


def _lenient(properties: Mapping[str, Schema], required: Sequence[str]) -> Schema:
    """A record whose keys may be written with capitals or without, but once."""
    spelled = {each: schema for key, schema in properties.items() for each in spellings(key, is_lenient=True)}
    once = [{"oneOf": [{"required": [each]} for each in spellings(key, is_lenient=True)]} for key in required]
    twice = [spellings(key, is_lenient=True) for key in properties if key not in required and not key.islower()]
    never_both = [{"not": {"required": list(both)}} for both in twice]
    return {**_record(spelled), "allOf": [*once, *never_both]}


def _list(items: Schema, **limits: int) -> Schema:
    return {"type": "array", "items": items, **limits}


def _matching(pattern: str, description: str = "") -> Schema:
    text = {"type": "string", "pattern": f"^(?:{pattern})$"}
    return {"description": description, **text} if description else text


def _version() -> Schema:
    return {"description": "The only version there is: 0.0.", "const": 0.0}


# --- servers -----------------------------------------------------------------------------------------


def _server() -> Schema:
    hooks = {
        name: {"description": _EVENTS[name], **_list({"$ref": "#/definitions/script"}, minItems=1)}
        for name in SERVER_HOOKS
    }
    copy = _record(
        {
            "source": {"description": "File or directory of the bundle; / is all of it.", **_TEXT},
            "destination": {"description": "Directory on the host that it is copied into.", **_TEXT},
        },
        FILE_KEYS,
    )
    behavior = "What Install does with files that no earlier deployment of the group brought."
    return _record(
        {
            "version": _version(),
            "os": {"description": "Operating system of the hosts.", "enum": list(OPERATING_SYSTEMS)},
            "file_exists_behavior": {"description": behavior, "enum": list(FILE_EXISTS_BEHAVIORS)},
            "files": {"description": "What is copied, and where to.", **_list(copy)},
            "permissions": {"description": "Linux only.", **_list({"$ref": "#/definitions/permission"})},
            "hooks": {"description": "Scripts by lifecycle event.", **_record(hooks)},
        },
        ("version", "os"),
    )


def _script() -> Schema:
    timeout = "Seconds that the script may take; all scripts of an event together have 3600."
    number = {"type": "integer", "minimum": 1, "maximum": EVENT_SECONDS_LIMIT}
    return _record(
        {
            "location": _matching(r"[^\s/][^\s]*", "Script in the bundle, without arguments."),
            "timeout": {"description": timeout, "anyOf": [number, _matching("[1-9][0-9]{0,3}")]},
            "runas": {"description": "User to run as; Linux only, and a user with a shell.", **_TEXT},
            "sudo": {"description": "Run through sudo, which drops the deployment's variables.", "type": "boolean"},
        },
        ("location",),
    )


def _permission() -> Schema:
    mode = {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 7777}, _matching(MODE)]}
    context = _record(dict.fromkeys(CONTEXT_KEYS, _TEXT), ("type",))
    return _record(
        {
            "object": {"description": "File or directory on the host; of a directory, what lies below it.", **_TEXT},
            "pattern": {"description": "** for everything below, else direct children; * is the wildcard.", **_TEXT},
            "except": {"description": "Names of direct children to leave alone.", **_list(_TEXT)},
            "owner": {"description": "Name of a user.", **_TEXT},
            "group": {"description": "Name of a group.", **_TEXT},
            "mode": {"description": "One to four octal digits, without a leading zero or in quotes.", **mode},
            "acls": {"description": "Entries for setfacl, such as u:deploy:rw.", **_list(_TEXT)},
            "context": {"description": "SELinux labels; `name` is the user.", **context},
            "type": {"description": "What is meant.", **_list({"enum": list(PERMISSION_TYPES)})},
        },
        ("object",),
    )


# --- Lambda and ECS ----------------------------------------------------------------------------------


def _resources() -> Schema:
    kinds = ((LAMBDA, "lambda"), (ECS, "ecs"))
    hooks = {
        kind: _list({**_record({name: _matching(HOOK_FUNCTION) for name in RESOURCE_HOOKS[kind]}), "minProperties": 1})
        for kind, _ in kinds
    }
    branches: Schema = {"not": {}}  # whatever is neither
    for kind, name in reversed(kinds):
        then = dict.fromkeys(spellings("Hooks", is_lenient=True), hooks[kind])
        named = {"type": "object", "minProperties": 1, "maxProperties": 1}
        one = _list({**named, "additionalProperties": {"$ref": f"#/definitions/{name}"}}, minItems=1, maxItems=1)
        then |= dict.fromkeys(spellings("Resources", is_lenient=True), one)
        branches = {"if": _is_kind(kind), "then": {"properties": then}, "else": branches}
    top = _lenient({"version": _version(), "Resources": {}, "Hooks": {}}, ("Resources",))
    return {**top, "required": ["version"], **branches}


def _is_kind(kind: str) -> Schema:
    """The first resource has the type, in either spelling."""
    typed = [{"required": [key], "properties": {key: {"const": kind}}} for key in spellings("Type", is_lenient=True)]
    one = {"items": {"additionalProperties": {"anyOf": typed}}}
    keys = spellings("Resources", is_lenient=True)
    return {"anyOf": [{"required": [key], "properties": {key: one}} for key in keys]}


def _lambda() -> Schema:
    version = {"anyOf": [{"type": "integer", "minimum": 1}, _matching(FUNCTION_VERSION)]}
    properties = _lenient(
        {
            "Name": _matching(FUNCTION_NAME, "Name or ARN of the function."),
            "Alias": _matching(ALIAS, "Alias whose traffic moves."),
            "CurrentVersion": {"description": "Version that has the traffic now.", **version},
            "TargetVersion": {"description": "Version that gets the traffic.", **version},
        },
        LAMBDA_PROPERTIES,
    )
    return _lenient({"Type": {"const": LAMBDA}, "Properties": properties}, ("Type", "Properties"))


def _ecs() -> Schema:
    balancer = _record(
        {
            "ContainerName": {"description": "Container of the task definition that gets the traffic.", **_TEXT},
            "ContainerPort": {"type": "integer", "minimum": 1, "maximum": PORT_LIMIT},
        },
        BALANCER_KEYS,
    )
    task = f"{TASK_DEFINITION}|{TASK_DEFINITION_SHORT}"
    properties = _record(
        {
            "TaskDefinition": _matching(task, "ARN with revision, or <TASK_DEFINITION> for CodePipeline to fill in."),
            "LoadBalancerInfo": balancer,
            "PlatformVersion": _matching(PLATFORM_VERSION, "Version of Fargate."),
            "NetworkConfiguration": _network(),
            "CapacityProviderStrategy": _strategy(),
        },
        ECS_REQUIRED,
    )
    return _lenient({"Type": {"const": ECS}, "Properties": properties}, ("Type", "Properties"))


def _network() -> Schema:
    inner = _record(
        {
            "Subnets": _list(_matching("subnet-.*"), minItems=1, maxItems=SUBNETS_LIMIT),
            "SecurityGroups": _list(_matching("sg-.*"), minItems=1, maxItems=SECURITY_GROUPS_LIMIT),
            "AssignPublicIp": {"enum": list(PUBLIC_IP)},
        },
        AWSVPC_KEYS,
    )
    return _record({"AwsvpcConfiguration": inner}, ("AwsvpcConfiguration",))


def _strategy() -> Schema:
    provider = _record(
        {
            "CapacityProvider": _TEXT,
            "Base": {"type": "integer", "minimum": 0, "maximum": BASE_LIMIT},
            "Weight": {"type": "integer", "minimum": 0, "maximum": WEIGHT_LIMIT},
        },
        ("CapacityProvider",),
    )
    return _list(provider, minItems=1, maxItems=PROVIDERS_LIMIT)
