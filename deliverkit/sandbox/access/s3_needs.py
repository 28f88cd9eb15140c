"""Actions and resources of S3's operations (S3 user guide, "Required permissions for Amazon S3 API operations")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from deliverkit.sandbox.access.request import Request

_ACTIONS = {
    "ListBuckets": "ListAllMyBuckets",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "HeadBucket": "ListBucket",
    "HeadObject": "GetObject",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "CopyObject": "PutObject",
    "DeleteObjects": "DeleteObject",
    "SelectObjectContent": "GetObject",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
_VERSIONED = {"GetObject": "GetObjectVersion", "HeadObject": "GetObjectVersion", "DeleteObject": "DeleteObjectVersion"}


def needs(request: Request) -> list[tuple[str, str]]:
    """Actions and the resources they are for; a copy reads its source too."""
    bucket, key = request.params.get("Bucket"), request.params.get("Key")
    resource = "*" if not bucket else f"arn:aws:s3:::{bucket}/{key}" if key else f"arn:aws:s3:::{bucket}"
    if request.operation == "DeleteObjects":
        resource += "/*"
    action = _ACTIONS.get(request.operation, request.operation)
    if request.query.get("versionId"):
        action = _VERSIONED.get(request.operation, action)
    found = [(f"s3:{action}", resource)]
    source = request.headers.get("x-amz-copy-source")
    if source:
        place = unquote(source).lstrip("/").partition("?")[0]
        found.append(("s3:GetObject", f"arn:aws:s3:::{place}"))
    return [*found, *_key_needs(request)]


def _key_needs(request: Request) -> list[tuple[str, str]]:
    """What a key of one's own asks of whoever stores under it (S3 user guide, "Using server-side encryption with KMS").

    The account's key for S3 asks for nothing: its policy lets in whoever S3 lets in.
    """
    key = request.headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    if not key or request.method not in {"PUT", "POST"}:
        return []
    form = f"arn:aws:kms:{request.region}:{request.account}:"
    resource = key if key.startswith("arn:") else form + (key if key.startswith("alias/") else f"key/{key}")
    return [("kms:GenerateDataKey", resource)]


def keys(request: Request) -> Mapping[str, Any]:
    """Condition keys of S3's own: what is listed, and how an object is stored."""
    names = {"s3:prefix": "prefix", "s3:delimiter": "delimiter", "s3:max-keys": "max-keys"}
    listed = {key: [request.query[name]] for key, name in names.items() if name in request.query}
    stored = {f"s3:{name}": [value] for name, value in request.headers.items() if name != "x-amz-copy-source"}
    return listed | stored
