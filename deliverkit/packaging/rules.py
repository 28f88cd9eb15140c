"""The lint's rules as data. Each says what the CodeDeploy host agent (or the service) does, and the way out.

Sources: AWS CodeDeploy User Guide, "AppSpec file reference", and the behaviour of the host agent 1.8.
"""

from __future__ import annotations

from deliverkit.packaging import resource_rules, tree_rules
from deliverkit.packaging.finding import Outcome, Rule, error, note, warning

_FAILS_FIRST_EVENT = "The agent cannot parse the file and fails the first event after the download."
_ONLY_IN_BUNDLE = "The agent looks for it below the unpacked bundle."

# --- the file ----------------------------------------------------------------------------------------

APPSPEC_MISSING = error(
    "appspec-missing",
    "Every CodeDeploy bundle needs appspec.yml at its root; without it the first event after the download fails.",
    "Add appspec.yml to the tree, or name it as release.bundle.appspec",
)
APPSPEC_NAME = error(
    "appspec-name",
    "The agent accepts appspec.yaml at Install but not when it runs hooks, and no other name at all.",
    "Rename it to appspec.yml",
)
APPSPEC_NESTED = error(
    "appspec-nested",
    "The agent would take the folder with the appspec for the whole bundle and delete everything beside it.",
    "Package that folder: set release.bundle.path to it",
    Outcome.DIFFERS,
)
APPSPEC_SEVERAL = warning(
    "appspec-several", "The agent reads appspec.yml and never looks at the other one.", "Remove the other one"
)
APPSPEC_EMPTY = error("appspec-empty", _FAILS_FIRST_EVENT, "Write at least version, os and files")
APPSPEC_SIZE = error("appspec-size", "No appspec is that large; this is some other file.", "Name the right file")
YAML_SYNTAX = error("yaml-syntax", _FAILS_FIRST_EVENT, "Correct the YAML at this place")
YAML_DUPLICATE = error(
    "yaml-duplicate-key",
    "The agent silently keeps the last one and drops the others.",
    "Merge the two, or remove one",
    Outcome.DIFFERS,
)
YAML_ALIAS = warning(
    "yaml-alias", "Agents that run on Ruby 3.1 or later refuse aliases in YAML.", "Write the value out"
)
YAML_RETYPED = error(
    "yaml-retyped",
    "The agent reads YAML 1.1, in which yes, 010, 1.10 and 1:30 are truth values and numbers, and never sees the text.",
    "Put the value into quotes",
    Outcome.DIFFERS,
)
SHAPE = error("appspec-shape", _FAILS_FIRST_EVENT, "Follow the AppSpec file reference")
KEY_UNKNOWN = error(
    "key-unknown",
    "The agent silently ignores keys that it does not know.",
    "Correct or remove it",
    Outcome.DIFFERS,
    is_allowable=True,
)
VERSION = error("version", "The agent refuses any version but the number 0.0.", "Write: version: 0.0")
VERSION_FORM = warning(
    "version-form", "The agent takes any spelling of zero; AWS promises only 0.0.", "Write: version: 0.0"
)
OS = error("os", "The agent refuses any other operating system.", "Write: os: linux (or windows)")
OS_FLEET = error(
    "os-fleet",
    "The agent refuses an appspec that was written for another operating system than the host's.",
    "Correct os in the appspec, or release.lint.hosts.os in deliverkit.yml",
)
NOTHING_TO_DO = warning(
    "nothing-to-do", "The deployment succeeds and changes nothing on the host.", "Add files, hooks or both"
)

# --- hooks -------------------------------------------------------------------------------------------

