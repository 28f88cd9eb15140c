"""Pipelines of single actions, run over HTTP, and what became of them."""

from __future__ import annotations

import io
import os
import subprocess
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codepipeline_fixtures import Rig


def zipped(files: Mapping[str, str]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return out.getvalue()


def action(name: str, kind: str, configuration: Mapping[str, str], **more: Any) -> dict[str, Any]:
    category, provider = kind.split("/")
    identity = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": identity, "configuration": dict(configuration), **more}


def on(name: str, kind: str, configuration: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """An action on the source's artifact."""
    return action(name, kind, configuration, inputArtifacts=[{"name": "Bundle"}], **more)


def run(rig: Rig, *stages: dict[str, Any], **members: Any) -> tuple[str, str, str]:
    """Create and follow the first execution; the pipeline's name, the execution's id and its end."""
    name = rig.create(*stages, **members)
    execution = rig.first_execution(name)
    return name, execution, rig.ends(name, execution)


def detail(rig: Rig, name: str, execution: str, action_name: str) -> Any:
    found = rig.actions(name, execution)
    return next(each for each in found if each["actionName"] == action_name)


def error_of(rig: Rig, name: str, execution: str, action_name: str) -> tuple[str, str]:
    """Code and message with which an action failed; in the history the message is the summary."""
    result = detail(rig, name, execution, action_name)["output"]["executionResult"]
    return result["errorDetails"]["code"], result["externalExecutionSummary"]


def contents(rig: Rig, artifact: Mapping[str, Any]) -> dict[str, str]:
    place = artifact["s3location"]
    body = rig.s3.get_object(Bucket=place["bucket"], Key=place["key"])["Body"].read()
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


def commit(place: Path, message: str, **files: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1"}
    who = ["-c", "user.name=Ada", "-c", "user.email=ada@example.com"]

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *who, *words], cwd=place, env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    if not (place / ".git").exists():
        place.mkdir(parents=True, exist_ok=True)
        git("init", "-q", "-b", "main")
    for name, text in files.items():
        (place / name).write_text(text)
    git("add", "-A")
    git("commit", "-q", "-m", message)
    return git("rev-parse", "HEAD")
