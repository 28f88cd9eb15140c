"""Time zones as the DeploymentWindow rule names them (CodePipeline user guide, rule reference).

`Region/City`, `UTC` with or without an offset such as `+05:30`, or an abbreviation of three to five letters. Which
zone an abbreviation stands for AWS does not say; here it is that of Java's short ids, as other rules speak Java too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

_OFFSET = re.compile(r"(?:UTC|GMT)([+-])(\d\d?)(?::(\d\d))?")
_LONGEST_HOURS = 18
_SHORT: Mapping[str, str] = {
    "ACT": "Australia/Darwin",
    "AET": "Australia/Sydney",
    "AGT": "America/Argentina/Buenos_Aires",
    "ART": "Africa/Cairo",
    "AST": "America/Anchorage",
    "BET": "America/Sao_Paulo",
    "BST": "Asia/Dhaka",
    "CAT": "Africa/Harare",
    "CNT": "America/St_Johns",
    "CST": "America/Chicago",
    "CTT": "Asia/Shanghai",
    "EAT": "Africa/Addis_Ababa",
    "ECT": "Europe/Paris",
    "IET": "America/Indiana/Indianapolis",
    "IST": "Asia/Kolkata",
    "JST": "Asia/Tokyo",
    "MIT": "Pacific/Apia",
    "NET": "Asia/Yerevan",
    "NST": "Pacific/Auckland",
    "PLT": "Asia/Karachi",
    "PNT": "America/Phoenix",
    "PRT": "America/Puerto_Rico",
    "PST": "America/Los_Angeles",
    "SST": "Pacific/Guadalcanal",
    "VST": "Asia/Ho_Chi_Minh",
}


def zone_of(name: str) -> tzinfo:
    """The time zone behind a name.

    Raises:
        ValueError: If there is none.
    """
    match = _OFFSET.fullmatch(name)
    if match is not None:
        sign, hours, minutes = match.groups()
        offset = timedelta(hours=int(hours), minutes=int(minutes or 0))
        if offset > timedelta(hours=_LONGEST_HOURS) or int(minutes or 0) >= 60:
            raise ValueError(f"there is no time zone '{name}'")
        return timezone(-offset if sign == "-" else offset)
    try:
        return ZoneInfo(_SHORT.get(name, name))
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"there is no time zone '{name}'") from error
