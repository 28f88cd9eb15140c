"""The form of an application specification as data: keys, lifecycle events, limits.

The parser, the lint and the JSON Schema for editors all read these tables, so that they cannot part. Source: CodeDeploy
User Guide, "AppSpec file reference"; what the host agent makes of it was read from, and run with, the agent 1.8.
"""

from __future__ import annotations

from typing import Final

SERVER_KEYS = ("version", "os", "file_exists_behavior", "files", "permissions", "hooks")
SCRIPT_KEYS = ("location", "timeout", "runas", "sudo")
FILE_KEYS = ("source", "destination")
PERMISSION_KEYS = ("object", "pattern", "except", "owner", "group", "mode", "acls", "context", "type")
# The guide says `user`; the agent reads `name`.
CONTEXT_KEYS = ("user", "name", "type", "range")

OPERATING_SYSTEMS = ("linux", "windows")
FILE_EXISTS_BEHAVIORS = ("DISALLOW", "OVERWRITE", "RETAIN")
PERMISSION_TYPES = ("file", "directory")
MODE = r"[0-7]{1,4}"
EVENT_SECONDS_LIMIT = 3600

# In the order in which the agent runs them.
SERVER_HOOKS = (
    *("BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop", "BeforeInstall", "AfterInstall"),
    *("ApplicationStart", "ValidateService", "BeforeAllowTraffic", "AfterAllowTraffic"),
)
TRAFFIC_HOOKS = ("BeforeBlockTraffic", "AfterBlockTraffic", "BeforeAllowTraffic", "AfterAllowTraffic")
# Before the new bundle is there, the agent can only run what the last one brought.
PREVIOUS_BUNDLE_HOOKS = ("BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop")
SERVER_UNSCRIPTABLE = ("Start", "BlockTraffic", "DownloadBundle", "Install", "AllowTraffic", "End")

LAMBDA: Final = "AWS::Lambda::Function"
ECS: Final = "AWS::ECS::Service"
RESOURCE_HOOKS = {
    LAMBDA: ("BeforeAllowTraffic", "AfterAllowTraffic"),
    ECS: ("BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"),
}
RESOURCE_UNSCRIPTABLE = {
    LAMBDA: ("Start", "AllowTraffic", "End"),
    ECS: ("Start", "Install", "TestTraffic", "AllowTestTraffic", "AllowTraffic", "End"),
}
RESOURCE_KEYS = ("version", "Resources", "Hooks")
LAMBDA_PROPERTIES = ("Name", "Alias", "CurrentVersion", "TargetVersion")
ECS_REQUIRED = ("TaskDefinition", "LoadBalancerInfo")
ECS_PROPERTIES = (*ECS_REQUIRED, "PlatformVersion", "NetworkConfiguration", "CapacityProviderStrategy")
BALANCER_KEYS = ("ContainerName", "ContainerPort")
# All of them or none (the guide's note).
AWSVPC_KEYS = ("Subnets", "SecurityGroups", "AssignPublicIp")
PUBLIC_IP = ("ENABLED", "DISABLED")
STRATEGY_KEYS = ("CapacityProvider", "Base", "Weight")

# Amazon ECS API reference, AwsVpcConfiguration and CapacityProviderStrategyItem.
SUBNETS_LIMIT, SECURITY_GROUPS_LIMIT = 16, 5
PROVIDERS_LIMIT, BASE_LIMIT, WEIGHT_LIMIT = 20, 100_000, 1000
PORT_LIMIT = 65_535

# AWS Lambda API reference. A function is named by name or ARN; a hook may name a version or alias behind it.
_FUNCTION = r"(?:arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:)?[A-Za-z0-9_-]{1,64}"
FUNCTION_NAME = _FUNCTION
HOOK_FUNCTION = _FUNCTION + r"(?::(?:\$LATEST|[A-Za-z0-9_-]{1,128}))?"
ALIAS = r"(?![0-9]+$)[A-Za-z0-9_-]{1,128}"
FUNCTION_VERSION = r"[1-9][0-9]*"
# CodePipeline's deploy action for ECS puts an ARN in the place of <TASK_DEFINITION>.
TASK_DEFINITION = (
    r"<TASK_DEFINITION>|arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/[A-Za-z0-9_-]{1,255}:[1-9][0-9]*"
)
TASK_DEFINITION_SHORT = (
    r"(?:arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/)?[A-Za-z0-9_-]{1,255}(?::[1-9][0-9]*)?"
)
PLATFORM_VERSION = r"LATEST|[0-9]+\.[0-9]+\.[0-9]+"


def spellings(key: str, *, is_lenient: bool) -> tuple[str, ...]:
    """The ways to write a key: the guide writes those of Lambda with capitals and without, and both work."""
    return tuple(dict.fromkeys((key, key.lower()))) if is_lenient else (key,)
