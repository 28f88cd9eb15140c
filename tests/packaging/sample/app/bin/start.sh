#!/bin/sh
set -eu
exec /opt/sample/bin/serve --port 8080
