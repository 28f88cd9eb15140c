#!/bin/sh
# Names that all hooks share. Sourced, never run by the agent.
#
# On a real host both variables are unset: the root is / and the server listens on every address. On a rehearsal instance
# the first names the directory that plays the host's root, the second the loopback address that plays its network card.
# The agent re-roots the appspec's destinations by itself; scripts have to do it for the paths they name.
ROOT="${DELIVERKIT_INSTANCE_ROOT:-}"
ADDRESS="${DELIVERKIT_INSTANCE_ADDRESS:-0.0.0.0}"
PORT=8080

APP="$ROOT/opt/storefront/storefront.py"
RUN_DIR="$ROOT/run/storefront"
LOG_DIR="$ROOT/var/log/storefront"
PID_FILE="$RUN_DIR/storefront.pid"
LOG_FILE="$LOG_DIR/storefront.log"

# Where the host asks its own server.
case "$ADDRESS" in
    0.0.0.0) OWN_URL="http://127.0.0.1:$PORT" ;;
    *) OWN_URL="http://$ADDRESS:$PORT" ;;
esac

# True while the process PID runs our server. The command line is compared because a process id may have been given to
# another program since; that of a dead process that nobody has collected yet is empty.
is_server() { # PID
    case "$1" in
        '' | *[!0-9]*) return 1 ;;
    esac
    tr '\0' '\n' 2>/dev/null <"/proc/$1/cmdline" | LC_ALL=C grep -F -q -x -e "$APP"
}
