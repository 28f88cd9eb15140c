"""Which action a request meets, and which target group a forward chooses. Pure but for the counters of a `Turns`.

Source: ELB User Guide for Application Load Balancers, "Listener rules".
"""

from __future__ import annotations

import ipaddress
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from deliverkit.sandbox.moto_balancing import Rule


@dataclass(frozen=True, slots=True)
class Request:
    """What conditions look at.

    Attributes:
        method: HTTP method.
        path: Path without the query.
        query: Query without the question mark.
        headers: Header values by lower-case name.
        source: Address of the client.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    source: str


def action_for(rules: Sequence[Rule], request: Request) -> Mapping[str, Any] | None:
    """The last action of the first rule whose conditions all hold; authentication before it is not built."""
    for rule in rules:
        if all(_holds(condition, request) for condition in rule.conditions):
            return rule.actions[-1] if rule.actions else None
    return None


def _holds(condition: Mapping[str, Any], request: Request) -> bool:
    check = _CHECKS.get(str(condition.get("Field")))
    return check is not None and check(condition, request)


def _host_holds(condition: Mapping[str, Any], request: Request) -> bool:
    host = request.headers.get("host", "").partition(":")[0]
    return _any([each.lower() for each in _values(condition, "HostHeaderConfig")], host.lower())


def _header_holds(condition: Mapping[str, Any], request: Request) -> bool:
    config = condition["HttpHeaderConfig"]
    found = request.headers.get(config["HttpHeaderName"].lower())
    return found is not None and _any([each.lower() for each in config["Values"]], found.lower())


def _source_holds(condition: Mapping[str, Any], request: Request) -> bool:
    address = ipaddress.ip_address(request.source)
    return any(address in ipaddress.ip_network(each) for each in _values(condition, "SourceIpConfig"))


_CHECKS: Mapping[str, Callable[[Mapping[str, Any], Request], bool]] = {
    "path-pattern": lambda condition, request: _any(_values(condition, "PathPatternConfig"), request.path),
    "host-header": _host_holds,
    "http-request-method": lambda condition, request: request.method in _values(condition, "HttpRequestMethodConfig"),
    "http-header": _header_holds,
    "query-string": lambda condition, request: _query_holds(condition["QueryStringConfig"]["Values"], request.query),
    "source-ip": _source_holds,
}


def _values(condition: Mapping[str, Any], config: str) -> list[str]:
    return list(condition.get(config, {}).get("Values") or condition.get("Values") or ())


def _query_holds(wanted: Sequence[Mapping[str, str]], query: str) -> bool:
    pairs = [(key.lower(), value.lower()) for key, value in parse_qsl(query, keep_blank_values=True)]
    return any(
        _any([each["Value"].lower()], value) and ("Key" not in each or _any([each["Key"].lower()], key))
        for each in wanted
        for key, value in pairs
    )


def _any(patterns: Sequence[str], text: str) -> bool:
    return any(_compiled(pattern).fullmatch(text) for pattern in patterns)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    shown = {"*": ".*", "?": "."}
    return re.compile("".join(shown.get(each) or re.escape(each) for each in pattern), re.DOTALL)


class Turns:
    """Whose turn it is: smooth weighted round robin, repeatable and exact after every round."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._credits: dict[str, dict[str, int]] = {}

    def take(self, what: str, weights: Mapping[str, int]) -> str | None:
        """The next name; None when no weight is above zero.

        Args:
            what: Among whom it is decided, such as a listener.
            weights: Weight by name.
        """
        candidates = {name: weight for name, weight in weights.items() if weight > 0}
        if not candidates:
            return None
        with self._lock:
            standing = self._credits.setdefault(what, {})
            for name in list(standing):
                if name not in candidates:
                    del standing[name]
            for name, weight in candidates.items():
                standing[name] = standing.get(name, 0) + weight
            chosen = max(candidates, key=lambda name: standing[name])
            standing[chosen] -= sum(candidates.values())
            return chosen
