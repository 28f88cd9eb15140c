"""How a configured build becomes a bundle: the part of the composition root about packing, which needs no AWS."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from deliverkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from deliverkit.config import Settings
    from deliverkit.packaging.package import PackingRules
    from deliverkit.releasing import BuildRecipe


def recipe_of(settings: Settings, environ: Mapping[str, str]) -> BuildRecipe:
    """How the configured build becomes a bundle."""
    from deliverkit.adapters import git  # noqa: PLC0415
    from deliverkit.releasing import BuildRecipe  # noqa: PLC0415

    return BuildRecipe(
        path=settings.release.bundle.path,
        rules=partial(_packing_rules, settings),
        version=partial(_version, settings, environ),
        source=git.source_revision,
        has_format=settings.release.bundle.has_format,
        memory=settings.path.parent / ".deliverkit" / "packed",
    )


def _packing_rules(settings: Settings) -> PackingRules:
    from deliverkit.packaging.package import PackingRules  # noqa: PLC0415  (only packaging pays for it)

    bundle = settings.release.bundle
    return PackingRules(
        format=bundle.format,
        compression=bundle.compression,
        appspec=bundle.appspec,
        allow=bundle.allow,
        allow_places=bundle.allow_places,
        keeps_links=bundle.keeps_links,
        policy=settings.release.lint,
    )


def _version(settings: Settings, environ: Mapping[str, str], tree: Path) -> str:
    from deliverkit.adapters import git  # noqa: PLC0415

    source = settings.release.version
    match source.kind:
        case "git":
            return git.describe(tree)
        case "file":
            return _first_line(settings.path.parent / source.value)
        case "env":
            if not environ.get(source.value):
                raise UsageError(f"release.version names the environment variable {source.value}, which is not set")
            return environ[source.value].strip()
        case _:
            return source.value


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        message = f"release.version names the file {path}, which cannot be read: {why}"
        raise UsageError(message, hint="write the version into it, or correct release.version") from error
