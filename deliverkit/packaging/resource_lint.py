"""Check an application specification for Lambda or ECS: the resource, its properties and its hooks.

Source: CodeDeploy User Guide, "AppSpec 'resources' section" and "AppSpec 'hooks' section".
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from deliverkit.packaging import resource_rules, rules
from deliverkit.packaging.appspec import ResourceAppspec, nearest
from deliverkit.packaging.appspec_form import (
    ALIAS,
    ECS,
    ECS_PROPERTIES,
    FUNCTION_NAME,
    FUNCTION_VERSION,
    HOOK_FUNCTION,
    LAMBDA,
    LAMBDA_PROPERTIES,
    RESOURCE_HOOKS,
    RESOURCE_UNSCRIPTABLE,
    spellings,
)
from deliverkit.packaging.ecs_lint import lint_ecs
from deliverkit.packaging.finding import Finding, Rule
from deliverkit.yaml_tree import Mapping, Node, Scalar

_MEMBERS = ("Type", "Properties")
_PATTERNS: dict[str, tuple[str, Rule]] = {
    "Name": (FUNCTION_NAME, resource_rules.LAMBDA_NAME),
    "Alias": (ALIAS, resource_rules.LAMBDA_ALIAS),
    "CurrentVersion": (FUNCTION_VERSION, resource_rules.LAMBDA_VERSION),
    "TargetVersion": (FUNCTION_VERSION, resource_rules.LAMBDA_VERSION),
}


def lint_resources(spec: ResourceAppspec) -> Iterator[Finding]:
    """Check type, properties and hooks."""
    named = [entry for resource in spec.resources for entry in resource.entries]
    if len(named) != 1:
        message = f"Resources must name exactly one function or service, not {len(named)}"
        yield resource_rules.RESOURCE.at(spec.place, message)
    kinds = set()
    for name, body in named:
        if isinstance(body, Mapping):
            kinds.add(_type(body))
            yield from _resource(name, body)
        else:
            yield rules.SHAPE.at(body.place, f"{name.text} must be keys and values (Type: ...)")
    if len(kinds) == 1:
        yield from _hooks(spec, kinds.pop())


def member(mapping: Mapping, key: str) -> Node | None:
    """The value of a key, in either spelling."""
    return next((found for each in spellings(key, is_lenient=True) if (found := mapping.get(each)) is not None), None)


def unknown_keys(mapping: Mapping, known: tuple[str, ...], what: str, *, is_lenient: bool = False) -> Iterator[Finding]:
    """Keys that are not known, and keys that are there in both spellings."""
    allowed = {each: key for key in known for each in spellings(key, is_lenient=is_lenient)}
    seen: set[str] = set()
    for key, _ in mapping.entries:
        meant = allowed.get(key.text)
        if meant is None:
            yield rules.KEY_UNKNOWN.at(key.place, f"{what} has no key {key.text!r}{nearest(key.text, known)}")
        elif meant in seen:
            yield rules.YAML_DUPLICATE.at(key.place, f"{key.text} is written for the second time")
        seen.add(meant or "")


def _type(resource: Mapping) -> str:
    kind = member(resource, "Type")
    return kind.text if isinstance(kind, Scalar) else ""


def _resource(name: Scalar, resource: Mapping) -> Iterator[Finding]:
    yield from unknown_keys(resource, _MEMBERS, name.text, is_lenient=True)
    kind = _type(resource)
    if kind not in {LAMBDA, ECS}:
        message = f"{name.text} needs Type {LAMBDA} or {ECS}{nearest(kind, (LAMBDA, ECS))}"
        yield resource_rules.RESOURCE.at(resource.place, message)
        return
    properties = member(resource, "Properties")
    if not isinstance(properties, Mapping):
        yield resource_rules.RESOURCE.at(resource.place, f"{name.text} needs Properties")
    elif kind == LAMBDA:
        yield from _lambda(properties)
    else:
        yield from unknown_keys(properties, ECS_PROPERTIES, "Properties")
        yield from lint_ecs(properties)


def _lambda(properties: Mapping) -> Iterator[Finding]:
    yield from unknown_keys(properties, LAMBDA_PROPERTIES, "Properties", is_lenient=True)
    texts: dict[str, str] = {}
    for key, (pattern, rule) in _PATTERNS.items():
        value = member(properties, key)
        if value is None:
            yield resource_rules.RESOURCE.at(properties.place, f"the function needs the property {key}")
        elif not isinstance(value, Scalar):
            yield rules.SHAPE.at(value.place, f"{key} must be a single value")
        elif not re.fullmatch(pattern, value.text):
            yield rule.at(value.place, f"{key} cannot be {value.text!r}")
        else:
            texts[key] = value.text
            if key == "TargetVersion" and texts.get("CurrentVersion") == value.text:
                message = f"CurrentVersion and TargetVersion are both {value.text}"
                yield resource_rules.LAMBDA_SAME_VERSION.at(value.place, message)


def _hooks(spec: ResourceAppspec, kind: str) -> Iterator[Finding]:
    known, reserved = RESOURCE_HOOKS.get(kind), RESOURCE_UNSCRIPTABLE.get(kind, ())
    seen: set[str] = set()
    for hook, function in spec.hooks if known else ():
        if hook.text in reserved:
            yield rules.HOOK_NOT_SCRIPTABLE.at(hook.place, f"{hook.text} calls no function")
        elif hook.text not in (known or ()):
            yield rules.HOOK_UNKNOWN.at(hook.place, f"there is no hook {hook.text!r}{nearest(hook.text, known or ())}")
        elif hook.text in seen:
            yield resource_rules.HOOK_DUPLICATE.at(hook.place, f"{hook.text} is written for the second time")
        seen.add(hook.text)
        if function.is_null or not re.fullmatch(HOOK_FUNCTION, function.text):
            yield resource_rules.HOOK_FUNCTION.at(function.place, f"{function.text!r} names no function")
