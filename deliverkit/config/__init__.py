"""The configuration room: deliverkit.yml in, frozen settings out, every problem reported at once with its place."""

from __future__ import annotations

from deliverkit.config.loader import find, load, load_gates, load_mapping, misplaced
from deliverkit.config.settings import (
    BundleSettings,
    EncryptionSettings,
    JenkinsSettings,
    LedgerLocation,
    PipelineSettings,
    ReleaseSettings,
    RetentionSettings,
    S3Location,
    Settings,
    VersionSource,
)

__all__ = [
    "BundleSettings",
    "EncryptionSettings",
    "JenkinsSettings",
    "LedgerLocation",
    "PipelineSettings",
    "ReleaseSettings",
    "RetentionSettings",
    "S3Location",
    "Settings",
    "VersionSource",
    "find",
    "load",
    "load_gates",
    "load_mapping",
    "misplaced",
]
