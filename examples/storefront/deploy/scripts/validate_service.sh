#!/bin/sh
# ValidateService: the host asks its own server whether it is healthy, and whether it is the release that was installed.
set -eu
. "$(dirname -- "$0")/common.sh"

python3 -B "$APP" ask "$OWN_URL/healthz" --within 20
python3 -B "$APP" ask "$OWN_URL/version" --within 2 --expect="$(cat -- "$ROOT/opt/storefront/VERSION")"
