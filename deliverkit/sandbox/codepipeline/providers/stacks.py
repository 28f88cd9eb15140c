"""What stack actions ask of CloudFormation, and what it answers; moto's does all at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.moto_stacks import makes

FAILED = ("FAILED", "ROLLBACK_COMPLETE")
GONE = frozenset({"DELETE_COMPLETE", "REVIEW_IN_PROGRESS"})
NOTHING_TO_DO = "No updates are to be performed"
_NOTHING_TO_MAKE = frozenset(
    {"AWS::CDK::Metadata", "AWS::CloudFormation::WaitCondition", "AWS::CloudFormation::WaitConditionHandle"}
)
"""Types behind which there is nothing that anybody could miss."""


class StackFailedError(Exception):
    """A stack that did not get where it should; the message tells its status and reason."""


FAILURES = (ValueError, ApiError, StackFailedError, ClientError)
"""What an action with stacks meets when it is declared wrongly or CloudFormation refuses it."""


def explained(error: Exception) -> tuple[str, str]:
    """Code and message of the failed action."""
    if isinstance(error, ClientError):
        return "ConfigurationError", str(error.response["Error"]["Message"])
    return "JobFailed" if isinstance(error, StackFailedError) else "ConfigurationError", str(error)


def present(client: Any, name: str) -> Any:
    """The stack of that name; None when there is none, or only its first change set."""
    try:
        found = client.describe_stacks(StackName=name)["Stacks"][0]
    except ClientError:
        return None
    return None if found["StackStatus"] in GONE else found


def require_good(client: Any, name: str) -> None:
    """Look how a stack ended.

    Raises:
        StackFailedError: When it failed or was rolled back.
    """
    stack = present(client, name)
    status = stack["StackStatus"] if stack else "DELETE_COMPLETE"
    if stack is None or status.endswith(FAILED) or "ROLLBACK" in status:
        raise StackFailedError(f"Stack [{name}] is in {status} state: {(stack or {}).get('StackStatusReason', '')}")


def require_makeable(client: Any, template: str) -> None:
    """Refuse a template with resources that moto would leave out without a word.

    Raises:
        ValueError: Naming their types.
    """
    types = client.get_template_summary(TemplateBody=template).get("ResourceTypes", [])
    unknown = sorted({each for each in types if each not in _NOTHING_TO_MAKE and not makes(each)})
    if unknown:
        raise ValueError(f"The sandbox's CloudFormation does not make resources of type {', '.join(unknown)}")


def unless_nothing_to_do(change: Callable[[], Any]) -> None:
    """Make a change; that there is nothing to change is fine."""
    try:
        change()
    except ClientError as error:
        if NOTHING_TO_DO not in error.response["Error"]["Message"]:
            raise


def change_sets(client: Any, stack: str, name: str) -> list[Any]:
    """The change sets of that name of one stack, by their ARNs: moto knows names without their stacks only."""
    summaries = client.list_change_sets(StackName=stack)["Summaries"]
    return [each for each in summaries if (each.get("StackName"), each.get("ChangeSetName")) == (stack, name)]


def console(region: str) -> str:
    """The console's page of stacks."""
    return f"https://console.aws.amazon.com/cloudformation/home?region={region}#/"
