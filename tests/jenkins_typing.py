"""`deliverkit jenkins ...` as it is typed, in this process, against a controller."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any

from jenkins_controller import ALICE, TOKEN, Controller

from deliverkit.cli.main import run
from deliverkit.cli.streams import Console

QUICK = ("--every", "1ms")


@dataclass
class Told:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def variables(controller: Controller, **more: str) -> dict[str, str]:
    return {"JENKINS_URL": controller.url, "JENKINS_USER_ID": ALICE, "JENKINS_API_TOKEN": TOKEN, **more}


def typed(controller: Controller, *words: str, **more: str) -> Told:
    out, err = io.StringIO(), io.StringIO()
    code = run(["jenkins", *words], Console(out, err, variables(controller, **more)))
    assert TOKEN not in out.getvalue() + err.getvalue()
    return Told(code, out.getvalue(), err.getvalue())
