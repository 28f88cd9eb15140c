"""Where things lie on an instance: its re-rooted file system and the agent's own directories.

Instances share this machine's file system, so `/opt/shop` of an instance is `<root>/opt/shop` here. The agent's files
(clean-up lists, pointers) hold paths as the instance sees them, so that they read as on a real host and can never name
anything outside the instance.
"""

from __future__ import annotations

import posixpath
from dataclasses import dataclass
from pathlib import Path

from deliverkit.sandbox.agent.errors import AgentError

AGENT_ROOT = "/opt/codedeploy-agent/deployment-root"
ARCHIVE = "deployment-archive"
BUNDLE = "bundle.tar"  # whatever the bundle's type, as the agent names it
SCRIPT_LOG = "logs/scripts.log"


@dataclass(frozen=True, slots=True)
class Layout:
    """The file system of one instance.

    Attributes:
        root: The directory that plays `/`.
    """

    root: Path

    def machine(self, path: str) -> Path:
        """This machine's path for a path of the instance; `..` ends at the instance's `/`, as it does on a host.

        Raises:
            AgentError: If no file can have that name.
        """
        if "\0" in path:
            raise AgentError("string contains null byte")
        return self.root / host_path(path).lstrip("/")

    def confined(self, path: str) -> Path:
        """As `machine`, for a path that is about to be written.

        Raises:
            AgentError: If a symbolic link on the way leads out of the instance.
        """
        machine = self.machine(path)
        if not machine.resolve().is_relative_to(self.root.resolve()):
            raise AgentError(f"{path} leads out of the instance through a symbolic link")
        return machine

    @property
    def agent_root(self) -> Path:
        """The agent's deployment root on this machine."""
        return self.machine(AGENT_ROOT)

    @property
    def instructions(self) -> Path:
        """Holds what each group installed, and which revision that was."""
        return self.agent_root / "deployment-instructions"

    @property
    def ongoing(self) -> Path:
        """Holds one file per command that is being executed."""
        return self.agent_root / "ongoing-deployment"

    @property
    def deployments_log(self) -> Path:
        """The log of all script output of this instance."""
        return self.agent_root / "deployment-logs/codedeploy-agent-deployments.log"

    def cleanup_list(self, group_id: str) -> Path:
        """What the last Install of the group wrote, one path of the instance per line."""
        return self.instructions / f"{group_id}-cleanup"

    def install_list(self, group_id: str) -> Path:
        """What the last Install of the group set out to do, as JSON."""
        return self.instructions / f"{group_id}-install.json"

    def last_successful(self, group_id: str) -> Path:
        """Names the deployment directory whose Install command last succeeded."""
        return self.instructions / f"{group_id}_last_successful_install"

    def most_recent(self, group_id: str) -> Path:
        """Names the deployment directory that was downloaded last."""
        return self.instructions / f"{group_id}_most_recent_install"


def host_path(*parts: str) -> str:
    """A normalised absolute path of the instance; parts are joined even when they begin with a slash."""
    return posixpath.normpath("/" + "/".join(parts)).replace("//", "/", 1)


def deployment_directory(group_id: str, deployment_id: str) -> str:
    """Directory of a deployment, as the instance sees it."""
    return host_path(AGENT_ROOT, group_id, deployment_id)
