"""A job's artifacts in S3, read and written with the job's own credentials."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from deliverkit.adapters.aws.bucket import Encryption
from deliverkit.adapters.aws.errors import renewing, translated
from deliverkit.adapters.aws.session import Aws
from deliverkit.domain.worker_job import Artifact
from deliverkit.errors import DeliverkitError

PART_SIZE = 64 << 20
"""Bytes up to which one request is used, and of each part of what is larger; 10,000 of them are 640 GB."""
_CHUNK = 1 << 20


class S3Artifacts:
    """Implements `worker_ports.ArtifactShelf` with botocore."""

    def __init__(self, aws: Aws, *, key_id: str = "", part_size: int = PART_SIZE) -> None:
        """Take AWS as the job's credentials reach it, and the artifact store's KMS key; empty for AWS's own key."""
        self._aws = aws
        self._part_size = part_size
        # Without a key of the customer's aws:kms is wanted, too (CodePipeline user guide, create a custom action).
        self._encryption = Encryption(key_id=key_id).as_parameters()

    def fetch(self, artifact: Artifact, destination: Path) -> None:
        """Write an input artifact into a file.

        Raises:
            NotFoundError: If it is not there.
        """
        with renewing(f"fetching artifact {artifact.name} from {artifact.uri}"):
            body = self._client.get_object(Bucket=artifact.bucket, Key=artifact.key)["Body"]
            with destination.open("wb") as file:
                shutil.copyfileobj(body, file, _CHUNK)

    def store(self, artifact: Artifact, source: Path) -> None:
        """Store an output artifact, whole or not at all: the parts of an upload that fails are removed."""
        place = {"Bucket": artifact.bucket, "Key": artifact.key}
        with renewing(f"storing artifact {artifact.name} at {artifact.uri}"):
            if source.stat().st_size > self._part_size:
                self._store_in_parts(place, source)
                return
            with source.open("rb") as file:
                self._client.put_object(**place, **self._encryption, Body=file, ContentType="application/zip")

    def _store_in_parts(self, place: Mapping[str, str], source: Path) -> None:
        begun = self._client.create_multipart_upload(**place, **self._encryption, ContentType="application/zip")
        upload = {**place, "UploadId": begun["UploadId"]}
        try:
            parts = self._parts(upload, source)
            self._client.complete_multipart_upload(**upload, MultipartUpload={"Parts": parts})
        except BaseException:
            # Parts of an unfinished upload cost money until somebody removes them. Why it failed is what gets told.
            with suppress(DeliverkitError), translated("removing the parts of an unfinished upload"):
                self._client.abort_multipart_upload(**upload)
            raise

    def _parts(self, upload: Mapping[str, str], source: Path) -> list[dict[str, Any]]:
        parts: list[dict[str, Any]] = []
        with source.open("rb") as file:
            while content := file.read(self._part_size):
                number = len(parts) + 1
                answer = self._client.upload_part(**upload, PartNumber=number, Body=content)
                parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        return parts

    @property
    def _client(self) -> Any:
        return self._aws.client("s3")
