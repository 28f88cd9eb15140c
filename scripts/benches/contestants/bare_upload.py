"""The limit: parts of 8 MiB over two connections, unsigned and without checksums: `bare_upload.py FILE BUCKET`.

Nobody could use it; it shows how much of the others' time is the connection and the server.
"""

import http.client
import os
import re
import ssl
import sys
import threading
from urllib.parse import urlsplit

PART = 8 << 20
NAME, BUCKET = sys.argv[1:]
PATH = f"/{BUCKET}/bundle.zip"


def connect() -> http.client.HTTPSConnection:
    trust = ssl.create_default_context(cafile=os.environ["AWS_CA_BUNDLE"])
    return http.client.HTTPSConnection(urlsplit(os.environ["AWS_ENDPOINT_URL"]).netloc, context=trust)


def ask(link: http.client.HTTPSConnection, method: str, target: str, body: bytes = b"") -> tuple[str, bytes]:
    link.request(method, target, body)
    answer = link.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{method} {target}: {answer.status} {content!r}")
    return answer.getheader("ETag", ""), content


def send(upload: str, numbers: range, tags: dict[int, str]) -> None:
    link = connect()
    with open(NAME, "rb", buffering=0) as file:  # noqa: PTH123
        for number in numbers:
            part = os.pread(file.fileno(), PART, number * PART)
            tags[number], _ = ask(link, "PUT", f"{PATH}?partNumber={number + 1}&uploadId={upload}", part)


main = connect()
upload = re.search(rb"<UploadId>(\w+)", ask(main, "POST", f"{PATH}?uploads")[1])[1].decode()
count, tags = -(-os.stat(NAME).st_size // PART), {}  # noqa: PTH116
threads = [threading.Thread(target=send, args=(upload, range(first, count, 2), tags)) for first in (0, 1)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
parts = "".join(f"<Part><ETag>{tags[each]}</ETag><PartNumber>{each + 1}</PartNumber></Part>" for each in range(count))
ask(main, "POST", f"{PATH}?uploadId={upload}", f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode())
