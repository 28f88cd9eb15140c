"""The appspec file, read with the rules that the host agent enforces, and no others.

What the agent silently accepts (unknown top-level keys, unknown hook names) is accepted here too: a rehearsal that is
stricter than the host hides what will happen there. Messages follow the agent's, since people search for them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deliverkit.sandbox.agent.errors import AppSpecError
from deliverkit.sandbox.agent.leading_integer import leading_integer
from deliverkit.sandbox.agent.permission import Permission, parse_permissions
from deliverkit.sandbox.agent.specification import FILE_EXISTS_BEHAVIORS

DEFAULT_TIMEOUT_SECONDS = 3600
FAILED = "The deployment failed because"


@dataclass(frozen=True, slots=True)
class FileMapping:
    """One entry of `files`: a file is copied into the destination directory, a directory is merged with it."""

    source: str
    destination: str


@dataclass(frozen=True, slots=True)
class Script:
    """One script of a hook.

    Attributes:
        location: Path within the bundle.
        timeout: Seconds it may take.
        runas: User to run as; None for the agent's own.
        sudo: Whether to run it with sudo.
    """

    location: str
    timeout: int = DEFAULT_TIMEOUT_SECONDS
    runas: str | None = None
    sudo: bool = False


@dataclass(frozen=True, slots=True)
class AppSpec:
    """What a bundle asks of a host.

    Attributes:
        files: What to copy, in order.
        permissions: What to set on what was copied.
        hooks: Scripts per lifecycle event, unknown names included.
        file_exists_behavior: Beats the deployment's option; None when the file does not say.
    """

    files: tuple[FileMapping, ...]
    permissions: tuple[Permission, ...]
    hooks: Mapping[str, tuple[Script, ...]]
    file_exists_behavior: str | None


def parse_appspec(text: str) -> AppSpec:
    """Read an appspec file.

    Raises:
        AppSpecError: With the agent's message for the first rule that is broken.
    """
    document = _load(text)
    _check_version(document.get("version"))
    _check_os(document.get("os"))
    return AppSpec(
        hooks=_parse_hooks(document.get("hooks") or {}),
        files=tuple(_parse_file(entry) for entry in _entries(document, "files")),
        permissions=parse_permissions(_entries(document, "permissions")),
        file_exists_behavior=_parse_behavior(document.get("file_exists_behavior")),
    )


def _load(text: str) -> Mapping[str, Any]:
    from ruamel.yaml import YAML  # noqa: PLC0415  (slow to import)
    from ruamel.yaml.constructor import SafeConstructor  # noqa: PLC0415
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    class LastKeyWins(SafeConstructor):
        """Of two equal keys the agent's parser keeps the second, without a word."""

        def check_mapping_key(self, *_: Any) -> bool:
            return True

    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = LastKeyWins
    yaml.version = (1, 1)  # the agent's parser is YAML 1.1: `mode: 0644` is 420, `yes` is true
    try:
        document = yaml.load(text)
    except YAMLError as error:
        raise AppSpecError(f"{FAILED} the application specification file is not valid YAML: {error}") from error
    if not document:
        raise AppSpecError(f"{FAILED} the application specification file is empty")
    if not isinstance(document, Mapping):
        raise AppSpecError(f"{FAILED} the application specification file holds no mapping at its top")
    return document


def _check_version(version: object) -> None:
    is_number = isinstance(version, int | float) and not isinstance(version, bool)
    if not is_number or version != 0.0:
        raise AppSpecError(
            f"{FAILED} an invalid version value ({version}) was entered in the application specification file. Make"
            ' sure your AppSpec file specifies "0.0" as the version, and then try again.'
        )


def _check_os(name: object) -> None:
    if name != "linux":
        raise AppSpecError(
            f"{FAILED} the application specification file specifies an unsupported operating system ({name}). Specify"
            ' either "linux" or "windows" in the os section of the AppSpec file, and then try again.'
        )


def _parse_behavior(behavior: object) -> str | None:
    if behavior is None:
        return None
    if isinstance(behavior, str) and behavior in FILE_EXISTS_BEHAVIORS:
        return behavior
    raise AppSpecError(
        f"{FAILED} an invalid option was specified for file_exists_behavior: {behavior}. Valid options include"
        " OVERWRITE, RETAIN, and DISALLOW."
    )


def _entries(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    entries = document.get(key) or []
    if not isinstance(entries, list) or not all(isinstance(entry, Mapping) for entry in entries):
        raise AppSpecError(
            f"{FAILED} the {key} section of the application specification file is not a list of mappings"
        )
    return entries


def _parse_file(entry: Mapping[str, Any]) -> FileMapping:
    for key in ("source", "destination"):
        if not entry.get(key):
            raise AppSpecError(
                f"{FAILED} the application specification file specifies a file with no {key} value. Update the files"
                " section of the AppSpec file, and then try again."
            )
    return FileMapping(str(entry["source"]).strip(), str(entry["destination"]).strip())


def _parse_hooks(hooks: object) -> dict[str, tuple[Script, ...]]:
    if not isinstance(hooks, Mapping):
        raise AppSpecError(f"{FAILED} the hooks section of the application specification file is not a mapping")
    return {str(name): tuple(_parse_script(entry) for entry in _scripts(hooks, name)) for name in hooks}


def _scripts(hooks: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    if hooks[name] is None:
        raise AppSpecError(f"{FAILED} the hook {name} of the application specification file lists no scripts")
    return _entries(hooks, name)


def _parse_script(entry: Mapping[str, Any]) -> Script:
    if entry.get("location") is None or not str(entry["location"]).strip():
        raise AppSpecError(
            f"{FAILED} the application specification file specifies a script with no location value. Specify the"
            " location in the hooks section of the AppSpec file, and then try again."
        )
    runas = entry.get("runas")
    sudo = entry.get("sudo")
    return Script(
        location=str(entry["location"]).strip(),
        timeout=_parse_timeout(entry.get("timeout")),
        runas=None if runas is None else str(runas).strip(),
        sudo=sudo is not None and sudo is not False,
    )


def _parse_timeout(value: object) -> int:
    # `5m` is 5 for the agent: it takes the digits at the beginning and forgets the rest.
    seconds = DEFAULT_TIMEOUT_SECONDS if value is None else leading_integer(value)
    if seconds <= 0:
        raise AppSpecError(
            f"{FAILED} an invalid timeout value was provided for a script in the application specification file. Make"
            " corrections in the hooks section of the AppSpec file, and then try again."
        )
    return seconds
