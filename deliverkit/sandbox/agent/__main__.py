"""The host agent as a process of its own: `python -m deliverkit.sandbox.agent CONFIGURATION`."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from pathlib import Path

from deliverkit.sandbox.agent.agent import Agent
from deliverkit.sandbox.agent.configuration import AgentConfiguration
from deliverkit.sandbox.agent.host import make_host
from deliverkit.sandbox.agent.remote import Remote

POLL_SECONDS = 0.05  # between polls: the service itself lets a poll wait for work


def main(arguments: list[str]) -> int:
    """Poll until killed; the only argument is the path of a configuration file."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    configuration = AgentConfiguration.read(Path(arguments[0]))
    remote = Remote(configuration.endpoint)
    host = make_host(configuration.identifier, Path(configuration.root), configuration.address, _now)
    Agent(host, remote, remote.fetch, poll_seconds=POLL_SECONDS).run()
    return 0


def _now() -> datetime:
    return datetime.now(UTC)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
