"""Making, in the sandbox, what a delivery expects to find in AWS: buckets, people, instances, groups, the pipeline.

Everything is made only when it is missing, so seeding twice changes nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from deliverkit.domain.environment import Environment

TAG = "deliverkit:environment"
ROLE = "deliverkit-sandbox"
_EVERYTHING = "everything"
_IMAGE = "ami-0a11ce0fdeadbeef0"


class Clients(Protocol):
    """Gives botocore clients."""

    def client(self, service: str, region: str | None = None) -> Any:
        """The client of a service in a region."""
        ...


@dataclass(frozen=True, slots=True)
class Needs:
    """What a delivery expects.

    Attributes:
        bucket: Release bucket.
        is_locked: True when bundles are kept by Object Lock.
        region: Region of bucket and pipeline.
        environments: The environments to make instances and groups for.
        pipeline: CreatePipeline's `pipeline` member; None without a pipeline.
        instances: Instances in each region, by the environment's name; the empty name stands for all others.
        copies: Buckets for copies of releases, by region.
        aliases: Aliases of KMS keys that sign, such as `alias/release-signing`, in the region.
    """

    bucket: str
    is_locked: bool
    region: str
    environments: Sequence[Environment]
    pipeline: Mapping[str, Any] | None
    instances: Mapping[str, int]
    copies: Mapping[str, str] = field(default_factory=dict)
    aliases: Sequence[str] = ()


class Seeder:
    """Makes what is missing."""

    def __init__(self, clients: Clients, *, credentials_file: Path) -> None:
        """Take the clients, and where to write the access keys of the people it makes."""
        self._clients = clients
        self._credentials_file = credentials_file

    def seed(self, needs: Needs) -> Iterator[str]:
        """Make everything, telling each thing that was made."""
        yield from self._buckets(needs)
        yield from self._keys(needs)
        yield from self._role()
        yield from self._people(needs.environments)
        for environment in needs.environments:
            wanted = needs.instances.get(environment.name, needs.instances[""])
            yield from self._environment(environment, wanted)
        if needs.pipeline is not None:
            yield from self._pipeline(needs.pipeline, needs.region)

    # --- buckets and identities --------------------------------------------------------------------

    def _buckets(self, needs: Needs) -> Iterator[str]:
        artifacts = (needs.pipeline or {}).get("artifactStore", {}).get("location")
        s3 = self._clients.client("s3", needs.region)
        existing = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
        wanted = {name: needs.region for name in (needs.bucket, artifacts) if name}
        wanted |= {bucket: region for region, bucket in needs.copies.items()}
        for bucket, region in wanted.items():
            if bucket in existing:
                continue
            client = self._clients.client("s3", region)
            # us-east-1 is the one region that must not be named (S3 API reference, CreateBucket).
            place = {} if region == "us-east-1" else {"LocationConstraint": region}
            lock = {"ObjectLockEnabledForBucket": True} if needs.is_locked and bucket == needs.bucket else {}
            client.create_bucket(Bucket=bucket, **lock, **({"CreateBucketConfiguration": place} if place else {}))
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            yield f"bucket {bucket} in {region}, versioned"

    def _keys(self, needs: Needs) -> Iterator[str]:
        if not needs.aliases:
            return
        kms = self._clients.client("kms", needs.region)
        pages = kms.get_paginator("list_aliases").paginate()
        existing = {alias["AliasName"] for page in pages for alias in page["Aliases"]}
        for alias in needs.aliases:
            if alias not in existing:
                made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
                kms.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
                yield f"signing key {alias}"

    def _role(self) -> Iterator[str]:
        iam = self._clients.client("iam")
        if any(role["RoleName"] == ROLE for role in iam.list_roles()["Roles"]):
            return
        services = {"Service": ["codedeploy.amazonaws.com", "codepipeline.amazonaws.com"]}
        statement = {"Effect": "Allow", "Principal": services, "Action": "sts:AssumeRole"}
        iam.create_role(
            RoleName=ROLE, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        )
        iam.put_role_policy(RoleName=ROLE, PolicyName=_EVERYTHING, PolicyDocument=_allow_everything())
        yield f"role {ROLE}"

    def _people(self, environments: Iterable[Environment]) -> Iterator[str]:
        iam = self._clients.client("iam")
        existing = {user["UserName"] for user in iam.list_users()["Users"]}
        environments = list(environments)
        approvers = _approvers(environments)
        bridges = sorted({group for each in environments if each.approvals for group in each.approvals.bridges})
        people = ("developer", *approvers, *bridges)
        if set(people) <= existing and self._credentials_file.exists():
            return
        profiles = []
        for name in people:
            if name not in existing:
                iam.create_user(UserName=name)
                # Policies decide only when the sandbox enforces them; whoever rehearses permissions narrows these.
                iam.put_user_policy(UserName=name, PolicyName=_EVERYTHING, PolicyDocument=_allow_everything())
            key = iam.create_access_key(UserName=name)["AccessKey"]
            profiles.append(_profile(name, key))
        groups = {group for each in environments if each.approvals for group in each.approvals.groups}
        for group in sorted({*groups, *bridges}):
            iam.create_group(GroupName=group)
            # What passes decisions on is a user with the name of its group, for a build server's agents.
            for name in (*(approvers if group in groups else ()), *(each for each in bridges if each == group)):
                iam.add_user_to_group(GroupName=group, UserName=name)
        self._credentials_file.write_text("\n".join(profiles), encoding="utf-8")
        self._credentials_file.chmod(0o600)
        who = "approver is" if len(approvers) == 1 else "approvers are"
        yield f"users {' and '.join(people)}; {who} in {', '.join(sorted(groups)) or 'no group'}"

    # --- environments ------------------------------------------------------------------------------

    def _environment(self, environment: Environment, instances: int) -> Iterator[str]:
        for region in dict.fromkeys(region for wave in environment.waves for region in wave):
            yield from self._instances(environment, region, instances)
            yield from self._group(environment, region)

    def _instances(self, environment: Environment, region: str, wanted: int) -> Iterator[str]:
        ec2 = self._clients.client("ec2", region)
        filters = [
            {"Name": f"tag:{TAG}", "Values": [_mark(environment)]},
            {"Name": "instance-state-name", "Values": ["pending", "running"]},
        ]
        found = sum(len(r["Instances"]) for r in ec2.describe_instances(Filters=filters)["Reservations"])
        missing = wanted - found
        if missing <= 0:
            return
        tags = [{"Key": TAG, "Value": _mark(environment)}, {"Key": "Name", "Value": environment.group}]
        specification = [{"ResourceType": "instance", "Tags": tags}]
        ec2.run_instances(ImageId=_IMAGE, MinCount=missing, MaxCount=missing, TagSpecifications=specification)
        yield f"{missing} instance{'' if missing == 1 else 's'} for {environment.name} in {region}"

    def _group(self, environment: Environment, region: str) -> Iterator[str]:
        codedeploy = self._clients.client("codedeploy", region)
        if environment.application not in codedeploy.list_applications()["applications"]:
            codedeploy.create_application(applicationName=environment.application, computePlatform="Server")
            yield f"CodeDeploy application {environment.application} in {region}"
        known = codedeploy.list_deployment_groups(applicationName=environment.application)["deploymentGroups"]
        if environment.group in known:
            return
        codedeploy.create_deployment_group(
            applicationName=environment.application,
            deploymentGroupName=environment.group,
            serviceRoleArn=self._role_arn(),
            ec2TagFilters=[{"Key": TAG, "Value": _mark(environment), "Type": "KEY_AND_VALUE"}],
            deploymentConfigName="CodeDeployDefault.AllAtOnce",
        )
        yield f"deployment group {environment.group} in {region}"

    # --- the pipeline ------------------------------------------------------------------------------

    def _pipeline(self, declaration: Mapping[str, Any], region: str) -> Iterator[str]:
        codepipeline = self._clients.client("codepipeline", region)
        wanted = {**declaration, "roleArn": self._role_arn()}
        names = {pipeline["name"] for pipeline in codepipeline.list_pipelines()["pipelines"]}
        if wanted["name"] not in names:
            codepipeline.create_pipeline(pipeline=wanted)
            yield f"pipeline {wanted['name']}"

    def _role_arn(self) -> str:
        return str(self._clients.client("iam").get_role(RoleName=ROLE)["Role"]["Arn"])


def _allow_everything() -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def _approvers(environments: Iterable[Environment]) -> tuple[str, ...]:
    """As many as the most demanding environment needs, one at least."""
    needed = max((each.approvals.needed for each in environments if each.approvals), default=1)
    return ("approver", *(f"approver-{number}" for number in range(2, needed + 1)))


def _mark(environment: Environment) -> str:
    return f"{environment.application}/{environment.name}"


def _profile(name: str, key: Mapping[str, str]) -> str:
    return f"[{name}]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