HOOK_UNKNOWN = error(
    "hook-unknown",
    "The agent silently skips hooks that it does not know, or fails at Install.",
    "Correct the name, or remove the hook",
)
HOOK_NOT_SCRIPTABLE = error(
    "hook-not-scriptable",
    "The agent or the service does this event itself and never runs scripts for it.",
    "Move the scripts to a hook before or after it",
    Outcome.DIFFERS,
)
HOOK_EMPTY = warning("hook-empty", "The agent skips a hook without scripts.", "Add a script, or remove the hook")
HOOK_ORDER = note(
    "hook-order",
    "Hooks run in the order of the lifecycle, whatever the order of the file.",
    "Write the hooks in the order in which they run",
)
HOOK_NEVER_RUNS = warning(
    "hook-never-runs",
    "Deployments of the style that release.lint.hosts declares never come to this event with a script to run.",
    "Move the scripts to a hook that runs, or correct release.lint.hosts",
)
APPLICATION_STOP = warning(
    "application-stop",
    "ApplicationStop runs from the previous bundle (the last one that got through Install, even when it failed later):"
    " a fault in this script shows, and hurts, at the next deployment.",
    "Make sure that it cannot fail, or stop the old process in BeforeInstall",
)
BLOCK_TRAFFIC = warning(
    "block-traffic",
    "This event comes before the download, so it runs the previous bundle's script, and none on a new host.",
    "Make sure that the script cannot fail, and expect changes to it one deployment later",
)

# --- scripts as the appspec names them ---------------------------------------------------------------

LOCATION_REQUIRED = error("location-required", _FAILS_FIRST_EVENT, "Add location: and the script's path in the bundle")
LOCATION_ARGUMENTS = error(
    "location-arguments",
    "The agent takes the whole text for the file's name, and hands it to a shell unquoted.",
    "Name a script without spaces or shell characters, and write the arguments into it",
)
LOCATION_ABSOLUTE = error(
    "location-absolute", _ONLY_IN_BUNDLE, "Write the path from the bundle's root, without /", Outcome.DIFFERS
)
LOCATION_ESCAPES = error(
    "location-escapes", "The agent would follow it out of the bundle.", "Name a file in the bundle", Outcome.DIFFERS
)
SCRIPT_MISSING = error("script-missing", "The event fails with ScriptMissing.", "Correct the path, or build the file")
TIMEOUT = error(
    "timeout",
    "The agent reads only leading digits: 5m is 5 seconds, and anything else fails the deployment.",
    "Write whole seconds from 1 to 3600, without a unit",
    Outcome.DIFFERS,
)
TIMEOUT_TOTAL = error(
    "timeout-total",
    "CodeDeploy allows 3600 seconds for all scripts of one event together.",
    "Shorten the timeouts",
    Outcome.RISKS,
    is_allowable=True,
)
TIMEOUT_MISSING = note(
    "timeout-missing",
    "Without a timeout a script that hangs holds the host for 3600 seconds, all that the event may take.",
    "Add timeout: and the seconds after which the script must be done",
)
SUDO = warning(
    "sudo",
    "sudo drops the deployment's variables (DEPLOYMENT_ID, LIFECYCLE_EVENT and others) under its usual settings.",
    "The agent already runs scripts as root unless runas says otherwise: remove sudo",
)
SUDO_TEXT = error(
    "sudo-text",
    "Only false, no, off and nothing at all are false to the agent; every other value, a quoted one too, is true.",
    "Write sudo: true, or remove the line",
    Outcome.DIFFERS,
)
SUDO_RUNAS = warning(
    "sudo-runas",
    "The agent runs `sudo su USER -c SCRIPT`: sudo makes it root only to become another user, and drops the variables.",
    "Remove sudo; the agent runs as root and may become any user",
)
RUNAS_NAME = error(
    "runas-name",
    "The agent puts the name into `su NAME -c SCRIPT` unquoted; the shell takes it apart.",
    "Name one user, without spaces or shell characters",
)
RUNAS_NOLOGIN = warning(
    "runas-nologin",
    "su runs the user's shell, and this system user's shell is nologin: the script fails with exit code 1.",
    "Name a user with a shell, or let a script of root call: runuser -u USER -s /bin/sh -- COMMAND",
)
RUNAS_WINDOWS = warning("runas-windows", "The agent ignores runas and sudo on Windows.", "Remove it")

# --- scripts as they are -----------------------------------------------------------------------------

