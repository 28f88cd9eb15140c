"""The rules about a build itself, whatever its appspec says: what no bundle can or should hold."""

from __future__ import annotations

from deliverkit.packaging.finding import Outcome, error, warning

_LEAVE_OUT = "Leave it out with a line in .deliverignore"
_NOTHING_PACKED = Outcome.REFUSED

BUILD = error(
    "build-unfit",
    "Nothing can be packed: the build is missing, holds nothing, or cannot be looked at as a whole.",
    "Run the build first, or correct what the message names",
    _NOTHING_PACKED,
)
UNREADABLE = error(
    "unreadable",
    "Whoever packages may not read it, and a bundle without it would be another one.",
    f"Make it readable for whoever packages. {_LEAVE_OUT} if it is not needed",
    _NOTHING_PACKED,
)
NOT_A_FILE = error(
    "not-a-file",
    "A bundle holds files, directories and links; reading anything else may never end.",
    _LEAVE_OUT,
    _NOTHING_PACKED,
)
LINK_LEAVES = error(
    "link-leaves",
    "On the host it would point to something that nobody packed, or to nothing.",
    f"Copy what it names into the build. {_LEAVE_OUT} if it is not needed",
    _NOTHING_PACKED,
)
NAME = error(
    "name-unfit",
    "The file would not have its own name on every host.",
    f"Rename it. {_LEAVE_OUT} if it is not needed",
    _NOTHING_PACKED,
)
SECRET = error(
    "secret",
    "A bundle is copied to S3 and to every host, where secrets do not belong.",
    f"{_LEAVE_OUT}. If it only looks like a secret, name it in release.bundle.allow",
    _NOTHING_PACKED,
)
CHANGED = error(
    "changed",
    "Somebody still writes to the build; the bundle would hold something that never was.",
    "Wait until the build has finished, then look again",
    _NOTHING_PACKED,
)
APPSPEC_ELSEWHERE = error(
    "appspec-elsewhere",
    "The appspec that release.bundle.appspec names cannot come into the bundle.",
    "Correct release.bundle.appspec, or remove it",
    _NOTHING_PACKED,
)
ALLOW_UNMATCHED = warning(
    "allow-file-unused",
    "An entry of release.bundle.allow that matches no file is misspelled, or left from what is gone.",
    "Correct or remove it",
    is_allowable=False,
)
