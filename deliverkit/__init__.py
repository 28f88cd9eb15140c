"""deliverkit carries a build to production on AWS and brings it back when it turns out bad."""

from __future__ import annotations

from deliverkit._version import __version__

__all__ = ["__version__"]
