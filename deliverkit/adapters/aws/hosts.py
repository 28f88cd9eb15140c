"""Hosts for deployments: EC2 instances, and machines of one's own registered as on-premises instances."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from deliverkit.adapters.aws.errors import translated

_IMAGE = "ami-0a11ce0fdeadbeef0"
_LIVE = ("pending", "running", "stopping", "stopped")
NAME = "Name"
USER_PATH = "/deliverkit/hosts/"
"""Where the users are that `register` makes; those that others made are theirs to remove."""
POLICY = "codedeploy-agent"
MAY_READ_BUNDLES = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}],
}
"""The policy that `aws deploy register` gives to the user of a host."""


class Clients(Protocol):
    """Gives botocore clients."""

    def client(self, service: str, region: str | None = None) -> Any:
        """The client of a service in a region."""
        ...


@dataclass(frozen=True, slots=True)
class Host:
    """A machine that deployments can reach.

    Attributes:
        name: Its `Name` tag, or the name of the on-premises registration.
        id: `i-...`, or the name of the on-premises registration.
        kind: `ec2` or `on-premises`.
        state: EC2's instance state, or `registered`.
        address: Private address; empty for an on-premises instance.
        tags: Its tags.
    """

    name: str
    id: str
    kind: str
    state: str
    address: str
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Registration:
    """What the agent of an on-premises instance has to be told.

    Attributes:
        name: Of the registration.
        iam_user_arn: Who the agent is.
        access_key: Its access key id.
        secret_key: Its secret access key.
        region: Region of the registration.
        endpoint: URL of the command service and of S3.
    """

    name: str
    iam_user_arn: str
    access_key: str
    secret_key: str
    region: str
    endpoint: str


class Hosts:
    """The hosts of one account and region.

    Args:
        clients: Where clients come from.
        region: Of the hosts.
        endpoint: URL that agents are told.
    """

    def __init__(self, clients: Clients, region: str, endpoint: str) -> None:
        self._clients, self._region, self._endpoint = clients, region, endpoint

    def list(self) -> Iterator[Host]:
        """Every EC2 instance that is not terminated, then every registered on-premises instance."""
        filters = [{"Name": "instance-state-name", "Values": list(_LIVE)}]
        for page in self._client("ec2").get_paginator("describe_instances").paginate(Filters=filters):
            for reservation in page["Reservations"]:
                yield from (_of_ec2(instance) for instance in reservation["Instances"])
        codedeploy = self._client("codedeploy")
        names = codedeploy.list_on_premises_instances(registrationStatus="Registered")["instanceNames"]
        for first in range(0, len(names), 25):
            batch = codedeploy.batch_get_on_premises_instances(instanceNames=names[first : first + 25])
            yield from (_of_premises(info) for info in batch["instanceInfos"])

    def launch(self, name: str, tags: Mapping[str, str]) -> str:
        """Launch an EC2 instance; give its id.

        Raises:
            UsageError: If a tag is none that AWS takes.
        """
        pairs = [{"Key": key, "Value": value} for key, value in {NAME: name, **tags}.items()]
        with translated(f"launching {name}"):
            launched = self._client("ec2").run_instances(
                ImageId=_IMAGE,
                MinCount=1,
                MaxCount=1,
                TagSpecifications=[{"ResourceType": "instance", "Tags": pairs}],
            )
        return str(launched["Instances"][0]["InstanceId"])

    def register(self, name: str, tags: Mapping[str, str]) -> Registration:
        """Make a user for a machine of one's own and register the machine with CodeDeploy under its ARN.

        Raises:
            ConflictError: If there is a user or an instance of that name.
            UsageError: If the name or a tag is none that AWS takes.
        """
        with translated(f"registering {name}"):
            arn = str(self._iam.create_user(UserName=name, Path=USER_PATH)["User"]["Arn"])
            try:
                self._register(name, arn, tags)
            except Exception:
                self._remove_user(name)  # or the next attempt meets it
                raise
            key = self._iam.create_access_key(UserName=name)["AccessKey"]
        return Registration(name, arn, key["AccessKeyId"], key["SecretAccessKey"], self._region, self._endpoint)

    def _register(self, name: str, arn: str, tags: Mapping[str, str]) -> None:
        codedeploy = self._client("codedeploy")
        self._iam.put_user_policy(UserName=name, PolicyName=POLICY, PolicyDocument=json.dumps(MAY_READ_BUNDLES))
        codedeploy.register_on_premises_instance(instanceName=name, iamUserArn=arn)
        if tags:
            pairs = [{"Key": tag, "Value": value} for tag, value in tags.items()]
            try:
                codedeploy.add_tags_to_on_premises_instances(tags=pairs, instanceNames=[name])
            except Exception:
                codedeploy.deregister_on_premises_instance(instanceName=name)
                raise

    def remove(self, host: Host) -> None:
        """Terminate the instance, or deregister it; a user that was made for it goes too."""
        with translated(f"removing {host.id}"):
            if host.kind == "ec2":
                self._client("ec2").terminate_instances(InstanceIds=[host.id])
                return
            codedeploy = self._client("codedeploy")
            info = codedeploy.get_on_premises_instance(instanceName=host.id)["instanceInfo"]
            codedeploy.deregister_on_premises_instance(instanceName=host.id)
            user = str(info.get("iamUserArn", "")).partition(":user")[2]
            if user.startswith(USER_PATH):
                self._remove_user(user.removeprefix(USER_PATH))

    def _remove_user(self, name: str) -> None:
        for key in self._iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
            self._iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
        for policy in self._iam.list_user_policies(UserName=name)["PolicyNames"]:
            self._iam.delete_user_policy(UserName=name, PolicyName=policy)
        self._iam.delete_user(UserName=name)

    @property
    def _iam(self) -> Any:
        return self._clients.client("iam")

    def _client(self, service: str) -> Any:
        return self._clients.client(service, self._region)


def _of_ec2(instance: Mapping[str, Any]) -> Host:
    tags = {tag["Key"]: tag["Value"] for tag in instance.get("Tags", [])}
    address = instance.get("PrivateIpAddress", "")
    return Host(tags.get(NAME, ""), instance["InstanceId"], "ec2", instance["State"]["Name"], address, tags)


def _of_premises(info: Mapping[str, Any]) -> Host:
    tags = {tag["Key"]: tag["Value"] for tag in info.get("tags", [])}
    return Host(info["instanceName"], info["instanceName"], "on-premises", "registered", "", tags)
