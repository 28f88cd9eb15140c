"""Build specifications: what a CodeBuild project runs (CodeBuild user guide, build specification reference)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from deliverkit.sandbox.codepipeline.builds import shell
from deliverkit.sandbox.codepipeline.builds.build import Output
from deliverkit.sandbox.codepipeline.definition import EnvironmentVariable

DEFAULT_NAME = "buildspec.yml"
_KINDS = {"variables": "PLAINTEXT", "parameter-store": "PARAMETER_STORE", "secrets-manager": "SECRETS_MANAGER"}
PHASES = ("install", "pre_build", "build", "post_build")


class BuildspecError(ValueError):
    """The specification cannot be read."""


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase.

    Attributes:
        commands: Until one fails.
        last: The commands of its `finally` block, which run in any case.
        on_failure: `ABORT` or `CONTINUE`; empty for what holds without it.
    """

    commands: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    on_failure: str = ""


@dataclass(frozen=True, slots=True)
class Buildspec:
    """A specification, read.

    Attributes:
        phases: By name.
        environment: Environment variables, their values still references where they are kept elsewhere.
        exported: Names of the variables that later actions may use.
        artifact: The main artifact; None when it has none.
        secondary: The other artifacts, by their identifier.
        interpreter: The shell that runs the commands.
    """

    phases: Mapping[str, Phase] = field(default_factory=dict)
    environment: tuple[EnvironmentVariable, ...] = ()
    exported: tuple[str, ...] = ()
    artifact: Output | None = None
    secondary: Mapping[str, Output] = field(default_factory=dict)
    interpreter: str = "sh"

    def script(self) -> str:
        """One script for all phases.

        A phase that fails ends the build, but a failed `build` is still followed by `post_build` (user guide, build
        phase transitions), unless `on-failure` says otherwise: `ABORT` the build, or `CONTINUE` to the next phase
        (build specification reference). That a build succeeds one of whose phases failed is not documented: it fails.
        What `finally` runs does not change how the phase ended.
        """
        phases = {name: self.phases.get(name, Phase()) for name in PHASES}
        functions = [_function(name, phase) for name, phase in phases.items()]
        transitions = [_transition(name, phase) for name, phase in phases.items()]
        return "\n".join([*functions, _BEGINNING, *transitions, "exit $__result"])


_BEGINNING = """
export CODEBUILD_BUILD_SUCCEEDING=1
__result=0
__fails() {
[ $__result -ne 0 ] || __result=$1
CODEBUILD_BUILD_SUCCEEDING=0
}
""".strip()


def _transition(name: str, phase: Phase) -> str:
    goes_on = phase.on_failure == "CONTINUE" or (name == "build" and phase.on_failure != "ABORT")
    return f"__{name} || {{ __fails $?; {'' if goes_on else 'exit $__result; '}}}"


def read(text: str) -> Buildspec:
    """The specification in a text.

    Raises:
        BuildspecError: With what is wrong.
    """
    found = _mapping(_parsed(text), "the buildspec")
    if str(found.get("version")) not in ("0.1", "0.2"):
        raise BuildspecError(f"the buildspec's version is {found.get('version')!r}, not 0.2")
    environment = _mapping(found.get("env") or {}, "env")
    phases = _mapping(found.get("phases") or {}, "phases")
    artifacts = _mapping(found.get("artifacts") or {}, "artifacts")
    secondary = _mapping(artifacts.get("secondary-artifacts") or {}, "secondary-artifacts")
    unknown = set(phases) - set(PHASES)
    if unknown:
        raise BuildspecError(f"the buildspec has unknown phases: {', '.join(sorted(unknown))}")
    return Buildspec(
        phases={name: _phase(name, _mapping(phase or {}, name)) for name, phase in phases.items()},
        environment=tuple(_variables(environment)),
        artifact=_artifact("", artifacts) if artifacts.get("files") else None,
        secondary={name: _artifact(name, _mapping(each, name)) for name, each in secondary.items()},
        exported=tuple(str(name) for name in environment.get("exported-variables") or ()),
        interpreter=_interpreter(environment),
    )


def _interpreter(environment: Mapping[str, Any]) -> str:
    """The shell for Linux (build specification reference, env/shell).

    Raises:
        BuildspecError: For a shell that is not there.
    """
    declared = str(environment.get("shell", "sh"))
    if declared.removeprefix("/bin/") not in ("sh", "bash"):
        raise BuildspecError(f"the buildspec's shell is {declared}, not sh or bash")
    return declared


def _function(name: str, phase: Phase) -> str:
    main = shell.sequence(phase.commands, "return", phase=name.upper())
    last = shell.sequence(phase.last, "return")
    # A `{ ...; }` body would be empty without the colon, which the shell refuses.
    return f"""__{name}_commands() {{
:
{main}
}}
__{name}_finally() {{
:
{last}
}}
__{name}() {{
__{name}_commands; __ended=$?
__{name}_finally
return $__ended
}}"""


def _phase(name: str, phase: Mapping[str, Any]) -> Phase:
    if "commands" not in phase and "finally" not in phase and "runtime-versions" not in phase:
        raise BuildspecError(f"the phase {name} has no commands")
    on_failure = str(phase.get("on-failure") or "")
    if on_failure not in ("", "ABORT", "CONTINUE"):
        raise BuildspecError(f"on-failure of the phase {name} is {on_failure}; only ABORT and CONTINUE are known here")
    return Phase(_commands(phase.get("commands")), _commands(phase.get("finally")), on_failure)


def _commands(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(str(each) for each in value or ())


def _variables(environment: Mapping[str, Any]) -> Iterator[EnvironmentVariable]:
    for member, kind in _KINDS.items():
        for name, value in _mapping(environment.get(member) or {}, member).items():
            yield EnvironmentVariable(str(name), str(value), kind)


def _artifact(name: str, declared: Mapping[str, Any]) -> Output:
    """User guide, artifacts; `name` and the caching of files mean nothing in a pipeline."""
    drops = str(declared.get("discard-paths", "no")).lower() in ("yes", "true")
    excluded = _commands(declared.get("exclude-paths"))
    base = str(declared.get("base-directory") or "")
    return Output(name, _commands(declared.get("files")), base, drops, excluded)


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise BuildspecError(f"{what} is no mapping")
    return value


def _parsed(text: str) -> Any:
    from ruamel.yaml import YAML  # noqa: PLC0415  (slow to import)
    from ruamel.yaml.error import YAMLError  # noqa: PLC0415

    try:
        return YAML(typ="safe", pure=True).load(text)
    except YAMLError as error:
        raise BuildspecError(f"the buildspec is no YAML: {error}") from error
