"""A load generator: real requests at a steady rate, to this machine only."""

from __future__ import annotations

from deliverkit.sandbox.load.generator import Load, checked, run

__all__ = ["Load", "checked", "run"]
