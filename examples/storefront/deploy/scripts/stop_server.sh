#!/bin/sh
# ApplicationStop: ends the running server, gently first. Nothing to stop is no failure: a host that was just started,
# or whose server died, must be able to receive the next release.
set -eu
. "$(dirname -- "$0")/common.sh"

[ -f "$PID_FILE" ] || exit 0
pid=$(cat -- "$PID_FILE")

# Ends the script as soon as the server is gone; comes back when it is still there after 10 s.
wait_for_end() {
    tries=0
    while is_server "$pid"; do
        [ "$tries" -lt 100 ] || return 0
        tries=$((tries + 1))
        sleep 0.1
    done
    rm -f -- "$PID_FILE"
    exit 0
}

is_server "$pid" && kill -TERM "$pid" 2>/dev/null || :
wait_for_end
echo "server $pid ignored SIGTERM for 10 s" >&2
kill -KILL "$pid" 2>/dev/null || :
wait_for_end
echo "server $pid is still there after SIGKILL" >&2
exit 1
