"""Our uploader on bytes that are ready: `ours_upload.py FILE BUCKET`.

The one place that knows how the library is called to upload.
"""

import hashlib
import sys
from collections.abc import Iterator
from pathlib import Path

from deliverkit.adapters.aws.releases import S3Releases
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.domain.release import BundleFormat
from deliverkit.ports import PreparedBundle

PIECE, MANIFEST = 1 << 20, b"{}\n"
bundle = Path(sys.argv[1])


def chunks() -> Iterator[bytes]:
    with bundle.open("rb", buffering=0) as file:
        while piece := file.read(PIECE):
            yield piece


store = S3Releases(Aws(Account()), bucket=sys.argv[2], prefix="releases")
ready = PreparedBundle(
    manifest_digest=f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}",
    manifest_size=len(MANIFEST),
    manifest_pieces=lambda: iter((MANIFEST,)),
    format=BundleFormat.ZIP,
    size_limit=bundle.stat().st_size,
    chunks=chunks,
)
upload = store.upload(ready)
if not upload.was_sent or upload.size != bundle.stat().st_size:
    sys.exit(f"it was not sent as a whole: {upload}")
