#!/bin/sh
# ApplicationStart: starts the server in the background and waits until its port is open.
set -eu
here=$(dirname -- "$0")
. "$here/common.sh"

# ApplicationStop does not run on a host without an earlier release, and its failure can be ignored: a server that still
# holds the port would answer in the new one's place.
"$here/stop_server.sh"

# Detached: its own session, and no descriptor of the hook left open. The agent reads a hook's output until the last holder
# closes it, and fails the hook (code 6, OutputsLeftOpen) when a server keeps it.
cd /
setsid python3 -B "$APP" serve --address "$ADDRESS" --port "$PORT" --pid-file "$PID_FILE" \
    </dev/null >>"$LOG_FILE" 2>&1 &
server=$!

# The server writes its pid file when its port is open.
tries=0
until [ -s "$PID_FILE" ]; do
    if ! kill -0 "$server" 2>/dev/null || [ "$tries" -ge 200 ]; then
        echo "the server did not open $ADDRESS:$PORT; the end of its log:" >&2
        tail -n 15 -- "$LOG_FILE" >&2
        kill -KILL "$server" 2>/dev/null || :
        exit 1
    fi
    tries=$((tries + 1))
    sleep 0.1
done
echo "server $(cat -- "$PID_FILE") listens on $ADDRESS:$PORT"
