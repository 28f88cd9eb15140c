"""What a type of resource is to a stack: how it is made, changed and removed through its service's own operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from deliverkit.sandbox.kernel.errors import ApiError
from deliverkit.sandbox.kernel.model import service_model
from deliverkit.sandbox.kernel.operations import Answer
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.stacks.shaping import shaped

Properties = Mapping[str, Any]
Attributes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stack stands.

    CloudFormation asks with the stack's role or with the caller's credentials; which ones it had is not known to moto's
    models, so here it asks as the account's root and IAM's policies have no say.
    """

    world: World
    account: str
    region: str

    def ask(self, service: str, operation: str, params: Mapping[str, Any]) -> Answer:
        """Call a service of the sandbox's own, or of moto's."""
        if service not in self.world.services:
            client = self.world.moto.client(service, self.account, self.region)
            answer: Answer = getattr(client, xform_name(operation))(**params)
            return answer
        context = self.world.context(self.account, self.region, f"arn:aws:iam::{self.account}:root")
        return self.world.services[service].call(operation, params, context)

    def shape(self, service: str, operation: str, properties: Properties, *path: str) -> dict[str, Any]:
        """Properties as the members of an operation's input, or of what a path of members leads to."""
        own = self.world.services.get(service)
        shape = (own.model if own else service_model(service)).operation_model(operation).input_shape
        for name in path:
            shape = shape.members[name]
        members: dict[str, Any] = shaped(shape, properties)
        return members

    def arn(self, service: str, resource: str) -> str:
        """An ARN here."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{resource}"


@dataclass(frozen=True, slots=True)
class Made:
    """A resource that a stack made.

    Attributes:
        id: Its physical id, which `Ref` gives.
        attributes: What `Fn::GetAtt` gives.
    """

    id: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of resource.

    Attributes:
        type: As templates write it.
        service: Whose operations make it.
        name_property: The property that names it; empty when it has none.
        replacing: Properties whose change makes a new resource; the others are changed in place.
        attributes: Names that `Fn::GetAtt` knows.
        make: Makes one of a name, with the properties of the template.
        change: Changes the resource of an id from its old properties to new ones.
        remove: Removes the resource of an id.
    """

    type: str
    service: str
    name_property: str
    replacing: frozenset[str]
    attributes: tuple[str, ...]
    make: Callable[[Place, str, Properties], Made]
    change: Callable[[Place, str, Properties, Properties], Attributes]
    remove: Callable[[Place, str, Properties], None]

    def must_replace(self, old: Properties, new: Properties) -> bool:
        """True when the step from old to new properties takes a new resource."""
        return any(old.get(name) != new.get(name) for name in self.replacing)


def retag(place: Place, service: str, arn: str, old: Properties, new: Properties) -> None:
    """Bring a resource's tags from the old properties to the new ones."""
    before, after = (_tags(each) for each in (old, new))
    gone = sorted(before.keys() - after.keys())
    if gone:
        place.ask(
            service, "UntagResource", place.shape(service, "UntagResource", {"ResourceArn": arn, "TagKeys": gone})
        )
    if after != before and after:
        tags = [{"Key": key, "Value": value} for key, value in after.items()]
        place.ask(service, "TagResource", place.shape(service, "TagResource", {"ResourceArn": arn, "Tags": tags}))


def _tags(properties: Properties) -> dict[str, str]:
    return {str(each["Key"]): str(each["Value"]) for each in properties.get("Tags") or ()}


def unless_gone(remove: Callable[[], Any]) -> None:
    """Remove something; that it is gone already is fine."""
    try:
        remove()
    except ApiError as error:
        if not is_absence(error.code):
            raise


def is_absence(code: str) -> bool:
    """True for the code of an error that says that there is no such thing."""
    return "DoesNotExist" in code or "NotFound" in code


def without(properties: Properties, *names: str) -> dict[str, Any]:
    """Properties without some of them."""
    return {name: value for name, value in properties.items() if name not in names}
