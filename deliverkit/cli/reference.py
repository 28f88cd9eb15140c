"""The commands' reference page, made from the parser itself: `python -m deliverkit.cli.reference > docs/...`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from deliverkit.cli.main import COMMANDS, build_parser


def page() -> str:
    """The page as Markdown."""
    parser = build_parser(is_complete=True)
    commands = _subparsers(parser)
    lines = ["# Commands", "", "Made by `python -m deliverkit.cli.reference`; a test compares it with the parser.", ""]
    lines += ["stdout is data, stderr is talk. [Exit codes](exit-codes.md).", "", "## Options of every command", ""]
    lines += _arguments(parser, is_top=True)
    for name, summary in COMMANDS.items():
        lines += ["", f"## deliverkit {name}", "", f"{summary[0].upper()}{summary[1:]}.", ""]
        lines += _command(commands[name])
    return "\n".join(lines) + "\n"


def _command(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    verbs = _subparsers(parser)
    if not verbs:
        yield from _arguments(parser, is_top=False)
    for name, verb in verbs.items():
        if _subparsers(verb):
            yield from _command(verb, f"{before}{name} ")
            continue
        yield f"### {before}{name}"
        yield ""
        yield from _arguments(verb, is_top=False)
        yield ""


def _arguments(parser: argparse.ArgumentParser, *, is_top: bool) -> Iterator[str]:
    shown = [action for action in _actions(parser) if is_top or not _is_shared(action)]
    if not shown:
        yield "No arguments of its own."
        return
    yield "| argument | meaning |"
    yield "|---|---|"
    for action in shown:
        yield f"| `{_name(action)}` | {(action.help or '').replace('|', '/') % vars(action) if action.help else ''} |"


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    hidden = (argparse._HelpAction, argparse._SubParsersAction)  # noqa: SLF001  (argparse has no public names for them)
    yield from (action for action in parser._actions if not isinstance(action, hidden))  # noqa: SLF001


def _is_shared(action: argparse.Action) -> bool:
    return bool(action.option_strings) and action.default is argparse.SUPPRESS


def _name(action: argparse.Action) -> str:
    value = action.metavar if isinstance(action.metavar, str) else (action.dest if action.nargs != 0 else "")
    if not action.option_strings:
        return f"[{value or action.dest}]" if action.nargs == "?" else str(value or action.dest)
    if action.choices:
        value = "/".join(str(choice) for choice in action.choices)
    return f"{', '.join(action.option_strings)} {value if action.nargs != 0 else ''}".strip()


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:  # noqa: SLF001
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return dict(action.choices)
    return {}


if __name__ == "__main__":
    sys.stdout.write(page())
