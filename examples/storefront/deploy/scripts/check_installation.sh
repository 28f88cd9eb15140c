#!/bin/sh
# AfterInstall: a bundle with a broken version or settings file ends here, before anything is started.
set -eu
. "$(dirname -- "$0")/common.sh"

# -B: Python's cache would be files that the agent did not install and therefore never removes.
exec python3 -B "$APP" check
