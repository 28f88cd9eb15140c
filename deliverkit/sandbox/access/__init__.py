"""Who asks for what: every request's operation is recognised here, and refused when the caller's policies say so."""

from __future__ import annotations
