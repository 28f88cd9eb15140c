#!/usr/bin/env python3
"""Writes docs/reference/sandbox-operations.md: every operation of the sandbox's services, and the test that shows it.

    mkdir /tmp/seen && DELIVERKIT_ANSWERS_SEEN=/tmp/seen scripts/test tests/sandbox && scripts/operations.py /tmp/seen

What a test shows is what it really saw: every test of the sandbox writes down which operations answered it and with
which errors (`tests/sandbox/answers_seen.py`). Whenever a test of the page runs, it fails if it did not see what the
page says that it shows; so the page cannot become untrue unnoticed.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import botocore.loaders
import botocore.model
from botocore import xform_name

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "reference" / "sandbox-operations.md"
SERVICES = {"codedeploy": "CodeDeploy", "codepipeline": "CodePipeline"}
NOT_SHOWN = "**no test**"
_ENDS = "tests/sandbox/test_codedeploy_endings.py"
_HOSTS = "tests/sandbox/test_codedeploy_on_premises.py"
OTHERWISE: Mapping[str, str] = {
    "ConcurrentModificationException": "no two requests overlap here",
    "DeleteGitHubAccountToken": "refused: tokens are made in AWS's console only, as "
    f"[`test_there_are_no_github_tokens_outside_the_console`](../../{_HOSTS}) shows",
    "DeploymentNotStartedException": "met only before the deployment's first moment: "
    f"[`test_a_deployment_stopped_before_its_start_never_begins`](../../{_ENDS})",
    "InvalidGitHubAccountTokenException": "there are no tokens outside of AWS's console",
    "OperationNotSupportedException": "AWS names no situation",
    "ResourceValidationException": "AWS names no situation",
    "DeploymentAlreadyStartedException": "no operation lists it",
    "InvalidInstanceIdException": "no operation lists it",
    "InvalidTargetException": "no operation lists it",
    "InvalidBlockerDeclarationException": "blockers are reserved for future use",
}
"""Operations that never succeed, exceptions that no caller meets, and what is not shown by an answer over HTTP."""


Shown = Mapping[str, "list[Test]"]
"""The tests that saw something, by `codedeploy.GetDeployment`."""


class Test:
    """A test and what it saw.

    Attributes:
        module: Its module's name.
        name: Its own, with the case in brackets where there are several.
        seen: How many operations and errors it saw; the fewer, the better it shows one of them.
    """

    __test__ = False

    def __init__(self, module: str, name: str, seen: int) -> None:
        self.module, self.name, self.seen = module, name, seen

    @property
    def words(self) -> set[str]:
        """The words of both names, in the singular."""
        return _singular(re.findall(r"[a-z0-9]+", f"{self.module}_{self.name}".lower()))

    @property
    def is_about_refusals(self) -> bool:
        """True for one that rather shows what an operation does not do."""
        return bool(self.words & {"refused", "limit", "unknown"}) or "Exception" in self.name

    @property
    def link(self) -> str:
        """The test as Markdown."""
        return f"[`{self.name}`](../../tests/sandbox/{self.module}.py)"


def _singular(words: Iterable[str]) -> set[str]:
    return {word.removesuffix("s") for word in words}


def page(shown: Shown) -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_service(name, title, shown) for name, title in SERVICES.items())])


def shown_in(directory: Path) -> Shown:
    """What the tests of a run wrote down, those left out that see whatever chance brings."""
    sys.path.insert(0, str(ROOT / "tests" / "sandbox"))
    from answers_seen import read  # noqa: PLC0415  (the tests' own module, found once its folder is on the path)

    found: dict[str, list[Test]] = defaultdict(list)
    for module, name, seen in read(directory):
        if not module.endswith("_laws") and "|" not in name and "`" not in name:
            for each in seen:
                found[each].append(Test(module, name, len(seen)))
    return found


_HEAD = """# What the sandbox's own services answer

Made by `scripts/operations.py` from botocore's models and from what the tests saw: each test named here fails if the
operation or the error beside it did not answer. Besides, `tests/sandbox/test_model_laws.py` feeds every operation with
requests made from the models.
Everything else of AWS is answered by moto, mended where it has to be; [what gates ask](sandbox-checks.md) has a page
of its own.
"""


def _service(name: str, title: str, shown: Shown) -> str:
    model = service_model(name)
    operations = [(each, _showing(name, each, shown)) for each in sorted(model.operation_names)]
    exceptions = [(each, _showing(name, each, shown)) for each in sorted(exceptions_of(model))]
    return "\n".join(
        [
            f"## {title}: {len(operations)} operations\n",
            _table(("operation", "shown by"), operations),
            f"## {title}: {len(exceptions)} exceptions\n",
            _table(("exception", "shown by"), exceptions),
        ]
    )


def service_model(name: str) -> botocore.model.ServiceModel:
    """botocore's model of a service."""
    return botocore.model.ServiceModel(botocore.loaders.Loader().load_service_model(name, "service-2"), name)


def exceptions_of(model: Any) -> set[str]:
    """Names of all the errors that some operation of a service may answer with."""
    return {shape.name for name in model.operation_names for shape in model.operation_model(name).error_shapes}


def _table(head: tuple[str, str], rows: Iterable[tuple[str, str]]) -> str:
    lines = [f"| {head[0]} | {head[1]} |", "| --- | --- |", *(f"| `{left}` | {right} |" for left, right in rows)]
    return "\n".join(lines) + "\n"


def _showing(service: str, word: str, shown: Shown) -> str:
    """The test whose name speaks most of the operation or error, the plainest first among equals."""
    if word in OTHERWISE:
        return OTHERWISE[word]
    words = _singular(xform_name(word.removesuffix("Exception")).split("_"))
    is_operation = not word.endswith("Exception")

    def rank(test: Test) -> tuple[bool, int, int, str, str]:
        is_beside = is_operation and test.is_about_refusals
        return is_beside, -len(words & test.words), test.seen, test.module, test.name

    tests = shown.get(f"{service}.{word}", [])
    return min(tests, key=rank).link if tests else NOT_SHOWN


def main(arguments: list[str]) -> int:
    """Write the page from what a run of the tests saw."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write(f"{__doc__}\nusage: scripts/operations.py DIRECTORY\n")
        return 2
    PAGE.write_text(page(shown_in(Path(arguments[0]))), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
