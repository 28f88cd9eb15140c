"""Rehearsals: fault files, and a project's own promotion carried out under their faults on a sandbox of its own."""

from __future__ import annotations
