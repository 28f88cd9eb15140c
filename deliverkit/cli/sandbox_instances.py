"""`--instances [ENV=]N`, which seeding and rehearsing take."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping, Sequence

from deliverkit.errors import UsageError

DEFAULT_INSTANCES = 3


def add_instances_argument(parser: ArgumentParser) -> None:
    """The argument."""
    parser.add_argument(
        "--instances",
        action="append",
        default=[],
        metavar="[ENV=]N",
        help=f"instances for each environment, or for one (default: {DEFAULT_INSTANCES}); may be given several times",
    )


def instances(wanted: Sequence[str]) -> Mapping[str, int]:
    """Instances of each environment; the empty name stands for all that are not named.

    Raises:
        UsageError: If a word is no number of instances.
    """
    counts = {"": DEFAULT_INSTANCES}
    for each in wanted:
        environment, _, number = each.rpartition("=")
        if not number.isdigit():
            raise UsageError(f"--instances {each}: expected N or ENVIRONMENT=N", hint="--instances production=3")
        counts[environment] = int(number)
    return counts