SCRIPT_NOT_EXECUTABLE = warning(
    "script-not-executable",
    "The agent makes it executable itself and logs a warning; other tools do not.",
    "chmod +x the script in the build",
)
SCRIPT_NO_SHEBANG = warning(
    "script-no-shebang",
    "Without #! in its first line the host picks the interpreter.",
    "Start the script with a line such as #!/bin/sh",
)
SCRIPT_BOM = warning(
    "script-bom",
    "The kernel looks for #! in the very first bytes and finds a byte order mark: the host picks the interpreter.",
    "Save the script as UTF-8 without a byte order mark",
)
SCRIPT_CRLF = warning(
    "script-crlf",
    "The kernel looks for an interpreter whose name ends in a carriage return, and shells stumble over it.",
    "Convert the script to line feeds (dos2unix)",
)
SCRIPT_BACKGROUND = warning(
    "script-background",
    "A background process that keeps the script's output open makes the agent wait, then fail the event.",
    "Redirect its output: command >/dev/null 2>&1 &",
)
SCRIPT_DIRECTORY = warning(
    "script-directory",
    "The agent starts scripts in its own working directory, not in the bundle.",
    'Go there first: cd "$(dirname "$0")"',
)
SCRIPT_STDIN = warning(
    "script-stdin",
    "The agent closes the script's input: whoever asks there gets no answer, and package managers give up.",
    "Answer in the command itself, for instance with -y",
)
SCRIPT_VARIABLE = warning(
    "script-variable",
    "The agent sets this variable only for revisions from GitHub; bundles in S3 have BUNDLE_BUCKET, BUNDLE_KEY,"
    " BUNDLE_VERSION and BUNDLE_ETAG.",
    "Write the commit into a file when building, and read that",
)
SCRIPT_WINDOWS = warning(
    "script-windows",
    "Windows starts programs, .bat, .cmd and (through the agent) .ps1 files; nothing there runs this one.",
    "Write the hook in PowerShell or as a batch file",
)

# --- files -------------------------------------------------------------------------------------------

FILE_INCOMPLETE = error("file-incomplete", _FAILS_FIRST_EVENT, "Give both source and destination")
SOURCE_ESCAPES = error(
    "source-escapes",
    "The agent follows it out of the bundle and copies what lies on the host.",
    "Name something in the bundle",
    Outcome.DIFFERS,
)
SOURCE_MISSING = error(
    "source-missing", "Install fails: there is nothing to copy.", "Correct the path, or build the file"
)
DESTINATION_DUPLICATE = error(
    "destination-duplicate", "Install fails when two sources have one destination.", "Remove one of the two"
)
LINK_DANGLES = warning(
    "link-dangles",
    "The agent re-creates links as they are, and does not copy what they lead to.",
    "Copy the target along, to the place where the link looks for it, or replace the link by the file",
)
DESTINATION_RELATIVE = warning(
    "destination-relative",
    "The agent would copy relative to the directory in which it was started.",
    "Write an absolute path",
)
DESTINATION_IS_FILE = warning(
    "destination-is-file",
    "destination is a directory: the agent makes it when it is missing, and puts the file into it.",
    "Name the directory that the file belongs into",
)
PATH_VARIABLE = warning(
    "path-variable",
    "The agent takes paths literally: it replaces no variables, no ~ and no wildcards.",
    "Write the path out",
)
FILE_EXISTS = error(
    "file-exists-behavior",
    "The agent knows only DISALLOW, OVERWRITE and RETAIN, in capitals.",
    "Write one of the three",
)
FILE_EXISTS_SHARED = warning(
    "file-exists-shared",
    "Files there that no earlier deployment of the same group brought fail Install under DISALLOW, the default.",
    "Install into a folder of the application's own, or set file_exists_behavior to OVERWRITE or RETAIN",
)

# --- permissions -------------------------------------------------------------------------------------

