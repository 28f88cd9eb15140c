"""An instance that a deploy action works on itself, as ListDeployActionExecutionTargets tells of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class DeployTarget:
    """An instance that a deploy action works on (CodePipeline API reference, DeployActionExecutionTarget).

    Attributes:
        id: Instance id.
        type: Kind of target, `EC2`.
        status: `InProgress`, `Succeeded`, `Failed`, ...
        started_at: Virtual time.
        ended_at: Virtual time; None while it goes on.
        events: Its steps, as the API shows them.
    """

    id: str
    type: str
    status: str
    started_at: datetime
    ended_at: datetime | None = None
    events: list[Mapping[str, Any]] = field(default_factory=list)
