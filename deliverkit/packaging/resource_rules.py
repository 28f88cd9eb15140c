"""The rules for application specifications of Lambda functions and ECS services, as data.

Sources: CodeDeploy User Guide, "AppSpec 'resources' section" and "AppSpec 'hooks' section"; Amazon ECS and AWS Lambda
API references for what CodeDeploy passes on to them.
"""

from __future__ import annotations

from deliverkit.packaging.finding import Outcome, error, warning

_REFUSED = "CodeDeploy refuses the deployment."

RESOURCE = error("resource", _REFUSED, "Follow the AppSpec file reference for Lambda or ECS")
HOOK_DUPLICATE = error(
    "hook-duplicate", "CodeDeploy calls one function for each event.", "Keep one, and let it call the other"
)
HOOK_FUNCTION = error(
    "hook-function",
    "CodeDeploy calls the Lambda function of this name or ARN, and fails when Lambda cannot have such a one.",
    "Write the function's name or ARN",
)
LAMBDA_NAME = error(
    "lambda-name", "Lambda has no function of such a name.", "Write the function's name, without version or alias"
)
LAMBDA_ALIAS = error(
    "lambda-alias",
    "CodeDeploy moves the traffic of an alias; Lambda's aliases are letters, digits, - and _, and not digits alone.",
    "Write the alias whose traffic shall move",
)
LAMBDA_VERSION = error(
    "lambda-version",
    "CodeDeploy shifts traffic between published versions, which are whole numbers from 1; $LATEST is none.",
    "Publish the version and write its number",
)
LAMBDA_SAME_VERSION = error(
    "lambda-same-version",
    "There is no traffic to shift from a version to itself.",
    "Write the newly published version as TargetVersion",
    Outcome.DIFFERS,
    is_allowable=True,
)
TASK_DEFINITION = error(
    "task-definition",
    _REFUSED,
    "Write the ARN with revision, or <TASK_DEFINITION> for CodePipeline to fill in",
)
TASK_DEFINITION_SHORT = warning(
    "task-definition-short",
    "The guide asks for the ARN with its revision; without them another revision than the tested one may be taken.",
    "Write arn:aws:ecs:REGION:ACCOUNT:task-definition/FAMILY:REVISION",
)
CONTAINER_PORT = error(
    "container-port", "ContainerPort is a number of its own kind; a text is refused.", "Write for instance 8080"
)
PLATFORM_VERSION = warning(
    "platform-version", "Fargate knows LATEST and versions such as 1.4.0.", "Write LATEST, or a Fargate version"
)
NETWORK = error(
    "network-configuration",
    "Subnets, SecurityGroups and AssignPublicIp (ENABLED or DISABLED) come all together or not at all.",
    "Complete AwsvpcConfiguration, or remove NetworkConfiguration: the service's own settings hold then",
)
CAPACITY_PROVIDER = error(
    "capacity-provider",
    "ECS refuses the strategy when it makes the replacement task set.",
    "Follow CapacityProviderStrategyItem in the ECS API reference: one Base, Weights from 0 to 1000, one above 0",
)
