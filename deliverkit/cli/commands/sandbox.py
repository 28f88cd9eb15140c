"""`deliverkit sandbox`: an AWS on this machine to rehearse with."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, open_delivery, sandbox_state_dir
from deliverkit.errors import ExitCode, UnreachableError


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    up = verbs.add_parser("up", parents=[shared], help="start it, and print lines for eval")
    up.add_argument("--port", type=int, default=None, help="TCP port on 127.0.0.1; 0 takes a free one (default)")
    up.add_argument("--foreground", action="store_true", help="serve until a signal")
    up.set_defaults(run=_up)
    verbs.add_parser("down", parents=[shared], help="stop it with everything that runs inside").set_defaults(run=_down)
    verbs.add_parser("status", parents=[shared], help="whether it runs, and where").set_defaults(run=_status)
    seed = verbs.add_parser(
        "seed", parents=[shared], help="make what deliverkit.yml needs: bucket, groups, instances, pipeline"
    )
    seed.add_argument(
        "--instances", type=int, default=3, metavar="N", help="instances for each environment (default: 3)"
    )
    seed.set_defaults(run=_seed)


def _up(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import serve_sandbox, start_sandbox  # noqa: PLC0415

    region = options.region or console.environ.get("AWS_DEFAULT_REGION", "us-east-1")
    if arguments.foreground:
        serve_sandbox(sandbox_state_dir(console), port=arguments.port or 0, region=region, announce=console.tell)
        return ExitCode.DONE
    running = start_sandbox(sandbox_state_dir(console), port=arguments.port, region=region)
    console.tell(f"the sandbox serves at {running.endpoint} (pid {running.pid}); deliverkit sandbox down stops it")
    render.data(running, options, console, text=render.sandbox_exports, as_json=render.sandbox_document)
    return ExitCode.DONE


def _down(_arguments: Namespace, _options: Options, console: Console) -> int:
    from deliverkit.app import stop_sandbox  # noqa: PLC0415

    was_running = stop_sandbox(sandbox_state_dir(console))
    console.tell("the sandbox is down" if was_running else "no sandbox runs here")
    return ExitCode.DONE


def _status(_arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import find_sandbox  # noqa: PLC0415

    running = find_sandbox(sandbox_state_dir(console))
    if running is None:
        raise UnreachableError("no sandbox runs here", hint="deliverkit sandbox up")
    render.data(running, options, console, text=render.sandbox_exports, as_json=render.sandbox_document)
    return ExitCode.DONE


def _seed(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import seed_sandbox  # noqa: PLC0415

    delivery = open_delivery(options, console)
    for line in seed_sandbox(delivery, instances=arguments.instances):
        console.tell(line)
    return ExitCode.DONE
