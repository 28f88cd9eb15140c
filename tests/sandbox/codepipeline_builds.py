"""Sources, projects and build actions for the tests of what really runs."""

from __future__ import annotations

import io
import itertools
import zipfile
from typing import Any

from codepipeline_fixtures import Rig

_projects = itertools.count()


def bundle(**files: str) -> bytes:
    """A ZIP with `notes.txt`, an executable `check.sh`, and more."""
    body = io.BytesIO()
    with zipfile.ZipFile(body, "w") as archive:
        archive.writestr("notes.txt", "fit for production\n")
        script = zipfile.ZipInfo("check.sh")
        script.external_attr = 0o755 << 16
        archive.writestr(script, "#!/bin/sh\ngrep -q fit notes.txt\n")
        for name, text in files.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), text)
    return body.getvalue()


def project(rig: Rig, spec: str = "", **variables: str) -> str:
    """A CodeBuild project; its name."""
    name = f"project-{next(_projects)}"
    # moto asks every source for a location, even one that a pipeline gives.
    source = {"type": "CODEPIPELINE", "location": "unused", **({"buildspec": spec} if spec else {})}
    environment = [{"name": key, "value": value, "type": "PLAINTEXT"} for key, value in variables.items()]
    rig.client("codebuild").create_project(
        name=name,
        source=source,
        artifacts={"type": "NO_ARTIFACTS"},
        environment={
            "type": "LINUX_CONTAINER",
            "image": "aws/codebuild/standard:7.0",
            "computeType": "BUILD_GENERAL1_SMALL",
            "environmentVariables": environment,
        },
        serviceRole="arn:aws:iam::123456789012:role/service-role/build",
    )
    return name


def commands(*lines: str, name: str = "Run", **more: Any) -> dict[str, Any]:
    kind = {"category": "Compute", "owner": "AWS", "provider": "Commands", "version": "1"}
    return {
        "name": name,
        "actionTypeId": kind,
        "commands": list(lines),
        "inputArtifacts": [{"name": "Bundle"}],
        **more,
    }


def build(project: str, name: str = "Build", category: str = "Build", **more: Any) -> dict[str, Any]:
    kind = {"category": category, "owner": "AWS", "provider": "CodeBuild", "version": "1"}
    configuration = {"ProjectName": project, **more.pop("configuration", {})}
    return {
        "name": name,
        "actionTypeId": kind,
        "configuration": configuration,
        "inputArtifacts": [{"name": "Bundle"}],
        **more,
    }
