"""`deliverkit sandbox`: an AWS on this machine to rehearse with."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction, Namespace
from typing import Any

from deliverkit.cli import render, sandbox_clock, sandbox_fault, sandbox_instance, sandbox_load
from deliverkit.cli.options import Console, Options, own_state_dir, sandbox_state_dir
from deliverkit.cli.sandbox_environment import exports
from deliverkit.cli.sandbox_instances import add_instances_argument, instances
from deliverkit.errors import ExitCode

DEFAULT_REGION = "us-east-1"


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    up = verbs.add_parser("up", parents=[shared], help="start it, and print lines for eval")
    up.add_argument("--port", type=_port, default=None, help="TCP port on 127.0.0.1; 0 takes a free one (default)")
    up.add_argument("--fresh", action="store_true", help="begin with nothing, and forget what an earlier one kept")
    up.add_argument("--foreground", action="store_true", help="serve until a signal")
    up.add_argument(
        "--enforce-iam",
        action=BooleanOptionalAction,
        default=None,
        help="whether IAM's policies decide over every request (default: they do not)",
    )
    up.set_defaults(run=_up)
    verbs.add_parser("down", parents=[shared], help="stop it with everything that runs inside").set_defaults(run=_down)
    verbs.add_parser("status", parents=[shared], help="whether it runs, and where").set_defaults(run=_status)
    seed = verbs.add_parser(
        "seed", parents=[shared], help="make what deliverkit.yml needs: bucket, groups, instances, pipeline"
    )
    add_instances_argument(seed)
    seed.set_defaults(run=_seed)
    instance = verbs.add_parser("instance", parents=[shared], help="hosts to deploy to")
    sandbox_instance.configure(instance, shared)
    sandbox_clock.configure(verbs.add_parser("clock", parents=[shared], help="its own time"), shared)
    load = verbs.add_parser("load", parents=[shared], help="requests at a steady rate to a loopback address")
    sandbox_load.configure(load)
    sandbox_fault.configure(verbs.add_parser("fault", parents=[shared], help="what goes wrong in it"), shared)


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise ArgumentTypeError(f"{text} is no port; write a number from 0 to 65535")
    return int(text)


def _up(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.sandboxing import serve_sandbox, start_sandbox  # noqa: PLC0415

    state_dir = own_state_dir(console)
    region = options.region or console.environ.get("AWS_DEFAULT_REGION") or console.environ.get("AWS_REGION")
    if arguments.foreground:

        def announce(line: str) -> None:
            _enforce_iam(arguments, console)
            console.tell(line)

        serve_sandbox(
            state_dir,
            port=arguments.port or 0,
            region=region or DEFAULT_REGION,
            fresh=arguments.fresh,
            announce=announce,
        )
        return ExitCode.DONE
    running = start_sandbox(state_dir, port=arguments.port, region=region or DEFAULT_REGION, fresh=arguments.fresh)
    _enforce_iam(arguments, console)
    console.tell(f"the sandbox serves at {running.endpoint} (pid {running.pid}); deliverkit sandbox down stops it")
    return _show(running, options, console)


def _show(running: Any, options: Options, console: Console) -> int:
    render.data(
        running,
        options,
        console,
        text=lambda shown: exports(shown, console.environ),
        as_json=render.sandbox_document,
    )
    return ExitCode.DONE


def _enforce_iam(arguments: Namespace, console: Console) -> None:
    from deliverkit.sandboxing import ask_sandbox  # noqa: PLC0415

    if arguments.enforce_iam is not None:
        ask_sandbox(own_state_dir(console), "POST", "access", {"is_enforced": arguments.enforce_iam})


def _down(_arguments: Namespace, _options: Options, console: Console) -> int:
    from deliverkit.sandboxing import stop_sandbox  # noqa: PLC0415

    state_dir = sandbox_state_dir(console)
    was_running = stop_sandbox(state_dir)
    console.tell(f"the sandbox in {state_dir} is down" if was_running else f"no sandbox runs in {state_dir}")
    return ExitCode.DONE


def _status(_arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.sandboxing import require_sandbox  # noqa: PLC0415

    return _show(require_sandbox(sandbox_state_dir(console)), options, console)


def _seed(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import seed_sandbox  # noqa: PLC0415

    lines = seed_sandbox(
        options.config,
        state_dir=sandbox_state_dir(console),
        region=options.region,
        instances=instances(arguments.instances),
    )
    count = 0
    for line in lines:
        console.tell(f"made {line}")
        count += 1
    console.tell("everything that deliverkit.yml names is there" if count else "everything was there already")
    return ExitCode.DONE
