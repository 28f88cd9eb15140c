"""The files that `deliverkit init` writes; the commented example is one of them, so it cannot grow old."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from deliverkit.config.loader import NAME
from deliverkit.config.reference import json_schema
from deliverkit.errors import UsageError

_HERE = Path(__file__).parent
_EXAMPLES_NAME = "storefront"
_BUILD_FOLDERS = ("build", "dist", "target", "public", "out")

EXAMPLE = (_HERE / "example.yml").read_text(encoding="utf-8")
"""A commented deliverkit.yml with every key; it loads as it stands."""


def write_missing(directory: Path) -> Iterator[tuple[Path, bool]]:
    """Write the files of a delivery that are missing; never overwrite one.

    The application is named after the directory, and the build is the first common build folder there is.

    Yields:
        Each path, and whether it was written.

    Raises:
        UsageError: If a file cannot be written.
    """
    for relative, text in _files(directory).items():
        path = directory / relative
        yield path, _write(path, text)


def _files(directory: Path) -> Mapping[str, str]:
    name = application_name(directory)
    build = next((each for each in _BUILD_FOLDERS if (directory / each).is_dir()), "build")
    example = EXAMPLE.replace(_EXAMPLES_NAME, name).replace("path: build/", f"path: {build}/")
    return {
        NAME: example,
        "deliverkit.schema.json": json_schema(),
        "deploy/appspec.yml": (_HERE / "appspec.yml").read_text(encoding="utf-8").replace(_EXAMPLES_NAME, name),
        "deploy/appspec.schema.json": (_HERE / "appspec.schema.json").read_text(encoding="utf-8"),
        ".deliverkit/.gitignore": "# What deliverkit keeps here for itself.\n*\n",
        "Jenkinsfile": (_HERE / "Jenkinsfile.tmpl").read_text(encoding="utf-8"),
    }


def application_name(directory: Path) -> str:
    """The directory's name as an application, a bucket and a deployment group can be named."""
    name = re.sub(r"[^a-z0-9]+", "-", directory.absolute().name.lower(), flags=re.ASCII).strip("-")
    return name[:40].strip("-") or "application"


def _write(path: Path, text: str) -> bool:
    if path.exists() or path.is_symlink():
        return False
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}") from error
    return True
