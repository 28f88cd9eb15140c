"""`deliverkit sandbox fault`: what goes wrong in the running sandbox."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping
from typing import Any

from deliverkit.cli import render
from deliverkit.cli.options import Console, Options, sandbox_state_dir
from deliverkit.errors import ExitCode


def configure(parser: ArgumentParser, shared: ArgumentParser) -> None:
    """Describe the arguments."""
    verbs = parser.add_subparsers(dest="fault_verb", metavar="VERB", required=True)
    add = verbs.add_parser("add", parents=[shared], help="add one fault")
    add.add_argument("kind", metavar="KIND", help="such as throttling, connection-reset, lost-region")
    add.add_argument("settings", metavar="NAME=VALUE", nargs="*", help="its settings, such as service=codedeploy")
    add.add_argument("--seed", type=int, default=0, help="of its dice (default: 0)")
    add.set_defaults(run=_add)
    verbs.add_parser("list", parents=[shared], help="the faults, and how often each struck").set_defaults(run=_list)
    clear = verbs.add_parser("clear", parents=[shared], help="take a fault back, or all of them, and mend the damage")
    clear.add_argument("fault", metavar="ID", nargs="?", help="which one (default: all)")
    clear.set_defaults(run=_clear)
    run = verbs.add_parser("run", parents=[shared], help="add all faults of a file")
    run.add_argument("file", metavar="FILE", help="a fault file, or the name of one that comes with deliverkit")
    run.add_argument("--seed", type=int, default=None, help="of their dice, instead of the file's")
    run.set_defaults(run=_run)


def _add(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.rehearsing.fault_file import read_words  # noqa: PLC0415

    fault = read_words(arguments.kind, arguments.settings)
    return _ask("POST", "faults", {"seed": arguments.seed, "faults": [fault]}, options, console)


def _list(_arguments: Namespace, options: Options, console: Console) -> int:
    return _ask("GET", "faults", None, options, console)


def _clear(arguments: Namespace, options: Options, console: Console) -> int:
    return _ask("POST", "faults/clear", {"id": arguments.fault} if arguments.fault else {}, options, console)


def _run(arguments: Namespace, options: Options, console: Console) -> int:
    from deliverkit.rehearsing.fault_file import find_script  # noqa: PLC0415
    from deliverkit.sandboxing import require_sandbox  # noqa: PLC0415

    script = find_script(arguments.file)
    region = options.region or require_sandbox(sandbox_state_dir(console)).region
    seed = script.seed if arguments.seed is None else arguments.seed
    faults = list(script.in_region(region).faults)
    return _ask("POST", "faults", {"seed": seed, "faults": faults}, options, console)


def _ask(method: str, path: str, params: Mapping[str, Any] | None, options: Options, console: Console) -> int:
    from deliverkit.sandboxing import ask_sandbox  # noqa: PLC0415

    shown = ask_sandbox(sandbox_state_dir(console), method, path, params)["faults"]
    render.data(shown, options, console, text=_text, as_json=list)
    return ExitCode.DONE


def _text(faults: list[Mapping[str, Any]]) -> str:
    rows = [
        (each["id"], each["kind"], each["state"], f"{each['strikes']} strikes", _settings(each["settings"]))
        for each in faults
    ]
    return render.table(rows) if rows else "no fault"


def _settings(settings: Mapping[str, Any]) -> str:
    # What means everything, or nothing, goes without saying.
    silent: tuple[Any, ...] = ("*", 0, False)
    told = {name: value for name, value in settings.items() if value not in silent and (name, value) != _ALWAYS}
    return " ".join(f"{name}={value}" for name, value in told.items())


_ALWAYS = ("probability", 1)
