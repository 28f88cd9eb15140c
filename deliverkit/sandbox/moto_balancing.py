"""moto's application load balancers, as the balancing engine wants them, and the health that it tells moto of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from deliverkit.sandbox.moto_hooks import replace
from deliverkit.sandbox.moto_loading import is_loaded, when_loaded

_MODELS = "moto.elbv2.models"
Health = tuple[str, str | None, str | None]
"""State, reason code and description, as DescribeTargetHealth has them."""
Judge = Callable[["Group", str], Health | None]
Changed = Callable[[str, str, bool], None]
Method = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Group:
    """A target group.

    Attributes:
        arn: Its ARN.
        kind: `instance`, `ip`, `lambda` or `alb`.
        targets: Port by target id; 0 for a function.
        path: Path of the health checks.
        codes: Matcher, such as `200-299,302`.
        port: Port of the health checks; None for the target's own.
        protocol: Protocol of the health checks.
        interval: Seconds between health checks.
        timeout: Seconds until one fails.
        healthy: Good checks in a row that make a target healthy.
        unhealthy: Bad ones that make it unhealthy.
        delay: Seconds that a deregistered target drains.
        is_used: Whether a load balancer counts it as its own.
    """

    arn: str
    kind: str
    targets: Mapping[str, int]
    path: str
    codes: str
    port: int | None
    protocol: str
    interval: int
    timeout: int
    healthy: int
    unhealthy: int
    delay: int
    is_used: bool

    @property
    def account(self) -> str:
        """Account id."""
        return self.arn.split(":")[4]

    @property
    def region(self) -> str:
        """Region name."""
        return self.arn.split(":")[3]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of a listener: conditions and actions as the API has them."""

    conditions: Sequence[Mapping[str, Any]]
    actions: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Listener:
    """A listener of an application load balancer.

    Attributes:
        account: Account id.
        region: Region name.
        arn: Its ARN.
        balancer: ARN of the load balancer.
        protocol: `HTTP` or `HTTPS`.
        port: The declared port.
        rules: By priority, the default one last.
        groups: The target groups that the rules name, by ARN.
    """

    account: str
    region: str
    arn: str
    balancer: str
    protocol: str
    port: int
    rules: Sequence[Rule]
    groups: Mapping[str, Group] = field(default_factory=dict)


def listeners() -> Iterator[Listener]:
    """Every listener of every application load balancer."""
    if not is_loaded(_MODELS):
        return
    from moto.backends import get_backend  # noqa: PLC0415

    for account, regional in list(get_backend("elbv2").items()):
        for region, backend in list(regional.items()):
            for balancer in list(backend.load_balancers.values()):
                if balancer.type == "application":
                    for listener in list(balancer.listeners.values()):
                        yield _listener(account, region, backend, listener)


def find_listener(account: str, region: str, balancer: str, arn: str) -> Listener | None:
    """One listener as it is now; None when it is gone."""
    from moto.backends import get_backend  # noqa: PLC0415

    backend: Any = get_backend("elbv2")[account][region]
    found = backend.load_balancers.get(balancer)
    listener = found.listeners.get(arn) if found else None
    return _listener(account, region, backend, listener) if listener else None


def name_balancer(listener: Listener, dns_name: str) -> None:
    """Let DescribeLoadBalancers tell where the load balancer is."""
    from moto.backends import get_backend  # noqa: PLC0415

    backend: Any = get_backend("elbv2")[listener.account][listener.region]
    backend.load_balancers[listener.balancer].dns_name = dns_name


def _listener(account: str, region: str, backend: Any, listener: Any) -> Listener:
    ordered = sorted(listener.rules.values(), key=lambda rule: (rule.priority == "default", _number(rule.priority)))
    rules = []
    for rule in ordered:
        actions = listener.default_actions if rule.priority == "default" else rule.actions
        rules.append(Rule(list(rule.conditions), [action.data for action in actions]))
    arns = {arn for rule in rules for action in rule.actions for arn in weights(action)}
    groups = {arn: _group(backend.target_groups[arn]) for arn in sorted(arns) if arn in backend.target_groups}
    port = int(listener.port)
    return Listener(account, region, listener.arn, listener.load_balancer_arn, listener.protocol, port, rules, groups)


def weights(action: Mapping[str, Any]) -> dict[str, int]:
    """The weights of target groups that an action forwards to; empty for other actions."""
    if action.get("Type") != "forward":
        return {}
    told = action.get("ForwardConfig", {}).get("TargetGroups") or ()
    several = {one["TargetGroupArn"]: int(one.get("Weight", 1)) for one in told}
    return several or ({action["TargetGroupArn"]: 1} if "TargetGroupArn" in action else {})


def _number(priority: Any) -> int:
    return 0 if priority == "default" else int(priority)


def _group(inner: Any) -> Group:
    port = str(inner.health_check_port or "traffic-port")
    return Group(
        arn=inner.arn,
        kind=inner.target_type,
        targets={name: int(target["Port"] or 0) for name, target in inner.targets.items()},
        path=inner.health_check_path or "/",
        codes=str((getattr(inner, "matcher", None) or {}).get("HttpCode", "200")),
        port=int(port) if port.isdigit() else None,
        protocol=str(inner.health_check_protocol or "HTTP"),
        interval=int(inner.health_check_interval_seconds),
        timeout=int(inner.health_check_timeout_seconds),
        healthy=int(inner.healthy_threshold_count),
        unhealthy=int(inner.unhealthy_threshold_count),
        delay=int(inner.attributes.get("deregistration_delay.timeout_seconds", 300)),
        is_used=bool(inner.load_balancer_arns),
    )


def judge_targets(judge: Judge, changed: Changed) -> None:
    """Let moto ask for the health of targets, and tell of registrations.

    Args:
        judge: `(target group, target id) -> health`, None to leave it to moto.
        changed: `(group's ARN, target id, whether it was registered)`.
    """
    when_loaded(_MODELS, partial(_take_places, judge, changed))


def _take_places(judge: Judge, changed: Changed, models: Any) -> None:
    group = models.FakeTargetGroup
    replace(group, "health_for", partial(_judged, judge))
    replace(group, "register", partial(_telling_of_registration, changed))
    replace(group, "deregister", partial(_telling_of_deregistration, changed))


def _judged(judge: Judge, by_moto: Method) -> Method:
    def health_for(group: Any, target: Mapping[str, Any], ec2_backend: Any) -> Any:
        found = by_moto(group, target, ec2_backend)
        judged = judge(_group(group), str(target["Id"]))
        # What moto knows of stopped instances and of targets that never were registered stays as it is.
        if judged is not None and (found.status == "healthy" or judged[0] == "draining"):
            found.status, found.reason, found.description = judged
        return found

    return health_for


def _telling_of_registration(changed: Changed, by_moto: Method) -> Method:
    def register(group: Any, targets: Sequence[Mapping[str, Any]]) -> None:
        known = set(group.targets)
        by_moto(group, targets)
        for target in targets:
            if target["Id"] not in known:
                changed(group.arn, str(target["Id"]), True)

    return register


def _telling_of_deregistration(changed: Changed, by_moto: Method) -> Method:
    def deregister(group: Any, targets: Sequence[Mapping[str, Any]]) -> None:
        by_moto(group, targets)
        for target in targets:
            changed(group.arn, str(target["Id"]), False)

    return deregister
