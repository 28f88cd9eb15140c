"""What goes wrong on a host, with the agent's own diagnostics codes."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Diagnostics codes of the host agent; 6 and 7 have no counterpart in the public API's LifecycleErrorCode."""

    SUCCESS = 0
    SCRIPT_MISSING = 1
    SCRIPT_NOT_EXECUTABLE = 2
    SCRIPT_TIMED_OUT = 3
    SCRIPT_FAILED = 4
    UNKNOWN_ERROR = 5
    OUTPUTS_LEFT_OPEN = 6
    FAILED_AFTER_RESTART = 7


class AgentError(Exception):
    """A command cannot be carried out, for any reason but a script: reported with code 5."""


class AppSpecError(AgentError):
    """The appspec file breaks a rule that the agent enforces."""


class ScriptError(AgentError):
    """A script is missing, failed, timed out or left its output open.

    Attributes:
        code: One of the script codes.
        script: Location as the appspec names it.
        log: Tail of the event's output up to that point.
    """

    def __init__(self, code: Code, script: str, message: str, log: str) -> None:
        super().__init__(message)
        self.code = code
        self.script = script
        self.log = log
