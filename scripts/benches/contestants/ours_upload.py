"""Our uploader on a ready bundle: `ours_upload.py FILE BUCKET`; FILE.sha256 holds its digest, which packaging knows.

The one place that knows how the library is called to upload.
"""

import sys
from pathlib import Path

from deliverkit.adapters.aws.releases import S3Releases
from deliverkit.adapters.aws.session import Account, Aws
from deliverkit.domain.release import BundleFormat

bundle, bucket = Path(sys.argv[1]), sys.argv[2]
digest = Path(f"{bundle}.sha256").read_text(encoding="ascii")
store = S3Releases(Aws(Account()), bucket=bucket, prefix="releases")
upload = store.upload(bundle, digest=f"sha256:{digest}", format=BundleFormat.ZIP)
if not upload.was_sent:
    sys.exit("it was there already")
