"""How a resource's actual properties are read: through its service's own operations, named as templates name them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.stacks.kind import Place, is_absence

Properties = dict[str, Any]
Reader = Callable[[Place, str, Mapping[str, Any]], Properties | None]
"""`(place, physical id, expected properties) -> actual properties`, None for a resource that is gone.

A property that is not set is there with None; one that is not there at all is not compared.
"""
_ABSENT = re.compile("NoSuch|NonExistent|NotExist|Not[._]?Found|ResourceNotFound", re.IGNORECASE)


def ask(place: Place, service: str, operation: str, **params: Any) -> Mapping[str, Any] | None:
    """A service's answer; None when it says that there is no such thing.

    Raises:
        botocore.exceptions.ClientError: For any other refusal.
    """
    try:
        return place.ask(service, operation, params)
    except ApiError as error:
        if is_absence(error.code):
            return None
        raise
    except Exception as error:
        if is_gone(error):
            return None
        raise


def is_gone(error: Exception) -> bool:
    """True for a client's error that says that there is no such thing."""
    code = str(getattr(error, "response", {}).get("Error", {}).get("Code", ""))
    return _ABSENT.search(code) is not None


def one(found: Mapping[str, Any] | None, name: str) -> Mapping[str, Any] | None:
    """The first element of a member of an answer; None without one."""
    listed = found.get(name) if found is not None else None
    return listed[0] if listed else None


def pick(found: Mapping[str, Any], *names: str, **renamed: str) -> Properties:
    """Members of an answer as properties.

    Args:
        found: The answer.
        names: Members that have the properties' own names.
        renamed: Members by the names of the properties.
    """
    return {name: found.get(member) for name, member in {**dict(zip(names, names, strict=True)), **renamed}.items()}


def own_tags(tags: Iterable[Mapping[str, Any]] | Mapping[str, str] | None) -> list[dict[str, str]]:
    """Tags without those that AWS itself sets."""
    if isinstance(tags, Mapping):
        tags = [{"Key": key, "Value": value} for key, value in tags.items()]
    found = ({"Key": str(each["Key"]), "Value": str(each["Value"])} for each in tags or ())
    return [each for each in found if not each["Key"].startswith("aws:")]
