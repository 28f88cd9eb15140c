"""What is published of the lint is what it follows: the page of rules, and the JSON Schema for editors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from lint_cases import CASES, ECS, GOOD, LAMBDA, PERMISSION, WINDOWS, Case, findings, tree_at
from ruamel.yaml import YAML

from deliverkit.config.scaffold import write_missing
from deliverkit.packaging.appspec_form import RESOURCE_HOOKS, SERVER_HOOKS
from deliverkit.packaging.reference import FOLDER, PAGE, SCAFFOLD, SCHEMA, page, schema, write
from deliverkit.packaging.rules import RULES

ROOT = Path(__file__).resolve().parents[2]
VALIDATOR = jsonschema.Draft7Validator(json.loads(schema()))
# What a schema cannot see: the tree, the hosts, how values were written, and what values mean together.
BY_SHAPE = {
    *(
        "key-unknown",
        "os",
        "hook-unknown",
        "hook-not-scriptable",
        "hook-empty",
        "location-required",
        "location-absolute",
    ),
    *("file-incomplete", "object-required", "permission-type", "file-exists-behavior", "resource", "lambda-name"),
    *("lambda-alias", "lambda-version", "hook-function", "task-definition", "container-port", "platform-version"),
    *("network-configuration", "version", "sudo-text"),
}
# A list as a key, a merge of a text and a number's form are lost before a schema can see them.
UNSEEN = {"os: linux\n<<: 5", "os: linux\n? [a]\n: b", "version: 0"}


def loaded(text: str) -> Any:
    return YAML(typ="safe", pure=True).load(text)


def test_the_published_files_are_up_to_date(tmp_path: Path) -> None:
    for folder in (FOLDER, SCAFFOLD):
        (tmp_path / folder).mkdir(parents=True)
    write(tmp_path)
    for name in (FOLDER / PAGE, FOLDER / SCHEMA, SCAFFOLD / SCHEMA):
        published = (ROOT / name).read_text(encoding="utf-8")
        assert published == (tmp_path / name).read_text(encoding="utf-8"), "python -m deliverkit.packaging.reference"


def test_every_rule_is_on_the_page() -> None:
    assert [rule.id for rule in RULES if page().count(f"| `{rule.id}` |") != 1] == []


def test_the_schema_is_one_and_knows_every_hook() -> None:
    jsonschema.Draft7Validator.check_schema(VALIDATOR.schema)
    for name in {*SERVER_HOOKS, *(hook for hooks in RESOURCE_HOOKS.values() for hook in hooks)}:
        assert f'"{name}"' in schema()


@pytest.mark.parametrize("text", [GOOD, PERMISSION, WINDOWS, LAMBDA, ECS])
def test_good_appspecs_are_valid(text: str) -> None:
    assert list(VALIDATOR.iter_errors(loaded(text))) == []


def test_the_lenient_spelling_of_lambda_is_valid(tmp_path: Path) -> None:
    def lower(value: Any) -> Any:
        if isinstance(value, dict):
            return {key if key.startswith("Before") else key.lower(): lower(each) for key, each in value.items()}
        return [lower(each) for each in value] if isinstance(value, list) else value

    document = lower(loaded(LAMBDA))
    assert list(VALIDATOR.iter_errors(document)) == []
    assert findings(tree_at(tmp_path / "tree", json.dumps(document))) == []


SHAPED = [case for case in CASES if case.rule in BY_SHAPE and case.after not in UNSEEN]


@pytest.mark.parametrize("case", SHAPED, ids=lambda case: case.rule)
def test_editors_refuse_what_the_lint_refuses_by_its_shape(case: Case) -> None:
    document = loaded(case.text)
    assert not VALIDATOR.is_valid(document), case.text


def test_what_is_scaffolded_names_its_schema_and_is_valid(tmp_path: Path) -> None:
    list(write_missing(tmp_path))
    appspec = (tmp_path / "deploy" / "appspec.yml").read_text(encoding="utf-8")
    assert appspec.startswith("# yaml-language-server: $schema=appspec.schema.json\n")
    assert (tmp_path / "deploy" / "appspec.schema.json").read_text(encoding="utf-8") == schema()
    assert list(VALIDATOR.iter_errors(loaded(appspec))) == []
    assert findings(tree_at(tmp_path / "tree", appspec)) == []
