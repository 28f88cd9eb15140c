"""`deliverkit jenkins worker`: do the jobs of a custom action type of CodePipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.cli.jenkins_options import add_parameters_argument, add_url_argument, build_parameters_of
from deliverkit.cli.options import STATE_DIR, Console, Options, sandbox_state_dir, whole_number
from deliverkit.cli.watching import duration
from deliverkit.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path
    from typing import Any

DEFAULT_PROVIDER = "Jenkins"
DEFAULT_BUILDS, DEFAULT_COMMANDS = 10, 1


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    worker = verbs.add_parser(
        "worker",
        parents=[shared],
        help="do the jobs that CodePipeline has for a custom action: build a Jenkins job, or run a command, for each",
    )
    worker.add_argument("--category", choices=("Build", "Test"), default="Build", help="of the action type")
    worker.add_argument("--provider", default=DEFAULT_PROVIDER, help="of the action type (default: Jenkins)")
    worker.add_argument("--action-version", metavar="VERSION", default="1", help="of the action type (default: 1)")
    worker.add_argument(
        "--project",
        metavar="VALUE",
        type=_query,
        action="append",
        default=[],
        help="only jobs whose ProjectName has this value; needed when the type's ProjectName is queryable, may be "
        "repeated; PROPERTY=VALUE for another queryable property",
    )
    _add_command_arguments(worker)
    worker.add_argument(
        "--job",
        metavar="NAME",
        help="the Jenkins job to build, with folders and placeholders: team/${ProjectName} (default: ${ProjectName})",
    )
    add_parameters_argument(
        worker,
        "a parameter of the build, with placeholders: the action's configuration, ${pipeline}, ${stage}, ${action}, "
        "${execution}, ${input.NAME} and ${output.NAME}; may be given several times",
    )
    add_url_argument(worker)
    worker.add_argument(
        "--jobs", metavar="N", type=whole_number, help="jobs at a time (default: 10 builds, or 1 command)"
    )
    worker.add_argument("--once", action="store_true", help="end when no job is in hand and none is offered")
    worker.add_argument(
        "--state-dir", metavar="DIRECTORY", help="where it remembers the jobs in hand (default: .deliverkit/worker)"
    )
    worker.set_defaults(run=_work)


def _add_command_arguments(worker: ArgumentParser) -> None:
    worker.add_argument(
        "--run", metavar="COMMAND", dest="shell", help="shell command that does the work of a job, instead of Jenkins"
    )
    worker.add_argument(
        "--rerun", action="store_true", help="the command may be run again when nobody knows how far it came"
    )
    worker.add_argument(
        "--doubt",
        metavar="DURATION",
        type=duration,
        help="how long a job that may be another worker's is only watched before it is failed, when the answer to its "
        "claim was lost: longer than a job takes (default: 4h)",
    )


def _query(text: str) -> tuple[str, str]:
    from deliverkit.domain.worker_job import PROJECT  # noqa: PLC0415

    name, sign, value = text.partition("=")
    return (name, value) if sign else (PROJECT, text)


def _work(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import open_worker  # noqa: PLC0415
    from deliverkit.domain.worker_job import ActionType  # noqa: PLC0415
    from deliverkit.worker_assembly import WorkerChoices  # noqa: PLC0415

    _refuse_mixture(arguments)
    choices = WorkerChoices(
        kind=ActionType(arguments.category, arguments.provider, arguments.action_version),
        queries=tuple(arguments.project),
        limit=arguments.jobs or (DEFAULT_COMMANDS if arguments.shell else DEFAULT_BUILDS),
        state_dir=_state_dir(arguments, console),
        command=arguments.shell or "",
        is_repeatable=arguments.rerun,
        doubt=arguments.doubt,
        url=arguments.url,
        config=options.config,
        job=arguments.job or "",
        parameters=build_parameters_of(arguments, hint="leave it out: each build is given its own"),
    )
    worker = open_worker(
        choices,
        profile=options.profile,
        region=options.region,
        endpoint_url=options.endpoint_url,
        sandbox_state_dir=sandbox_state_dir(console) if options.is_sandboxed else None,
        environ=console.environ,
        tell=console.tell,
    )
    console.tell(f"working for {choices.kind}; {choices.limit} at a time, remembered in {choices.state_dir}")
    worker.run(is_once=arguments.once)
    return ExitCode.DONE


def _refuse_mixture(arguments: Namespace) -> None:
    """Options of commands do not go with those of Jenkins."""
    of_jenkins = arguments.job or arguments.parameters or arguments.url
    if arguments.shell and of_jenkins:
        raise UsageError("--run does the work on this machine; --job, -p and --url are for Jenkins", hint="choose one")
    if arguments.rerun and not arguments.shell:
        raise UsageError("--rerun is about a command: builds are found again by their request", hint="--run COMMAND")


def _state_dir(arguments: Namespace, console: Console) -> Path:
    from pathlib import Path  # noqa: PLC0415

    if arguments.state_dir:
        return Path(arguments.state_dir)
    return Path(console.environ.get("DELIVERKIT_STATE_DIR") or STATE_DIR) / "worker"
