"""`deliverkit jenkins worker`: do the jobs of a custom action type of CodePipeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from deliverkit.cli.options import STATE_DIR, Console, Options, sandbox_state_dir, whole_number
from deliverkit.errors import ExitCode

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from pathlib import Path
    from typing import Any

DEFAULT_PROVIDER = "Jenkins"
DEFAULT_PROPERTY = "ProjectName"


def configure(verbs: Any, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    worker = verbs.add_parser(
        "worker",
        parents=[shared],
        help="do the jobs that CodePipeline has for a custom action: run a command for each",
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
    worker.add_argument(
        "--run", metavar="COMMAND", dest="shell", required=True, help="shell command that does the work of a job"
    )
    worker.add_argument(
        "--rerun", action="store_true", help="the command may be run again when nobody knows how far it came"
    )
    worker.add_argument("--jobs", metavar="N", type=whole_number, default=1, help="jobs at a time (default: 1)")
    worker.add_argument("--once", action="store_true", help="end when no job is in hand and none is offered")
    worker.add_argument(
        "--state-dir", metavar="DIRECTORY", help="where it remembers the jobs in hand (default: .deliverkit/worker)"
    )
    worker.set_defaults(run=_work)


def _query(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    return (name, value) if sign else (DEFAULT_PROPERTY, text)


def _work(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import open_worker  # noqa: PLC0415
    from deliverkit.domain.worker_job import ActionType  # noqa: PLC0415
    from deliverkit.worker_assembly import WorkerChoices  # noqa: PLC0415

    choices = WorkerChoices(
        kind=ActionType(arguments.category, arguments.provider, arguments.action_version),
        queries=tuple(arguments.project),
        command=arguments.shell,
        limit=arguments.jobs,
        state_dir=_state_dir(arguments, console),
        is_repeatable=arguments.rerun,
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
    console.tell(f"working for {choices.kind}; {arguments.jobs} at a time, remembered in {choices.state_dir}")
    worker.run(is_once=arguments.once)
    return ExitCode.DONE


def _state_dir(arguments: Namespace, console: Console) -> Path:
    from pathlib import Path  # noqa: PLC0415

    if arguments.state_dir:
        return Path(arguments.state_dir)
    return Path(console.environ.get("DELIVERKIT_STATE_DIR") or STATE_DIR) / "worker"
