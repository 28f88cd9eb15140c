"""The lint's rules as data. Each says what the CodeDeploy host agent (or the service) does, and the way out.

Sources: AWS CodeDeploy User Guide, "AppSpec file reference", and the behaviour of the host agent 1.8.
"""

from __future__ import annotations

from deliverkit.packaging.finding import Rule, Severity

_FAILS_FIRST_EVENT = "The agent cannot parse the file and fails the first event after the download."
_ONLY_IN_BUNDLE = "The agent looks for it below the unpacked bundle."


def _error(id_: str, why: str, fix: str) -> Rule:
    return Rule(id_, Severity.ERROR, why, fix)


def _warning(id_: str, why: str, fix: str) -> Rule:
    return Rule(id_, Severity.WARNING, why, fix)


APPSPEC_MISSING = _error(
    "appspec-missing",
    "Every CodeDeploy bundle needs appspec.yml at its root; without it the first event after the download fails.",
    "Add appspec.yml to the tree, or name it as release.bundle.appspec",
)
APPSPEC_NAME = _error(
    "appspec-name",
    "The agent accepts appspec.yaml at Install but not when it runs hooks.",
    "Rename it to appspec.yml",
)
APPSPEC_EMPTY = _error("appspec-empty", _FAILS_FIRST_EVENT, "Write at least version, os and files")
APPSPEC_SIZE = _error("appspec-size", "No appspec is that large; this is some other file.", "Name the right file")
YAML_SYNTAX = _error("yaml-syntax", _FAILS_FIRST_EVENT, "Correct the YAML at this place")
YAML_DUPLICATE = _error(
    "yaml-duplicate-key",
    "The agent silently keeps the last one and drops the others.",
    "Merge the two, or remove one",
)
YAML_ALIAS = _warning(
    "yaml-alias",
    "Agents that run on Ruby 3.1 or later refuse aliases in YAML.",
    "Write the value out",
)
SHAPE = _error("appspec-shape", _FAILS_FIRST_EVENT, "Follow the AppSpec file reference")
VERSION = _error("version", "The agent refuses any version but the number 0.0.", "Write: version: 0.0")
OS = _error("os", "The agent refuses any other operating system.", "Write: os: linux (or windows)")
KEY_UNKNOWN = _error("key-unknown", "The agent silently ignores keys that it does not know.", "Correct or remove it")
HOOK_UNKNOWN = _error(
    "hook-unknown",
    "The agent silently skips hooks that it does not know, or fails at Install.",
    "Correct the name, or remove the hook",
)
HOOK_NOT_SCRIPTABLE = _error(
    "hook-not-scriptable",
    "The agent or the service does this event itself and never runs scripts for it.",
    "Move the scripts to a hook before or after it",
)
LOCATION_REQUIRED = _error("location-required", _FAILS_FIRST_EVENT, "Add location: and the script's path in the bundle")
LOCATION_ARGUMENTS = _error(
    "location-arguments",
    "The agent takes the whole text for the file's name, and hands it to a shell unquoted.",
    "Name a script without spaces, and write the arguments into it",
)
LOCATION_ABSOLUTE = _error("location-absolute", _ONLY_IN_BUNDLE, "Write the path from the bundle's root, without /")
LOCATION_ESCAPES = _error(
    "location-escapes", "The agent would follow it out of the bundle.", "Name a file in the bundle"
)
SCRIPT_MISSING = _error("script-missing", "The event fails with ScriptMissing.", "Correct the path, or build the file")
TIMEOUT = _error(
    "timeout",
    "The agent reads only leading digits: 5m is 5 seconds, and anything else fails the deployment.",
    "Write whole seconds from 1 to 3600, without a unit",
)
TIMEOUT_TOTAL = _error(
    "timeout-total",
    "CodeDeploy allows 3600 seconds for all scripts of one event together.",
    "Shorten the timeouts",
)
FILE_INCOMPLETE = _error("file-incomplete", _FAILS_FIRST_EVENT, "Give both source and destination")
SOURCE_ESCAPES = _error(
    "source-escapes",
    "The agent follows it out of the bundle and copies what lies on the host.",
    "Name something in the bundle",
)
SOURCE_MISSING = _error(
    "source-missing", "Install fails: there is nothing to copy.", "Correct the path, or build the file"
)
DESTINATION_DUPLICATE = _error(
    "destination-duplicate",
    "Install fails when two sources have one destination.",
    "Remove one of the two",
)
DESTINATION_RELATIVE = _warning(
    "destination-relative",
    "The agent would copy relative to the directory in which it was started.",
    "Write an absolute path",
)
OBJECT_REQUIRED = _error("object-required", _FAILS_FIRST_EVENT, "Add object: and an absolute path on the host")
MODE = _error("mode", "The agent takes one to four octal digits.", "Write for instance mode: 755")
MODE_OCTAL = _error(
    "mode-octal",
    "YAML reads a number with a leading zero as octal, and the agent takes its decimal digits: 0644 becomes 420.",
    "Leave the zero out (mode: 644), or put the mode into quotes",
)
PERMISSION_TYPE = _error("permission-type", "The agent knows only file and directory here.", "Write: type: [file]")
PERMISSION_OS = _error(
    "permission-os", "The agent refuses permissions on Windows.", "Remove permissions, or set them in a script"
)
FILE_EXISTS = _error(
    "file-exists-behavior",
    "The agent knows only DISALLOW, OVERWRITE and RETAIN, in capitals.",
    "Write one of the three",
)
SCRIPT_NOT_EXECUTABLE = _warning(
    "script-not-executable",
    "The agent makes it executable itself and logs a warning; other tools do not.",
    "chmod +x the script in the build",
)
SCRIPT_NO_SHEBANG = _warning(
    "script-no-shebang",
    "Without #! in its first line the host picks the interpreter.",
    "Start the script with a line such as #!/bin/sh",
)
SCRIPT_CRLF = _warning(
    "script-crlf",
    "The kernel looks for an interpreter whose name ends in a carriage return, and shells stumble over it.",
    "Convert the script to line feeds (dos2unix)",
)
SCRIPT_BACKGROUND = _warning(
    "script-background",
    "A background process that keeps the script's output open makes the agent wait, then fail the event.",
    "Redirect its output: command >/dev/null 2>&1 &",
)
SUDO = _warning(
    "sudo",
    "sudo drops the deployment's variables (DEPLOYMENT_ID, LIFECYCLE_EVENT and others) under its usual settings.",
    "The agent already runs scripts as root unless runas says otherwise: remove sudo",
)
APPLICATION_STOP = _warning(
    "application-stop",
    "ApplicationStop runs from the previous bundle: a fault in this script shows, and hurts, at the next deployment.",
    "Make sure that it cannot fail, or stop the old process in BeforeInstall",
)
RESOURCE = _error(
    "resource", "CodeDeploy refuses the deployment.", "Follow the AppSpec file reference for Lambda or ECS"
)

RULES: tuple[Rule, ...] = tuple(value for value in globals().values() if isinstance(value, Rule))
