#!/bin/sh
# BeforeInstall: what the host must offer before anything is copied to it.
set -eu
. "$(dirname -- "$0")/common.sh"

for program in python3 setsid; do
    command -v "$program" >/dev/null || {
        echo "$program is not on this host's PATH ($PATH)" >&2
        exit 1
    }
done
mkdir -p -- "$RUN_DIR" "$LOG_DIR"
