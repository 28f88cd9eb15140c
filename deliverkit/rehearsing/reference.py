"""The reference page of fault files, made from the table of kinds: `python -m deliverkit.rehearsing.reference`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deliverkit.rehearsing.fault_file import BUILT_IN, built_in_names, shown_default
from deliverkit.sandbox.faults.kind import Kind
from deliverkit.sandbox.faults.kinds import KINDS

PAGE = Path("docs/reference/faults.md")

_INTRODUCTION = """\
# Faults

This page is generated from the sandbox's own table: `python -m deliverkit.rehearsing.reference`.

`deliverkit sandbox fault add KIND NAME=VALUE ...` adds one fault to the running sandbox, `deliverkit sandbox fault run
FILE` all faults of a file, and `deliverkit rehearse --faults FILE` carries out the project's promotion under them. A
fault file is YAML: an optional `seed` and the list of `faults`, each with its kind and settings. Times carry a unit.
The same seed makes the same choices: each fault throws dice of its own, once for each request that it may strike.
`${region}` as a value stands for the region that is rehearsed in.

In a rehearsal faults of instances choose among the instances of the environments that are promoted to, and times count
from the beginning of the promotion. The report tells for every fault whom it struck, when on the sandbox's clock, and
how often. A fault that the promotion did not meet, because it struck nobody or only instances into which nothing was
deployed while it lasted, is told as not tested; a promotion that got through and met none of its faults is called
`untested` and leaves with 1. With the same seed the same instances of each environment are struck, by their number
(their ids differ from rehearsal to rehearsal), and each fault's dice fall in the same order; how many requests a
promotion makes, and so how many of them are struck, depends on how fast the machine is.

Times of faults run on the sandbox's own clock, but for `latency`, which makes real clients wait.
"""


def page() -> str:
    """The page as Markdown."""
    lines = [_INTRODUCTION, "## Files that come with deliverkit", ""]
    for name in built_in_names():
        text = (BUILT_IN / f"{name}.yml").read_text(encoding="utf-8")
        lines += [f"### {name}", "", "```yaml", text.rstrip(), "```", ""]
    lines += ["## Kinds", ""]
    for kind in KINDS.values():
        lines += _kind(kind)
    return "\n".join(lines).rstrip() + "\n"


def _kind(kind: Kind) -> Iterator[str]:
    yield f"### {kind.name}\n\n{kind.meaning}\n\n| setting | meaning | default |\n|---|---|---|"
    for each in kind.settings:
        choices = f" One of {', '.join(f'`{word}`' for word in each.choices)}." if each.choices else ""
        default = "*required*" if each.is_required else f"`{shown_default(each)}`" if shown_default(each) else ""
        yield f"| `{each.name}` | {each.meaning}{choices} | {default} |"
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