OBJECT_REQUIRED = error("object-required", _FAILS_FIRST_EVENT, "Add object: and an absolute path on the host")
MODE = error("mode", "The agent takes one to four octal digits.", "Write for instance mode: 755")
MODE_OCTAL = error(
    "mode-octal",
    "YAML reads a number with a leading zero as octal, and the agent takes its decimal digits: 0644 becomes 420.",
    "Leave the zero out (mode: 644), or put the mode into quotes",
    Outcome.DIFFERS,
)
PERMISSION_TYPE = error("permission-type", "The agent knows only file and directory here.", "Write: type: [file]")
PERMISSION_OS = error(
    "permission-os", "The agent refuses permissions on Windows.", "Remove permissions, or set them in a script"
)
PERMISSION_LIST = error(
    "permission-list",
    "The agent goes through except, acls and type as lists, and fails over anything else.",
    "Write a list of texts: [...]",
)
PERMISSION_PATTERN = error(
    "permission-pattern",
    "The object is a file that this deployment copies; pattern and except are for directories, and Install fails.",
    "Remove pattern and except, or name the directory as the object",
)
PERMISSION_DUPLICATE = error(
    "permission-duplicate",
    "Install fails when two entries of permissions are about one file or directory.",
    "Merge the entries, or keep them apart with pattern, except and type",
)
PERMISSION_UNUSED = warning(
    "permission-unused",
    "Permissions touch only what this deployment copies or makes below the object, and never the object itself when"
    " it is a directory; pattern knows * alone, and matches direct children.",
    "Correct object, pattern or type, or remove the entry",
)
PERMISSION_EXCEPT = warning(
    "permission-except",
    "except holds names of direct children of the object, with * as the only wildcard; paths never match.",
    "Write the bare name, or an entry of its own for what lies deeper",
)
OWNER = error(
    "owner",
    "The agent looks the name up among the host's users and groups; Install fails when it is not there. A number is no"
    " name, and `user:group` is none either.",
    "Write the name of a user as owner, and of a group as group",
)
ACL = error(
    "acl",
    "The agent takes [default:][user|group|mask|other]:NAME:rwx, and base entries without a name only through mode.",
    "Write for instance u:deploy:rw",
)
ACL_DEFAULT = error(
    "acl-default",
    "A default entry is for directories; Install fails when it meets a file.",
    "Add type: [directory] to the entry",
)
CONTEXT = error(
    "context",
    "The agent needs the SELinux type, and a range such as s0, s0-s1 or s0:c0.c3,c7.",
    "Write context: {type: TYPE}, and correct or remove the range",
)
CONTEXT_USER = warning(
    "context-user",
    "The agent reads the SELinux user from `name` and ignores `user`, whatever the guide says.",
    "Write name: instead of user:",
)

# --- the hosts ---------------------------------------------------------------------------------------

WINDOWS_NAME = error(
    "windows-name",
    "Windows cannot make a file of this name; unpacking the bundle fails.",
    "Rename the file, or leave it out with a line in .deliverignore",
)
WINDOWS_CASE = error(
    "windows-case",
    "Windows does not tell capitals apart; the second file overwrites the first.",
    "Rename one of the two",
    Outcome.DIFFERS,
)
WINDOWS_LENGTH = warning(
    "windows-length",
    "Below the agent's folder the path has more than the 259 characters that Windows takes without being told.",
    "Shorten the path, or turn long paths on for the hosts",
)
WINDOWS_FORMAT = warning(
    "windows-format",
    "The agent does not support tar and tgz on Windows; unpacking may fail.",
    "Set release.bundle.format to zip",
)
DISK = warning(
    "disk",
    "The agent keeps archive and unpacked bundle of the last max_revisions releases for each deployment group.",
    "Make the bundle smaller, lower max_revisions on the hosts, or correct release.lint.hosts",
)

# --- what was allowed --------------------------------------------------------------------------------

ALLOW_UNKNOWN = warning(
    "allow-unknown", "There is no such rule, so this allows nothing.", "Correct the id", is_allowable=False
)
ALLOW_REASON = warning(
    "allow-reason",
    "Nobody will know later why this was allowed; without a reason it allows nothing.",
    "Write the reason behind the id: # deliverkit: allow RULE REASON",
    is_allowable=False,
)
ALLOW_REFUSED = warning(
    "allow-refused",
    "What fails, or does something else than is written, on every host cannot be allowed.",
    "Correct what the finding names, and remove this",
    is_allowable=False,
)
ALLOW_UNUSED = warning(
    "allow-unused",
    "Nothing is found here any more; the next case would go unseen.",
    "Remove it",
    is_allowable=False,
)

RULES: tuple[Rule, ...] = (
    *(value for value in globals().values() if isinstance(value, Rule)),
    *(value for value in vars(resource_rules).values() if isinstance(value, Rule)),
    *(value for value in vars(tree_rules).values() if isinstance(value, Rule)),
)
"""Every rule, in the order of the reference."""
