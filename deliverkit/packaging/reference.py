"""The published forms of the lint: the page of its rules, and the JSON Schema of appspec.yml for editors.

`python -m deliverkit.packaging.reference` in a checkout writes them; a test compares them with what is declared.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType

from deliverkit.packaging import resource_rules, tree_rules
from deliverkit.packaging.appspec_schema import appspec_schema
from deliverkit.packaging.finding import Rule
from deliverkit.packaging.rules import RULES

FOLDER = Path("docs/reference")
PAGE = "lint-rules.md"
SCHEMA = "appspec.schema.json"
# What `deliverkit init` writes beside the appspec.
SCAFFOLD = Path("deliverkit/config")

_INTRODUCTION = """\
# The lint of appspec.yml

This page and the [JSON Schema](appspec.schema.json) for editors are generated from the rules that the lint follows:
`python -m deliverkit.packaging.reference`.

`deliverkit package` checks appspec.yml and the scripts that it names before anything is packed; errors stop it.
`deliverkit package --check` does only that, judges the files as packaging would, and needs no AWS. The findings are the
data on stdout, with `--output json` as one document; exit code 2 when there are errors, 0 otherwise. `--sarif FILE`
writes them as SARIF 2.1.0 too, for code scanning services and for the warnings plugins of build servers.

    build/appspec.yml:9:16: error: timeout must be whole seconds, not '5m' [timeout]
        The agent reads only leading digits: 5m is 5 seconds, and anything else fails the deployment.
        fix: Write whole seconds from 1 to 3600, without a unit

An **error** is something that fails on every host, or does something else than is written. A **warning** may be right,
and often is not; packaging goes on. A **note** is only told by `--check`.

## Living with a finding

A comment allows a rule's findings in its own line or, standing alone, in the next line that is more than a comment. It
works in appspec.yml and in the scripts:

    # deliverkit: allow application-stop the script cannot fail, see its tests
    ApplicationStop:

`release.lint.allow` in [deliverkit.yml](configuration.md) allows a rule for the whole build. Both need a reason, which
is kept in the JSON and the SARIF output. A rule without "yes" in the column *allow* cannot be allowed: no reason makes
a deployment succeed that fails on every host. Allowances that name no rule, have no reason, or match nothing any more
are findings themselves.
"""
_BUILDS = """\
## Rules for the build itself

What no bundle can or should hold is refused whatever the appspec says, all of it at once. `--check` tells it with a
place in the JSON and the SARIF output too, and says why on stderr; the exit code is that of packaging.
"""
_HEAD = ("| rule | severity | otherwise | allow | why | fix |", "|---|---|---|---|---|---|")


def page() -> str:
    """The reference page, as Markdown."""
    for_resources, for_trees = _ids_in(resource_rules), _ids_in(tree_rules)
    servers = _table(rule for rule in RULES if rule.id not in for_resources | for_trees)
    resources = _table(rule for rule in RULES if rule.id in for_resources)
    trees = _table(rule for rule in RULES if rule.id in for_trees)
    return (
        f"{_INTRODUCTION}\n## Rules\n\n{servers}\n\n## Rules for Lambda and ECS alone\n\n{resources}\n\n"
        f"{_BUILDS}\n{trees}\n"
    )


def schema() -> str:
    """The JSON Schema, as text."""
    return json.dumps(appspec_schema(), indent=2) + "\n"


def _ids_in(module: ModuleType) -> set[str]:
    return {value.id for value in vars(module).values() if isinstance(value, Rule)}


def write(root: Path) -> None:
    """Write the page and the schema into a checkout."""
    (root / FOLDER / PAGE).write_text(page(), encoding="utf-8")
    for folder in (FOLDER, SCAFFOLD):
        (root / folder / SCHEMA).write_text(schema(), encoding="utf-8")


def _table(rules: Iterable[Rule]) -> str:
    return "\n".join([*_HEAD, *(_row(rule) for rule in rules)])


def _row(rule: Rule) -> str:
    allow = "yes" if rule.is_allowable else ""
    cells = (f"`{rule.id}`", rule.severity.value, rule.outcome.value, allow, rule.why, f"{rule.fix}.")
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    write(Path())
