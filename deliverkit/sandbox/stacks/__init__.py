"""What stacks of CloudFormation make in the services of the sandbox's own; moto's CloudFormation does the rest."""

from __future__ import annotations

from deliverkit.sandbox.stacks.kinds import KINDS

__all__ = ["KINDS"]
