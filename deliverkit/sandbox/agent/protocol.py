"""The conversation between the CodeDeploy service and a host agent: CodeDeployCommandService, 2014-10-06.

The built-in agent speaks it by plain calls; a server for agents outside this process wraps the same service.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class CommandStatus(StrEnum):
    """What both sides call the state of a command."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"


@dataclass(frozen=True, slots=True)
class HostCommand:
    """One lifecycle event for one host.

    Attributes:
        identifier: Identifies the command; the first completion of an identifier counts, later ones are ignored.
        host: Host identifier, `arn:aws:ec2:<region>:<account>:instance/<id>`.
        execution_id: Names the deployment specification.
        name: Event in PascalCase, `DownloadBundle`, `ApplicationStop`.
        nonce: Grows with every command.
    """

    identifier: str
    host: str
    execution_id: str
    name: str
    nonce: int


@dataclass(frozen=True, slots=True)
class Diagnostics:
    """How a command went.

    Attributes:
        error_code: 0 success, 1 script missing, 2 not executable, 3 timed out, 4 failed, 5 unknown, 6 outputs left
            open, 7 failed after a restart of the agent.
        script: Path of the script within the bundle; empty without one.
        message: One line.
        log: Last 2048 characters of the script's output.
    """

    error_code: int
    script: str
    message: str
    log: str


class CommandService(Protocol):
    """The service side, as an agent sees it. Every call may come from any thread."""

    def poll(self, host: str) -> HostCommand | None:
        """The next command for a host that has not been acknowledged; None when there is nothing to do."""
        ...

    def specification(self, execution_id: str, host: str) -> Mapping[str, Any]:
        """The deployment specification that an execution names.

        Members: DeploymentId, DeploymentGroupId, DeploymentGroupName, ApplicationName, Revision {RevisionType: `S3`,
        S3Revision: {Bucket, Key, BundleType, Version, ETag}}; optional DeploymentCreator, DeploymentType,
        AppSpecFilename, AgentActionOverrides {AgentOverrides: {FileExistsBehavior}}, AllPossibleLifecycleEvents.

        Raises:
            ApiError: `ClientException` for an unknown execution.
        """
        ...

    def acknowledge(self, identifier: str, *, is_noop: bool) -> CommandStatus:
        """Tell that the command arrived.

        `Succeeded` or `Failed` means: do not execute it; a no-op that answers `Failed` is completed as succeeded.
        """
        ...

    def complete(self, identifier: str, status: CommandStatus, diagnostics: Diagnostics) -> None:
        """Tell how the command ended; the first completion of an identifier wins."""
        ...
