"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says nothing on a machine that others use too; `scripts/bench` measures time.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
