"""Why something cannot be read: whose it is, who asks, and what to type."""

from __future__ import annotations

import os
import pwd
import shlex
import stat
from pathlib import Path

from deliverkit.packaging.tree import shown


def reason(location: bytes) -> str:
    """Owner and mode of what cannot be read, and who wanted to read it: `root's, mode 0600; this runs as builder`.

    Args:
        location: Where it lies; of what cannot even be asked for its status the folder around it is described.
    """
    place, status = _nearest(location)
    where = "" if place == location else f"its folder {shown(os.path.basename(place))} is "  # noqa: PTH119 - bytes
    mode = stat.S_IMODE(status.st_mode)
    return f"{where}{_name(status.st_uid)}'s, mode {mode:04o}; this runs as {_name(os.geteuid())}"


def way_out(location: bytes) -> str:
    """The command that makes it readable for whoever runs this."""
    place, status = _nearest(location)
    bits = "rx" if stat.S_ISDIR(status.st_mode) else "r"
    file = shlex.quote(shown(place))
    me = os.geteuid()
    if status.st_uid == me:
        return f"chmod u+{bits} {file}"
    return f"sudo setfacl -m u:{me}:{bits} {file} (or package as {_name(status.st_uid)})"


def _nearest(location: bytes) -> tuple[bytes, os.stat_result]:
    """The thing itself, or the innermost folder around it that can be asked for its status."""
    for place in (location, *(os.fsencode(each) for each in Path(os.fsdecode(location)).absolute().parents)):
        try:
            status = os.stat(place, follow_symlinks=False)  # noqa: PTH116 - names are bytes
        except OSError:
            continue
        return place, status
    return b"/", os.stat(b"/")  # noqa: PTH116


def _name(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"user {user}"
