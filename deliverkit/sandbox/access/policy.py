"""IAM's decision over policy documents: an explicit deny wins, then an allow is needed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from deliverkit.sandbox.access.conditions import Keys, all_hold, as_list, matches

Document = Mapping[str, Any]


class Decision(Enum):
    """What policies say about one action on one resource."""

    ALLOWED = "allowed"
    DENIED = "denied"
    SILENT = "silent"


def parsed(text: str | Mapping[str, Any]) -> Document:
    """A policy document; one that is not JSON says nothing."""
    if isinstance(text, Mapping):
        return text
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def decide(documents: Iterable[Document], action: str, resource: str, keys: Keys) -> Decision:
    """What the documents say together.

    Args:
        documents: Policy documents.
        action: `codedeploy:CreateDeployment`.
        resource: ARN, or `*` for an action without a resource.
        keys: Values of condition keys, for conditions and for policy variables.
    """
    decision = Decision.SILENT
    for document in documents:
        for statement in _statements(document):
            if not applies(statement, action, resource, keys):
                continue
            if statement.get("Effect") == "Deny":
                return Decision.DENIED
            if statement.get("Effect") == "Allow":
                decision = Decision.ALLOWED
    return decision


def trusts(document: Document, principals: Iterable[str], action: str, keys: Keys) -> Decision:
    """What a role's trust policy says about principals.

    Args:
        document: The trust policy.
        principals: The names by which the caller may be meant: its ARN, its account's id and root, or a service.
        action: `sts:AssumeRole`.
        keys: Values of condition keys.
    """
    meant = for_principals(document, principals)["Statement"]
    return decide([{"Statement": [{**each, "Resource": "*"} for each in meant]}], action, "*", keys)


def for_principals(document: Document, principals: Iterable[str]) -> Document:
    """The statements of a resource's policy that mean one of the principals."""
    known = set(principals)
    return {"Statement": [each for each in _statements(document) if _means(each, known)]}


def applies(statement: Mapping[str, Any], action: str, resource: str, keys: Keys) -> bool:
    """True when a statement is about the action on the resource under the present conditions."""
    return (
        _fits(statement, "Action", action, {}, lower=True)
        and _fits(statement, "Resource", resource, keys, lower=False)
        and all_hold(statement.get("Condition", {}), keys)
    )


def _fits(statement: Mapping[str, Any], element: str, text: str, keys: Keys, *, lower: bool) -> bool:
    # Actions are matched whatever their case (IAM user guide, "Action").
    text = text.lower() if lower else text
    negated = f"Not{element}"
    if negated in statement:
        return not any(_matches(each, text, keys, lower=lower) for each in as_list(statement[negated]))
    return any(_matches(each, text, keys, lower=lower) for each in as_list(statement.get(element, [])))


def _matches(pattern: str, text: str, keys: Keys, *, lower: bool) -> bool:
    for key, values in keys.items():
        if "${" in pattern and values:
            pattern = _filled(pattern, key, values[0])
    return matches(pattern.lower() if lower else pattern, text)


def _filled(pattern: str, key: str, value: str) -> str:
    start = pattern.lower().find(f"${{{key}}}")
    return pattern if start < 0 else _filled(pattern[:start] + value + pattern[start + len(key) + 3 :], key, value)


def _statements(document: Document) -> list[Mapping[str, Any]]:
    found = document.get("Statement", [])
    return [each for each in (found if isinstance(found, list) else [found]) if isinstance(each, Mapping)]


def _means(statement: Mapping[str, Any], known: set[str]) -> bool:
    if "NotPrincipal" in statement:
        return not _is_principal(statement["NotPrincipal"], known)
    return _is_principal(statement.get("Principal"), known)


def _is_principal(principal: Any, known: set[str]) -> bool:
    if principal == "*":
        return True
    kinds = ("AWS", "Service") if isinstance(principal, Mapping) else ()
    named = [each for kind in kinds for each in as_list(principal.get(kind, []))]
    return any(each == "*" or each in known for each in named)
