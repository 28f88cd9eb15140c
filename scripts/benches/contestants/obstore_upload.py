"""obstore with its defaults: `obstore_upload.py FILE BUCKET`."""

import os
import sys
from pathlib import Path

import obstore
from obstore.store import S3Store

store = S3Store(sys.argv[2], endpoint=os.environ["AWS_ENDPOINT_URL"], region=os.environ["AWS_DEFAULT_REGION"])
obstore.put(store, "bundle.zip", Path(sys.argv[1]))
