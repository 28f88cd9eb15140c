"""A job of the build server: what its build's result means.

    seen: {job: shop/smoke, result: SUCCESS | null, told: smoke #3 ended with SUCCESS, url: https://...}

| result | outcome |
|---|---|
| SUCCESS | passed |
| UNSTABLE, FAILURE | failed |
| ABORTED, or the request was taken out of the queue (no result) | inconclusive: somebody stopped it |
| NOT_BUILT, or the server cannot be asked | error: it could not be measured |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deliverkit.domain.build import BuildResult
from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.telling import plainly
from deliverkit.domain.gate import Verdict

_OUTCOMES: Mapping[str | None, Verdict] = {
    BuildResult.SUCCESS.value: Verdict.PASSED,
    BuildResult.UNSTABLE.value: Verdict.FAILED,
    BuildResult.FAILURE.value: Verdict.FAILED,
    BuildResult.ABORTED.value: Verdict.INCONCLUSIVE,
    BuildResult.NOT_BUILT.value: Verdict.ERROR,
    None: Verdict.INCONCLUSIVE,
}


@plainly
def assess(_spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Judge a build that has ended; a result that we do not know is an error."""
    if "told" not in seen:
        return Assessment(Verdict.ERROR, "nothing is known of a build")
    where = f": {seen['url']}" if seen.get("url") else ""
    return Assessment(_OUTCOMES.get(seen["result"], Verdict.ERROR), f"{seen['told']}{where}")
