"""`deliverkit sandbox instance`: hosts to deploy to, the sandbox's own and foreign ones."""

from __future__ import annotations

import json
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, sandbox_state_dir
from deliverkit.errors import ExitCode

AGENT_FILE = "/etc/codedeploy-agent/conf/codedeployagent.yml"
IDENTITY_FILE = "/etc/codedeploy-agent/conf/codedeploy.onpremises.yml"


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="instance_verb", metavar="VERB", required=True)
    add = verbs.add_parser("add", parents=[shared], help="launch an instance, or register a foreign host")
    add.add_argument("name", metavar="NAME")
    add.add_argument(
        "--tag", type=_tag, action="append", default=[], metavar="KEY=VALUE", help="a tag; may be given several times"
    )
    add.add_argument("--external", action="store_true", help="a host with an agent of its own; print what to tell it")
    add.set_defaults(run=_add)
    verbs.add_parser("list", parents=[shared], help="every instance").set_defaults(run=_list)
    remove = verbs.add_parser("remove", parents=[shared], help="terminate or deregister an instance")
    remove.add_argument("name", metavar="NAME", help="its name or id")
    remove.set_defaults(run=_remove)


def _tag(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ArgumentTypeError(f"{text!r} is no tag; write KEY=VALUE")
    return key, value


def _add(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import sandbox_hosts  # noqa: PLC0415

    hosts = sandbox_hosts(sandbox_state_dir(console), options.region)
    tags = dict(arguments.tag)
    if arguments.external:
        registration = hosts.register(arguments.name, tags)
        console.tell(f"registered {arguments.name}; an agent with this configuration takes its deployments:")
        render.data(registration, options, console, text=agent_files, as_json=asdict)
    else:
        instance = {"name": arguments.name, "id": hosts.launch(arguments.name, tags)}
        render.data(instance, options, console, text=lambda made: made["id"], as_json=dict)
    return ExitCode.DONE


def _list(_arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import sandbox_hosts  # noqa: PLC0415

    found = list(sandbox_hosts(sandbox_state_dir(console), options.region).list())
    render.data(found, options, console, text=_table, as_json=lambda hosts: [asdict(host) for host in hosts])
    return ExitCode.DONE


def _remove(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.app import remove_sandbox_host, sandbox_hosts  # noqa: PLC0415

    removed = remove_sandbox_host(sandbox_hosts(sandbox_state_dir(console), options.region), arguments.name)
    console.tell(f"removed {removed.kind} instance {removed.id}")
    return ExitCode.DONE


def _table(hosts: Sequence[Any]) -> str:
    rows = [
        (host.name or "-", host.id, host.kind, host.state, host.address or "-", _pairs(host.tags)) for host in hosts
    ]
    return render.table(rows) if rows else "there is no instance: deliverkit sandbox instance add NAME"


def _pairs(tags: Mapping[str, str]) -> str:
    return " ".join(f"{key}={value}" for key, value in sorted(tags.items()) if key != "Name")


def agent_files(registration: Any) -> str:
    """The two files of a CodeDeploy host agent, each under its usual path.

    The test profile is what lets the agent speak plain HTTP to an address of this machine, and `wait_between_runs` is
    the pause between its polls, seconds.
    """
    agent = {
        "log_dir": "/var/log/aws/codedeploy-agent/",
        "pid_dir": "/opt/codedeploy-agent/state/.pid/",
        "root_dir": "/opt/codedeploy-agent/deployment-root",
        "program_name": "codedeploy-agent",
        "on_premises_config_file": IDENTITY_FILE,
        "deploy_control_endpoint": registration.endpoint,
        "s3_endpoint_override": registration.endpoint,
        "codedeploy_test_profile": "beta",
        "wait_between_runs": 1,
        "max_revisions": 5,
        "verbose": False,
    }
    identity = {
        "region": registration.region,
        "aws_access_key_id": registration.access_key,
        "aws_secret_access_key": registration.secret_key,
        "iam_user_arn": registration.iam_user_arn,
    }
    lines = [f"# {AGENT_FILE}", "---", *(f":{key}: {json.dumps(value)}" for key, value in agent.items())]
    lines += [f"# {IDENTITY_FILE}", "---", *(f"{key}: {json.dumps(value)}" for key, value in identity.items())]
    return "\n".join(lines)
