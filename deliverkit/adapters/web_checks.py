"""The checkers of the kinds that ask over the network or run a command; a room is imported when a gate needs it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from deliverkit.domain.gate import CheckKind

if TYPE_CHECKING:
    from deliverkit.adapters.expansion import Deployers
    from deliverkit.check_ports import Checker
    from deliverkit.ports import Clock


def makers(
    deployers: Deployers, *, clock: Clock, environ: Mapping[str, str], folder: Path
) -> dict[str, Callable[[], Checker]]:
    """How each of them is made.

    Args:
        deployers: The way to a region's deployer, which knows the targets.
        clock: Dates the samples.
        environ: Where `${env.NAME}` comes from, and which of the inherited variables commands must not tell.
        folder: That files are relative to.
    """

    def http() -> Checker:
        from deliverkit.adapters.http import HttpCheck  # noqa: PLC0415

        return HttpCheck(deployers, clock=clock, environ=environ, folder=folder)

    def tcp() -> Checker:
        from deliverkit.adapters.tcp import TcpCheck  # noqa: PLC0415

        return TcpCheck(deployers, clock=clock, folder=folder)

    def command() -> Checker:
        from deliverkit.adapters.command import CommandCheck  # noqa: PLC0415

        return CommandCheck(clock=clock, environ=environ)

    def prometheus() -> Checker:
        from deliverkit.adapters.prometheus import PrometheusCheck  # noqa: PLC0415

        return PrometheusCheck(deployers, clock=clock, environ=environ, folder=folder)

    return {
        CheckKind.HTTP: http,
        CheckKind.TCP: tcp,
        CheckKind.COMMAND: command,
        CheckKind.PROMETHEUS: prometheus,
    }
