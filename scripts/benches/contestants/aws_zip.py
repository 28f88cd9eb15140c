"""The zip step of `aws deploy push` and nothing else: `aws_zip.py SOURCE`.

It is awscli's own code. What it took is told without the start of Python and the import of awscli.
"""

import json
import resource
import sys
import time

from awscli.customizations.codedeploy.push import Push


def seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


push = object.__new__(Push)  # its constructor wants a session of botocore, which this step does not use
began, used = time.monotonic(), seconds()
with push._compress(sys.argv[1]) as bundle:
    size = push._bundle_size(bundle)
print(json.dumps({"wall": time.monotonic() - began, "cpu": seconds() - used, "out": size}))
