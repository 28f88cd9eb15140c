"""The least that an application specification for Lambda or ECS must hold.

Source: CodeDeploy User Guide, "AppSpec 'resources' section" and "AppSpec 'hooks' section".
"""

from __future__ import annotations

from collections.abc import Iterator

from deliverkit.packaging import rules
from deliverkit.packaging.appspec import ResourceAppspec, nearest
from deliverkit.packaging.finding import Finding
from deliverkit.yaml_tree import Mapping, Scalar

_LAMBDA, _ECS = "AWS::Lambda::Function", "AWS::ECS::Service"
_PROPERTIES = {
    _LAMBDA: ("Name", "Alias", "CurrentVersion", "TargetVersion"),
    _ECS: ("TaskDefinition", "LoadBalancerInfo"),
}
_HOOKS = {
    _LAMBDA: ("BeforeAllowTraffic", "AfterAllowTraffic"),
    _ECS: ("BeforeInstall", "AfterInstall", "AfterAllowTestTraffic", "BeforeAllowTraffic", "AfterAllowTraffic"),
}


def lint_resources(spec: ResourceAppspec) -> Iterator[Finding]:
    """Check type, required properties and hook names."""
    if len(spec.resources) != 1:
        message = f"Resources must name exactly one function or service, not {len(spec.resources)}"
        yield rules.RESOURCE.at(spec.place, message)
    for name, resource in spec.resources:
        yield from _resource(name, resource)
    known = [hook for _, resource in spec.resources for hook in _HOOKS.get(_type(resource), ())]
    for hook, _ in spec.hooks:
        if known and hook.text not in known:
            yield rules.HOOK_UNKNOWN.at(hook.place, f"there is no hook {hook.text!r}{nearest(hook.text, known)}")


def _type(resource: Mapping) -> str:
    kind = resource.get("Type")
    return kind.text if isinstance(kind, Scalar) else ""


def _resource(name: Scalar, resource: Mapping) -> Iterator[Finding]:
    required = _PROPERTIES.get(_type(resource))
    if required is None:
        found = _type(resource)
        message = f"{name.text} needs Type {_LAMBDA} or {_ECS}{nearest(found, _PROPERTIES)}"
        yield rules.RESOURCE.at(resource.place, message)
        return
    properties = resource.get("Properties")
    if not isinstance(properties, Mapping):
        yield rules.RESOURCE.at(resource.place, f"{name.text} needs Properties")
        return
    for key in required:
        if properties.get(key) is None:
            yield rules.RESOURCE.at(properties.place, f"{name.text} needs the property {key}")
    balancer = properties.get("LoadBalancerInfo")
    for key in ("ContainerName", "ContainerPort") if isinstance(balancer, Mapping) else ():
        if isinstance(balancer, Mapping) and balancer.get(key) is None:
            yield rules.RESOURCE.at(balancer.place, f"LoadBalancerInfo needs {key}")
