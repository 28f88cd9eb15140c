"""The real Jenkins that scenarios run on where the environment names one."""

from __future__ import annotations

VARIABLES = ("JENKINS_URL", "JENKINS_USER_ID", "JENKINS_API_TOKEN")
NO_JENKINS = f"no real Jenkins: {', '.join(VARIABLES[:-1])} and {VARIABLES[-1]} are not all set"
