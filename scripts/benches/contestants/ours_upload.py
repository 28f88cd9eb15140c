"""Our uploader on bytes that are ready: `ours_upload.py FILE BUCKET`.

The one place that knows how the library is called to upload.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from deliverkit.adapters.aws.releases import S3Releases
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.domain.release import BundleFormat
from deliverkit.ports import PreparedBundle

PIECE = 1 << 20
bundle = Path(sys.argv[1])


def chunks() -> Iterator[bytes]:
    with bundle.open("rb", buffering=0) as file:
        while piece := file.read(PIECE):
            yield piece


store = S3Releases(Aws(Account()), bucket=sys.argv[2], prefix="releases")
upload = store.upload(PreparedBundle(b"{}\n", BundleFormat.ZIP, bundle.stat().st_size, chunks))
if not upload.was_sent or upload.size != bundle.stat().st_size:
    sys.exit(f"it was not sent as a whole: {upload}")
