"""One run of commands, and all of an account and Region that go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deliverkit.sandbox.kernel.world import World

if TYPE_CHECKING:
    from deliverkit.sandbox.codepipeline.providers.provider import Job


@dataclass(frozen=True, slots=True)
class Output:
    """An output artifact, and the files that go into it.

    Attributes:
        name: The artifact's.
        patterns: Of files, below the base; `**` stands for any depth.
        base: Directory below the sources; empty for the sources themselves.
        drops_directories: True to put all files side by side.
        excluded: Patterns of files to leave out, below the base.
    """

    name: str
    patterns: tuple[str, ...] = ("**/*",)
    base: str = ""
    drops_directories: bool = False
    excluded: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Build:
    """Commands on their way.

    Attributes:
        id: UUID.
        job: The attempt at an action or rule that they are run for.
        script: What the shell runs; its exit status is the build's.
        environment: Variables of the shell, besides what every build has.
        exported: Names of the variables whose values are read when all commands succeeded.
        log_group: Group of CloudWatch Logs.
        primary: Name of the input artifact in whose directory it runs; empty for the first.
        project: Name of the CodeBuild project; empty for plain commands.
        outputs: What is gathered when it went well.
        interpreter: The shell that runs the script.
    """

    id: str
    job: Job
    script: str
    environment: Mapping[str, str]
    exported: tuple[str, ...]
    log_group: str
    primary: str = ""
    project: str = ""
    outputs: tuple[Output, ...] = ()
    interpreter: str = "sh"

    @property
    def shown_id(self) -> str:
        """The id that people and commands see."""
        return f"{self.project}:{self.id}" if self.project else self.id

    @property
    def url(self) -> str:
        """The console's page of a project's build, as seen on AWS; plain commands have none."""
        page = f"https://console.aws.amazon.com/codebuild/home?region={self.region}#/builds/{self.shown_id}/view/new"
        return page if self.project else ""

    @property
    def account(self) -> str:
        """Whose build it is."""
        return self.job.account

    @property
    def region(self) -> str:
        """Where it runs."""
        return self.job.run.region


@dataclass(frozen=True, slots=True)
class Ending:
    """How a build went.

    Attributes:
        exit_code: Of the command that failed, 0 when none did; negative when a signal ended it.
        variables: Values of the exported variables.
        output: All that the commands printed.
        artifacts: ZIPs of what was gathered, by artifact name.
        problem: Why nothing was gathered, though the commands went well; empty for no reason.
        phase: In which of CodeBuild's phases the first command failed; empty when none did, or there are no phases.
        command: That command.
    """

    exit_code: int
    variables: Mapping[str, str]
    output: bytes
    artifacts: Mapping[str, bytes] = field(default_factory=dict)
    problem: str = ""
    phase: str = ""
    command: str = ""

    @property
    def status(self) -> str:
        """CodeBuild's word for it."""
        return "SUCCEEDED" if self.exit_code == 0 and not self.problem else "FAILED"

    @property
    def failure(self) -> tuple[str, str, str] | None:
        """The phase that failed, with the code and the message that it has on AWS; None when none did."""
        if self.problem:
            return "UPLOAD_ARTIFACTS", "CLIENT_ERROR", self.problem
        if not self.phase:
            return None
        message = f"Error while executing command: {self.command}. Reason: exit status {self.exit_code}"
        return self.phase, "COMMAND_EXECUTION_ERROR", message


@dataclass(slots=True)
class BuildBook:
    """The builds that go on, by id."""

    builds: dict[str, Build] = field(default_factory=dict)


def book_of(world: World, account: str, region: str) -> BuildBook:
    """The builds of an account and Region."""
    return world.store(BuildBook, account, region)
