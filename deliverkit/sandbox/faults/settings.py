"""What a fault can be told: one table for the control endpoint, the fault files and the reference page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError

LONGEST_SECONDS = 3650 * 86400.0


class SettingType(Enum):
    """What a setting's value is, as JSON."""

    TEXT = "a text"
    SECONDS = "a number of seconds"
    SHARE = "a number from 0 to 1"
    NUMBER = "a whole number above 0"
    CHOICE = "one of a few words"
    FLAG = "true or false"


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of a kind of fault.

    Attributes:
        name: As it is written.
        type: What its value is.
        meaning: For people.
        default: What holds without it; None when nothing does.
        choices: The words of a choice.
        is_required: True when it must be given.
    """

    name: str
    type: SettingType
    meaning: str
    default: Any = None
    choices: tuple[str, ...] = ()
    is_required: bool = False

    def check(self, value: Any) -> Any:
        """The value, once it is known to be one.

        Raises:
            ApiError: `ValidationException`.
        """
        if not self._is_right(value):
            words = f"one of {', '.join(self.choices)}" if self.choices else self.type.value
            raise ApiError("ValidationException", f"{self.name} must be {words}, not {value!r}")
        return value

    def _is_right(self, value: Any) -> bool:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        match self.type:
            case SettingType.TEXT:
                return isinstance(value, str) and bool(value)
            case SettingType.SECONDS:
                return is_number and 0 <= value <= LONGEST_SECONDS
            case SettingType.SHARE:
                return is_number and 0 <= value <= 1
            case SettingType.NUMBER:
                return is_number and isinstance(value, int) and value > 0
            case SettingType.CHOICE:
                return value in self.choices
            case SettingType.FLAG:
                return isinstance(value, bool)


PLACE = (
    Setting("region", SettingType.TEXT, "Region; `*` and `?` stand for others.", "*"),
    Setting("account", SettingType.TEXT, "Account id, with the same wildcards.", "*"),
)
TIME = (
    Setting("after", SettingType.SECONDS, "Begins so long after it was added, in the sandbox's own time.", 0),
    Setting("for", SettingType.SECONDS, "Lasts so long, in the sandbox's own time; without it, until it is cleared."),
)
REQUESTS = (
    Setting("service", SettingType.TEXT, "Service as in IAM's actions, such as `codedeploy`; wildcards allowed.", "*"),
    Setting("operation", SettingType.TEXT, "Operation, such as `Get*`.", "*"),
    *PLACE,
    Setting("probability", SettingType.SHARE, "Share of the matching requests that it strikes.", 1),
    Setting("count", SettingType.NUMBER, "Strikes at most so many requests."),
    *TIME,
)
"""What every fault of requests takes."""


def checked(settings: tuple[Setting, ...], values: Mapping[str, Any]) -> dict[str, Any]:
    """All settings with their values, defaults filled in.

    Raises:
        ApiError: `ValidationException` for an unknown, a missing or a wrong one.
    """
    known = {setting.name: setting for setting in settings}
    for name in values:
        if name not in known:
            raise ApiError("ValidationException", f"unknown setting {name!r}; known are {', '.join(known)}")
    missing = [name for name, setting in known.items() if setting.is_required and name not in values]
    if missing:
        raise ApiError("ValidationException", f"{missing[0]} is missing")
    given = {name: setting.check(values[name]) for name, setting in known.items() if name in values}
    return {name: given.get(name, setting.default) for name, setting in known.items()}
