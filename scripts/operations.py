#!/usr/bin/env python3
"""Writes docs/reference/sandbox-operations.md: every operation of the sandbox's services, and the test that shows it.

Run it without arguments to write the page, with `--print` to see it. Which test shows what is read from the tests
themselves: an operation is shown by the test function that reaches its boto3 call by the shortest way through the
tests' own helpers; an exception by the test that names it.
"""

from __future__ import annotations

import ast
import re
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model
from botocore import xform_name

ROOT = Path(__file__).resolve().parent.parent
TESTS = ROOT / "tests" / "sandbox"
PAGE = ROOT / "docs" / "reference" / "sandbox-operations.md"
SERVICES = {"codedeploy": "CodeDeploy", "codepipeline": "CodePipeline"}
NOT_SHOWN = "**no test**"
NEVER_RAISED: Mapping[str, str] = {
    "DeploymentAlreadyStartedException": "no operation lists it",
    "InvalidInstanceIdException": "no operation lists it",
    "InvalidTargetException": "no operation lists it",
    "InvalidBlockerDeclarationException": "blockers are reserved for future use",
}
"""Exceptions that AWS's own model declares and that no caller ever meets."""


@dataclass
class Function:
    """A function of the tests: what it calls by name, and which texts it holds."""

    module: str
    name: str
    calls: set[str] = field(default_factory=set)
    texts: set[str] = field(default_factory=set)

    @property
    def is_test(self) -> bool:
        """True for a test, false for a helper."""
        return self.name.startswith("test_")


def page() -> str:
    """The whole page."""
    functions = list(_functions())
    parts = [_HEAD, *(_service(name, title, functions) for name, title in SERVICES.items())]
    return "\n".join(parts)


_HEAD = """# What the sandbox's own services answer

Made by `scripts/operations.py` from botocore's models and from the tests; `tests/unit/test_documentation.py` compares.
Everything else of AWS is answered by moto.
"""


def _service(name: str, title: str, functions: list[Function]) -> str:
    model = service_model(name)
    rows = [(f"`{each}`", _showing(xform_name(each), functions)) for each in sorted(model.operation_names)]
    shown = [(f"`{each}`", _raised(each, functions)) for each in sorted(_exceptions(model))]
    return "\n".join(
        [
            f"## {title}: {len(rows)} operations\n",
            _table(("operation", "shown by"), rows),
            f"### {title}: {len(shown)} exceptions\n",
            _table(("exception", "shown by"), shown),
        ]
    )


def service_model(name: str) -> botocore.model.ServiceModel:
    """botocore's model of a service."""
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)


def _exceptions(model: Any) -> set[str]:
    return {shape.name for name in model.operation_names for shape in model.operation_model(name).error_shapes}


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "| --- | --- |", *(f"| {left} | {right} |" for left, right in rows)]
    return "\n".join(lines) + "\n"


# --- reading the tests ----------------------------------------------------------------------------


@cache
def _trees() -> tuple[tuple[str, ast.Module], ...]:
    return tuple((path.name, ast.parse(path.read_text(encoding="utf-8"))) for path in sorted(TESTS.glob("*.py")))


def _functions() -> Iterator[Function]:
    for module, tree in _trees():
        shared = {text for node in tree.body if not isinstance(node, _SCOPES) for text in _texts(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                found = Function(module, node.name, set(_called(node)), set(_texts(node)))
                # Cases of a parametrised test may stand above it in the module.
                names = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
                found.texts |= {text for text in shared if names & _names_above(tree)}
                yield found


_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)


def _names_above(tree: ast.Module) -> set[str]:
    assigned = (node for node in tree.body if isinstance(node, ast.Assign))
    return {target.id for node in assigned for target in node.targets if isinstance(target, ast.Name)}


def _called(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Attribute):
            yield each.attr
        elif isinstance(each, ast.Name):
            yield each.id
        elif isinstance(each, ast.Constant) and isinstance(each.value, str) and each.value.isidentifier():
            yield each.value


def _texts(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and isinstance(each.value, str):
            yield each.value


# --- finding the test -----------------------------------------------------------------------------


def _showing(method: str, functions: list[Function]) -> str:
    """The test nearest to the call; names that begin with the operation's words come first among equals."""
    helpers = [function for function in functions if not function.is_test]
    reached, queue, distance = {method}, deque([(method, 0)]), {method: 0}
    while queue:
        name, steps = queue.popleft()
        for helper in helpers:
            if name in helper.calls and helper.name not in reached and not helper.name.startswith("_"):
                reached.add(helper.name)
                distance[helper.name] = steps + 1
                queue.append((helper.name, steps + 1))
    tests = [function for function in functions if function.is_test and function.calls & reached]
    if not tests:
        return NOT_SHOWN
    words = set(re.split(r"_", method))

    def rank(test: Function) -> tuple[int, int, int, str, str]:
        nearest = min(distance[name] for name in test.calls & reached)
        likeness = len(words & set(re.split(r"_", f"{test.module.removesuffix('.py')}_{test.name}")))
        return nearest, -likeness, len(test.calls), test.module, test.name

    return _link(min(tests, key=rank))


def _raised(exception: str, functions: list[Function]) -> str:
    if exception in NEVER_RAISED:
        return NEVER_RAISED[exception]
    short = exception.removesuffix("Exception")
    tests = [each for each in functions if each.is_test and each.texts & {exception, short}]
    return _link(min(tests, key=lambda each: (len(each.calls), each.module, each.name))) if tests else NOT_SHOWN


def _link(test: Function) -> str:
    return f"[{test.name.removeprefix('test_').replace('_', ' ')}](../../tests/sandbox/{test.module})"


def main(arguments: list[str]) -> int:
    """Write or print the page."""
    if arguments == ["--print"]:
        sys.stdout.write(page())
        return 0
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
