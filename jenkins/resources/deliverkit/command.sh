# Becomes deliverkit. The lines in front of these set:
#   tool     a command to use as it is; empty for the pinned version
#   version  the pinned version
#   answer   file for its stdout; empty to show it
#   stale    file of an earlier run to remove first; may be empty
# and `install`, which prints where the pinned version is, after having installed it where it was not.

refuse() { # CODE MESSAGE
    echo "deliverkit: $2" >&2
    exit "$1"
}

find_tool() {
    tool=${tool:-${DELIVERKIT_COMMAND:-}}
    if [ -n "$tool" ]; then
        command -v "$tool" >/dev/null || refuse 2 "there is no command $tool on this agent (parameter command, or DELIVERKIT_COMMAND)"
    elif [ "$(deliverkit --version 2>/dev/null)" = "deliverkit $version" ]; then
        tool=deliverkit
    elif command -v python3 >/dev/null; then
        tool=$(install "$version")
    else
        refuse 2 "this agent has neither deliverkit $version nor a python3 to install it with; DELIVERKIT_COMMAND can name one"
    fi
}

deliver() { # ARGUMENT...
    find_tool
    if [ -n "$stale" ]; then
        rm -f -- "$stale"
    fi
    printf '+ deliverkit %s\n' "$*" >&2
    if [ -n "$answer" ]; then
        exec "$tool" "$@" >"$answer"
    fi
    exec "$tool" "$@"
}
