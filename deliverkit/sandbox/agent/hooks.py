"""The scriptable lifecycle events: which revision's scripts run, whether there are any, and running them."""

from __future__ import annotations

from pathlib import Path

from deliverkit.sandbox.agent.appspec import AppSpec, Script, parse_appspec
from deliverkit.sandbox.agent.errors import AgentError, Code, ScriptError
from deliverkit.sandbox.agent.host import Host
from deliverkit.sandbox.agent.layout import ARCHIVE, SCRIPT_LOG, deployment_directory, host_path
from deliverkit.sandbox.agent.script import ScriptRun
from deliverkit.sandbox.agent.script_log import ScriptLog
from deliverkit.sandbox.agent.specification import DeploymentSpecification

SCRIPTABLE = (
    "BeforeBlockTraffic",
    "AfterBlockTraffic",
    "ApplicationStop",
    "BeforeInstall",
    "AfterInstall",
    "ApplicationStart",
    "ValidateService",
    "BeforeAllowTraffic",
    "AfterAllowTraffic",
)
LAST_SUCCESSFUL = frozenset({"BeforeBlockTraffic", "AfterBlockTraffic", "ApplicationStop"})
# When CodeDeploy rolls a blue/green deployment back, the fleet that loses its traffic runs the revision that came last.
ROLLBACK_MOST_RECENT = frozenset({"BeforeBlockTraffic", "AfterBlockTraffic"})
ROLLBACK_LAST_SUCCESSFUL = frozenset({"ApplicationStop", "BeforeAllowTraffic", "AfterAllowTraffic"})


class Hook:
    """One lifecycle event of one deployment on one host.

    Args:
        host: Where it happens.
        specification: The deployment.
        event: One of `SCRIPTABLE`.

    Raises:
        AgentError: If the revision whose scripts would run has no readable appspec.
    """

    def __init__(self, host: Host, specification: DeploymentSpecification, event: str) -> None:
        self._host = host
        self._specification = specification
        self._event = event
        self._directory = _revision_directory(host, specification, event)
        self._scripts: tuple[Script, ...] = ()
        if self._directory is not None:
            self._scripts = read_appspec(host, self._directory, specification.appspec_name).hooks.get(event, ())

    @property
    def is_noop(self) -> bool:
        """True when there is no earlier revision, or its appspec lists no script for the event."""
        return not self._scripts

    def run(self) -> None:
        """Run the scripts in their order; the first failure ends it.

        Raises:
            ScriptError: For the script that failed.
        """
        if self.is_noop:
            return
        # The log is always the new deployment's, even when the old revision's script runs.
        own = deployment_directory(self._specification.group_id, self._specification.deployment_id)
        layout = self._host.layout
        deployment_id = self._specification.deployment_id
        path = layout.machine(host_path(own, SCRIPT_LOG))
        with ScriptLog(path, layout.deployments_log, deployment_id, self._host.now) as log:
            log.append(f"LifecycleEvent - {self._event}\n")
            for script in self._scripts:
                self._run_script(script, log)

    def _run_script(self, script: Script, log: ScriptLog) -> None:
        assert self._directory is not None
        path = self._host.layout.machine(host_path(self._directory, ARCHIVE, script.location))
        if not path.exists():
            shown = host_path(self._directory, ARCHIVE, script.location)
            message = f"Script does not exist at specified location: {shown}"
            raise ScriptError(Code.SCRIPT_MISSING, script.location, message, log.tail)
        if not self._is_executable(path):
            message = f"Unable to set script at specified location: {script.location} as executable"
            raise ScriptError(Code.SCRIPT_NOT_EXECUTABLE, script.location, message, log.tail)
        # The agent hands the shell an unquoted path: what follows a blank would be an argument.
        first = self._host.layout.machine(host_path(self._directory, ARCHIVE, script.location.split()[0]))
        ScriptRun(script, first, self._environment(), self._host.layout.root, self._host.processes, log).run()

    def _is_executable(self, path: Path) -> bool:
        """True when the script can be executed, once it has been made so if it was not."""
        mode = path.stat().st_mode
        if mode & 0o111:
            return True
        if not path.resolve().is_relative_to(self._host.layout.root):
            return False  # a link to a file of the machine, which is not the instance's to change
        try:
            path.chmod(mode | 0o111)
        except OSError:
            return False
        return True

    def _environment(self) -> dict[str, str]:
        specification = self._specification
        return {
            **self._host.environment(),
            "LIFECYCLE_EVENT": self._event,
            "DEPLOYMENT_ID": specification.deployment_id,
            "APPLICATION_NAME": specification.application,
            "DEPLOYMENT_GROUP_NAME": specification.group_name,
            "DEPLOYMENT_GROUP_ID": specification.group_id,
            **specification.revision.environment(),
        }


def read_appspec(host: Host, directory: str, name: str) -> AppSpec:
    """The appspec of an unpacked revision.

    Raises:
        AgentError: If it is missing, or breaks a rule.
    """
    archive = host_path(directory, ARCHIVE)
    path = host_path(archive, name)
    try:
        text = host.layout.machine(path).read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        raise AgentError(
            "The CodeDeploy agent did not find an AppSpec file within the unpacked revision directory at"
            f' revision-relative path "{name}". The revision was unpacked to directory "{archive}", and the AppSpec'
            f' file was expected but not found at path "{path}".'
        ) from None
    except UnicodeDecodeError as error:
        raise AgentError(f"The AppSpec file {path} is not UTF-8 text: {error}") from error
    return parse_appspec(text)


def pointed_directory(pointer: Path) -> str | None:
    """The deployment directory that a pointer file names; None when there is none yet."""
    return pointer.read_text().strip() if pointer.exists() else None


def _revision_directory(host: Host, specification: DeploymentSpecification, event: str) -> str | None:
    own = deployment_directory(specification.group_id, specification.deployment_id)
    if host.layout.machine(host_path(own, ARCHIVE)).exists():
        return own
    is_rollback = specification.creator == "codeDeployRollback" and specification.deployment_type == "BLUE_GREEN"
    if is_rollback and event in ROLLBACK_MOST_RECENT:
        return pointed_directory(host.layout.most_recent(specification.group_id))
    if event in (ROLLBACK_LAST_SUCCESSFUL if is_rollback else LAST_SUCCESSFUL):
        return pointed_directory(host.layout.last_successful(specification.group_id))
    return own
