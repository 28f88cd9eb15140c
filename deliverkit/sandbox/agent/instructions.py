"""What one Install will do, decided before anything is done: conflicts fail a deployment before the first copy."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from deliverkit.sandbox.agent.appspec import AppSpec
from deliverkit.sandbox.agent.errors import AgentError, AppSpecError
from deliverkit.sandbox.agent.layout import Layout, host_path
from deliverkit.sandbox.agent.permission import Permission

FAILED = "The deployment failed because"


@dataclass(frozen=True, slots=True)
class MakeDirectory:
    """Make a directory of the instance."""

    directory: str

    def as_json(self) -> Mapping[str, Any]:
        """As the agent's install list has it."""
        return {"type": "mkdir", "directory": self.directory}


@dataclass(frozen=True, slots=True)
class Copy:
    """Copy a file, or re-create a symbolic link; both paths are the instance's."""

    source: str
    destination: str

    def as_json(self) -> Mapping[str, Any]:
        """As the agent's install list has it."""
        return {"type": "copy", "source": self.source, "destination": self.destination}


@dataclass(frozen=True, slots=True)
class SetPermission:
    """Apply one permission entry to one file or directory that this Install makes."""

    file: str
    permission: Permission

    def as_json(self) -> Mapping[str, Any]:
        """As the agent's install list has it, all settings in one entry."""
        settings = {name: getattr(self.permission, name) for name in ("mode", "owner", "group", "acls", "context")}
        return {"type": "permission", "file": self.file, **{k: v for k, v in settings.items() if v is not None}}


Instruction = MakeDirectory | Copy | SetPermission


@dataclass
class Instructions:
    """Builds the list for one appspec.

    Attributes:
        layout: The instance.
        archive: Directory of the unpacked bundle, as the instance sees it.
        behavior: `DISALLOW`, `OVERWRITE` or `RETAIN`: what to do with a file that the previous Install did not write.
        items: The list so far.
    """

    layout: Layout
    archive: str
    behavior: str
    items: list[Instruction] = field(default_factory=list)
    _copies: dict[str, str] = field(default_factory=dict)
    _directories: dict[str, None] = field(default_factory=dict)
    _permitted: set[str] = field(default_factory=set)

    def add(self, appspec: AppSpec) -> None:
        """Plan everything that the appspec asks for.

        Raises:
            AgentError: If a file exists and may not be overwritten, two sources meet, or permissions contradict.
        """
        for mapping in appspec.files:
            self._add_mapping(host_path(self.archive, mapping.source), host_path(mapping.destination))
        for permission in appspec.permissions:
            self._add_permission(permission)

    def _add_mapping(self, source: str, destination: str) -> None:
        if self._is_real_directory(source):
            self._add_missing_parents(destination)
            self._add_directory(source, destination)
        else:
            inside = host_path(destination, posixpath.basename(source))
            self._add_missing_parents(inside)
            self._add_copy(source, inside)

    def _is_real_directory(self, path: str) -> bool:
        machine = self.layout.machine(path)
        return machine.is_dir() and not machine.is_symlink()

    def _add_missing_parents(self, path: str) -> None:
        missing = []
        parent = posixpath.dirname(path)
        while parent != "/" and not self.layout.machine(parent).exists():
            missing.append(parent)
            parent = posixpath.dirname(parent)
        for directory in reversed(missing):
            self._make(directory)

    def _add_directory(self, source: str, destination: str) -> None:
        if not self.layout.machine(destination).is_dir():
            self._make(destination)
        for entry in sorted(self.layout.machine(source).iterdir()):
            below_source, below_destination = f"{source}/{entry.name}", host_path(destination, entry.name)
            if self._is_real_directory(below_source):
                self._add_directory(below_source, below_destination)
            else:
                self._add_copy(below_source, below_destination)

    def _make(self, directory: str) -> None:
        if directory in self._copies:
            raise AgentError(
                f"{FAILED} the application specification file includes an mkdir command more than once for the same"
                f" destination path ({directory}) from ({self._copies[directory]}). Update the files section of the"
                " AppSpec file, and then try again."
            )
        if directory not in self._directories:
            self._directories[directory] = None
            self.items.append(MakeDirectory(directory))

    def _add_copy(self, source: str, destination: str) -> None:
        if self.layout.machine(destination).exists():
            if self.behavior == "RETAIN":
                return
            if self.behavior != "OVERWRITE":
                raise AgentError(f"{FAILED} a specified file already exists at this location: {destination}")
        if destination in self._copies:
            raise AgentError(
                f"{FAILED} the application specification file specifies two source files named {source} and"
                f" {self._copies[destination]} for the same destination ({destination}). Remove one of the source file"
                " paths from the AppSpec file, and then try again."
            )
        if destination in self._directories:
            raise AgentError(
                f"{FAILED} the application specification file calls for installing the file {source}, but a file with"
                f" that name already exists at the location ({destination}). Update your AppSpec file or directory"
                " structure, and then try again."
            )
        self._copies[destination] = source
        self.items.append(Copy(source, destination))

    def _add_permission(self, permission: Permission) -> None:
        # A permission is about what this deployment copies or makes, and never about an object that a directory entry
        # names itself: its children are meant.
        target = host_path(permission.object)
        if target in self._copies:
            if "file" in permission.types:
                permission.check_single_file()
                self._set(target, permission, is_file=True)
        elif target in self._directories or self.layout.machine(target).is_dir():
            for kind, paths in (("file", self._copies), ("directory", self._directories)):
                for path in paths:
                    if kind in permission.types and permission.covers(path):
                        self._set(path, permission, is_file=kind == "file")

    def _set(self, path: str, permission: Permission, *, is_file: bool) -> None:
        if is_file and any(acl.startswith(("d:", "default:")) for acl in permission.acls or ()):
            raise AppSpecError(
                f"{FAILED} the -d parameter has been specified to apply an acl setting to a file. This parameter is"
                " supported for directories only. Update the AppSpec file, and then try again."
            )
        if path in self._permitted:
            raise AgentError(
                f"{FAILED} the permissions setting for ({path}) is specified more than once in the application"
                " specification file. Update the files section of the AppSpec file, and then try again."
            )
        self._permitted.add(path)
        self.items.append(SetPermission(path, permission))
