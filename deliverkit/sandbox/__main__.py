"""The sandbox's own process: `python -m deliverkit.sandbox STATE_DIR`; `deliverkit sandbox up` starts it."""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from deliverkit.sandbox.launcher import LaunchError, serve


def main() -> int:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m deliverkit.sandbox", description="An AWS in one local process.")
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--region", default="us-east-1")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s", level=logging.WARNING)
    try:
        serve(arguments.state_dir, port=arguments.port, region=arguments.region, announce=_announce)
    except LaunchError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _announce(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    raise SystemExit(main())
