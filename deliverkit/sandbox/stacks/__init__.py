"""What stacks of CloudFormation make where moto's CloudFormation makes nothing: pipelines, and what stands around."""

from __future__ import annotations

from deliverkit.sandbox.stacks.kinds import KINDS

__all__ = ["KINDS"]
