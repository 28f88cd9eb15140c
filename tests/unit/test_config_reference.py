"""The schema and the page are what the declaration says, and scaffolding writes files that work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from deliverkit.config import load
from deliverkit.config.reference import FOLDER, PAGE, SCHEMA, json_schema, page, write
from deliverkit.config.scaffold import EXAMPLE, application_name, write_missing
from deliverkit.domain.placeholders import PLACEHOLDERS
from deliverkit.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
VALIDATOR = jsonschema.Draft7Validator(YAML(typ="safe").load(json_schema()))


def test_the_published_files_are_up_to_date(tmp_path: Path) -> None:
    write(tmp_path)
    for name in (PAGE, SCHEMA):
        published = (ROOT / FOLDER / name).read_text(encoding="utf-8")
        assert published == (tmp_path / name).read_text(encoding="utf-8"), "python -m deliverkit.config.reference"


def keys_of(schema: dict[str, Any]) -> set[str]:
    inner = [*schema.get("properties", {}).values(), *schema.get("anyOf", [])]
    inner += [schema[key] for key in ("items", "additionalProperties") if isinstance(schema.get(key), dict)]
    return set(schema.get("properties", {})).union(*(keys_of(each) for each in inner))


def test_every_key_and_placeholder_is_on_the_page_and_in_the_example() -> None:
    keys = keys_of(YAML(typ="safe").load(json_schema()))
    assert len(keys) > 50
    reserved = {"sign", "notify", "jenkins"}
    for key in keys:
        assert f"| `{key}` |" in page()
        assert key in EXAMPLE or key in reserved, key
    for placeholder in PLACEHOLDERS:
        assert f"${{{placeholder}}}" in EXAMPLE
        assert f"| `${{{placeholder}}}` |" in page()


def test_the_schema_is_a_schema_that_accepts_what_loads() -> None:
    jsonschema.Draft7Validator.check_schema(VALIDATOR.schema)
    for text in (EXAMPLE, (ROOT / "examples/storefront/deliverkit.yml").read_text()):
        assert list(VALIDATOR.iter_errors(YAML(typ="safe").load(text))) == []


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("aplication",), "x"),
        (("application",), ""),
        (("release", "sign"), "kms://x"),
        (("release", "store"), "http://x"),
        (("release", "version"), "gti"),
        (("release", "version"), {"file": "a", "env": "B"}),
        (("gates", "up", "every"), 5),
        (("gates", "up", "passes"), 0),
        (("gates", "up", "targets"), {}),
        (("gates", "up", "http", "status"), "200"),
        (("gates", "machines", "targets"), {"all": True}),
        (("environments", "dev", "regions"), []),
        (("environments", "dev", "waves"), [["us-east-1"]]),
        (("environments", "dev", "deploy", "strategy"), "rolling"),
        (("environments", "dev", "on_failure"), "explode"),
        (("environments", "production", "approvals", "not_requester"), "yes"),
        (("environments",), {}),
    ],
)
def test_editors_refuse_what_the_loader_refuses(path: tuple[str, ...], value: Any, tmp_path: Path) -> None:
    document = YAML(typ="safe").load(EXAMPLE)
    spot = document
    for key in path[:-1]:
        spot = spot[key]
    spot[path[-1]] = value
    assert not VALIDATOR.is_valid(document)
    with (tmp_path / "deliverkit.yml").open("w") as file:
        YAML(typ="safe").dump(document, file)
    with pytest.raises(UsageError):
        load(tmp_path / "deliverkit.yml")


def test_scaffolding_writes_what_is_missing_and_never_more(tmp_path: Path) -> None:
    shop = tmp_path / "My Shop_2"
    (shop / "dist").mkdir(parents=True)
    (shop / "Jenkinsfile").write_text("mine")
    written = dict(write_missing(shop))
    assert written == {
        shop / "deliverkit.yml": True,
        shop / "deliverkit.schema.json": True,
        shop / "deploy/appspec.yml": True,
        shop / "deploy/appspec.schema.json": True,
        shop / ".deliverkit/.gitignore": True,
        shop / "Jenkinsfile": False,
    }
    assert (shop / "Jenkinsfile").read_text() == "mine"
    read = load(shop / "deliverkit.yml")
    assert read.application == "my-shop-2"
    assert read.release.bundle.path == shop / "dist"
    assert read.release.bundle.appspec == shop / "deploy/appspec.yml"
    assert "storefront" not in (shop / "deliverkit.yml").read_text() + (shop / "deploy/appspec.yml").read_text()
    assert not any(dict(write_missing(shop)).values())


def test_the_scaffolded_jenkinsfile_is_the_one_that_is_documented(tmp_path: Path) -> None:
    list(write_missing(tmp_path))
    assert (tmp_path / "Jenkinsfile").read_text() == (ROOT / "jenkins/Jenkinsfile").read_text()


@pytest.mark.parametrize(
    ("folder", "name"),
    [("shop", "shop"), ("My Shop!", "my-shop"), ("__", "application"), ("ÄÖ", "application"), ("x" * 90, "x" * 40)],
)
def test_names_taken_from_the_folder_load(folder: str, name: str, tmp_path: Path) -> None:
    directory = tmp_path / folder
    directory.mkdir()
    assert application_name(directory) == name
    list(write_missing(directory))
    assert load(directory / "deliverkit.yml").application == name


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "deploy").write_text("a file in the way")
    with pytest.raises(UsageError, match=r"deploy/appspec\.yml cannot be written"):
        list(write_missing(tmp_path))
