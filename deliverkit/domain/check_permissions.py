"""The permissions of AWS that checks need of whoever measures them, as data: kind by kind, in IAM's words.

Service authorization reference, "Actions, resources, and condition keys". CloudFormation detects drift with the
caller's permissions, so that `drift` has to read each resource of the stack besides (CloudFormation user guide, "Detect
unmanaged configuration changes"); that depends on the stack, and stands in no table.
"""

from __future__ import annotations

from collections.abc import Mapping

_INSTANCES = ("codedeploy:GetDeploymentGroup", "ec2:DescribeInstances")
"""To find the targets of a deployment group."""
_TARGET_HEALTH = ("elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth")
_METRICS = ("cloudwatch:GetMetricData",)

ACTIONS: Mapping[str, tuple[str, ...]] = {
    "targets": (*_INSTANCES, "ec2:DescribeInstanceStatus", *_TARGET_HEALTH),
    "load_balancer": ("codedeploy:GetDeploymentGroup", *_TARGET_HEALTH),
    "lambda": ("lambda:InvokeFunction",),
    "drift": (
        "cloudformation:DescribeStacks",
        "cloudformation:DetectStackDrift",
        "cloudformation:DescribeStackDriftDetectionStatus",
        "cloudformation:DescribeStackResourceDrifts",
    ),
    "vulnerabilities": (
        *_INSTANCES,
        "ecr:DescribeImageScanFindings",
        "inspector2:ListCoverage",
        "inspector2:ListFindings",
    ),
    "signature": ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "kms:GetPublicKey", "kms:Decrypt"),
    "certificate": (*_INSTANCES, "acm:DescribeCertificate", "acm:ListCertificates"),
    "jenkins": (),
    "alarm": ("cloudwatch:DescribeAlarms",),
    "metric": _METRICS,
    "burn_rate": _METRICS,
    "compare": _METRICS,
    "logs": ("logs:StartQuery", "logs:GetQueryResults", "logs:StopQuery"),
}
"""What each kind asks for in the widest of its forms; a kind that is not named here asks AWS for nothing we know of."""
