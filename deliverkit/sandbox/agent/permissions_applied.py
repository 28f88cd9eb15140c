"""Setting mode, access lists, context and owner, as the agent's user may.

On a real host the agent is root. Here it may be anybody, so a change of owner to somebody else fails with the system's
own message, as it would for an agent that is not root.
"""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path

from deliverkit.sandbox.agent.errors import AgentError
from deliverkit.sandbox.agent.permission import Permission

FAILED = "The deployment failed because"


def apply_permission(path: Path, name: str, permission: Permission) -> None:
    """Apply one entry to one file or directory.

    Args:
        path: On this machine.
        name: As the instance sees it, for messages.
        permission: What to set.

    Raises:
        AgentError: If an owner, a group or an access list is refused.
    """
    if permission.mode is not None:
        path.chmod(int(permission.mode, 8))
    if permission.acls is not None:
        _run(
            ["setfacl", "--modify", ",".join(permission.acls), str(path)], "a problem with the acls permission settings"
        )
    if permission.context is not None:
        _set_context(path, permission)
    if permission.owner is not None or permission.group is not None:
        _set_owner(path, name, permission)


def _set_owner(path: Path, name: str, permission: Permission) -> None:
    try:
        user = -1 if permission.owner is None else pwd.getpwnam(permission.owner).pw_uid
    except KeyError:
        raise AgentError(f"can't find user for {permission.owner}") from None
    try:
        group = -1 if permission.group is None else grp.getgrnam(permission.group).gr_gid
    except KeyError:
        raise AgentError(f"can't find group for {permission.group}") from None
    try:
        os.chown(path, user, group)
    except PermissionError as error:
        raise AgentError(
            f"{error.strerror} - {name} cannot be given to {permission.owner}:{permission.group}"
        ) from error


def _set_context(path: Path, permission: Permission) -> None:
    context = permission.context or {}
    if context.get("role") is not None:
        raise AgentError(
            f"{FAILED} the application specification file specifies a role, but roles are not supported. Remove the"
            " role from the AppSpec file, and then try again."
        )
    # Labels of this machine are not the instance's to define, so the label is set on the file alone (chcon) and no rule
    # is added to the machine's policy (semanage), which would outlive the sandbox.
    options = [f"--{key}={context[key]}" for key in ("user", "type", "range") if context.get(key)]
    _run(["chcon", *options, str(path)], "an error in the settings for the context parameter")


def _run(command: Sequence[str], what: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        problem = done.stderr.strip() if done.returncode else ""
    except OSError as error:
        problem = f"{command[0]} cannot be run: {error.strerror}"
    if problem:
        raise AgentError(
            f"{FAILED} of {what} in the application specification file. Failed command: {' '.join(command)}. {problem}"
        )
