"""The health of the targets: EC2's status checks, and the load balancer's word where the group has one.

seen: {group: APPLICATION/GROUP, asked: 3, sick: [{id, region, why}], more: 0}
"""

from __future__ import annotations

from typing import Any

from deliverkit.domain.checks import Assessment, Seen, Spec
from deliverkit.domain.checks.telling import plainly, some
from deliverkit.domain.gate import Verdict


@plainly
def assess(_spec: Spec, seen: Seen, _state: Any) -> Assessment:
    """Healthy when every running member is; a group without members is an error, never a pass."""
    asked, sick = int(seen.get("asked", 0)), seen.get("sick", ())
    if not asked:
        return Assessment(Verdict.ERROR, f"{seen.get('group', 'the group')} has no running instances")
    healthy = asked - len({(each["id"], each["region"]) for each in sick}) - int(seen.get("more", 0))
    if sick:
        told = some([f"{each['id']} ({each['region']}) {each['why']}" for each in sick], more=int(seen.get("more", 0)))
        return Assessment(Verdict.FAILED, told, float(max(healthy, 0)))
    return Assessment(Verdict.PASSED, f"{asked} of {asked} targets are healthy", float(healthy))
