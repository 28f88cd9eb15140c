"""Gathers the files of output artifacts after a build."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

from deliverkit.sandbox.codepipeline.builds.build import Output


class NothingFoundError(Exception):
    """No file matches any of an artifact's patterns."""


def gather(directory: Path, output: Output) -> bytes:
    """A ZIP with the files of an artifact.

    Args:
        directory: The build's sources.
        output: What to look for.

    Raises:
        NothingFoundError: As CodeBuild does, which uploads no empty artifact.
    """
    base = (directory / output.base).resolve()
    excluded = {path for pattern in output.excluded for path in _matching(base, pattern)}
    found = sorted({path for pattern in output.patterns for path in _matching(base, pattern)} - excluded)
    if not found:
        patterns = ", ".join(output.patterns)
        raise NothingFoundError(f"no matching artifact paths found for {output.name}: {patterns}")
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in found:
            archive.write(path, path.name if output.drops_directories else path.relative_to(base))
    return body.getvalue()


def _matching(base: Path, pattern: str) -> Iterator[Path]:
    relative = pattern.removeprefix("./").lstrip("/") or "**/*"
    if ".." in Path(relative).parts:  # nothing of this machine beside the build's own files
        return iter(())
    return (path for path in base.glob(relative) if path.is_file())
