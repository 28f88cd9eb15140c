"""The sandbox's own process: `python -m deliverkit.sandbox STATE_DIR`; `deliverkit sandbox up` starts it."""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from pathlib import Path

from deliverkit.sandbox.launch_errors import LaunchError
from deliverkit.sandbox.serving import serve


def main() -> int:
    """Serve until a signal."""
    parser = argparse.ArgumentParser(prog="python -m deliverkit.sandbox", description="An AWS in one local process.")
    parser.add_argument("state_dir", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--fresh", action="store_true")
    parser.add_argument("--tell", type=int, metavar="FD", help="why it did not start; closed once it serves")
    arguments = parser.parse_args()
    logging.basicConfig(format="%(asctime)s %(name)s %(levelname)s %(message)s", level=logging.WARNING)
    news = arguments.tell
    if news is not None:
        os.set_inheritable(news, False)  # agents and functions outlive this

    def announce(line: str) -> None:
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()
        if news is not None:
            os.close(news)

    try:
        serve(
            arguments.state_dir,
            port=arguments.port,
            region=arguments.region,
            fresh=arguments.fresh,
            announce=announce,
        )
    except LaunchError as error:
        if news is not None:
            os.write(news, json.dumps({"message": str(error), "hint": error.hint}).encode())
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
