"""The declaration of `release.lint`: what is known of the hosts, and which of the lint's findings are lived with."""

from __future__ import annotations

from typing import Any

from deliverkit.config import texts
from deliverkit.config.problem import Reading
from deliverkit.config.shapes import INVALID, Boolean, Choice, Field, Integer, ListOf, Record, Text
from deliverkit.domain.linting import MAX_REVISIONS
from deliverkit.yaml_tree import KeyPath, Node

STYLES = ("in-place", "blue-green")
OPERATING_SYSTEMS = ("linux", "windows")


class PlacedRecord(Record, frozen=True):
    """A record that remembers where it stands, under the key `place`."""

    def read(self, node: Node, path: KeyPath, reading: Reading) -> Any:
        """The values by key, and the place."""
        values = Record.read(self, node, path, reading)
        return values if values is INVALID else {**values, "place": node.place}


HOSTS = Record(
    "what is known of the hosts: {os: ...}",
    (
        Field("os", Choice(OPERATING_SYSTEMS), "Operating system; an appspec for another one is refused."),
        Field(
            "free_disk",
            Text("a size such as 20 GiB or 500 MiB", texts.size, texts.SIZE),
            "Free space for the agent's folder; a bundle that would fill it is warned of.",
        ),
        Field(
            "max_revisions",
            Integer(1, 1000),
            "Releases that the agent keeps for each deployment group, as its own configuration has it.",
            default=str(MAX_REVISIONS),
        ),
        Field("style", Choice(STYLES), "Style of the deployments; a hook that never runs in that style is warned of."),
        Field(
            "load_balancer",
            Boolean(),
            "Whether the deployment group has one; without it the traffic hooks never run, which is warned of.",
        ),
    ),
)

LINT = Record(
    "what the lint is told: {hosts: ..., allow: [...]}",
    (
        Field("hosts", HOSTS, "What is known of the hosts. Nothing is guessed about what is left out."),
        Field(
            "allow",
            ListOf(
                PlacedRecord(
                    "a rule and a reason: {rule: sudo, reason: ...}",
                    (
                        Field("rule", Text("the id of a rule"), "Rule of the lint, by its id.", is_required=True),
                        Field("reason", Text("a reason"), "Why its findings are lived with.", is_required=True),
                    ),
                ),
                "a list of rules with reasons",
            ),
            "Rules whose findings are lived with in the whole build. What certainly fails on every host cannot be"
            " allowed. A comment `# deliverkit: allow RULE REASON` does it for one line.",
        ),
    ),
)
