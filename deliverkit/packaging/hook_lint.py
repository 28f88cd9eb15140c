"""Check the hooks of an application specification for servers: events, scripts, users and times."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from deliverkit.packaging import rules
from deliverkit.packaging.appspec import Hook, Script, nearest
from deliverkit.packaging.appspec_form import (
    EVENT_SECONDS_LIMIT,
    PREVIOUS_BUNDLE_HOOKS,
    SERVER_HOOKS,
    SERVER_UNSCRIPTABLE,
    TRAFFIC_HOOKS,
)
from deliverkit.packaging.finding import Finding
from deliverkit.packaging.scripts import lint_script
from deliverkit.packaging.subject import Subject
from deliverkit.packaging.tree import EntryKind, follow
from deliverkit.yaml_tree import Place, Scalar

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.@\\-]*\$?")
# What the shell that gets the path, behind the bundle's own, would take apart or replace.
_SHELL = re.compile(r"[\s;&|<>()$`\"']")
# Accounts of Amazon Linux, RHEL, Ubuntu and common packages whose shell is nologin or false.
_NOLOGIN_WORDS = (
    "bin daemon adm lp mail news uucp proxy operator games ftp man backup list irc gnats nobody _apt messagebus dbus"
    " syslog systemd-network systemd-resolve systemd-timesync systemd-coredump systemd-oom sshd rpc rpcuser nfsnobody"
    " polkitd libstoragemgmt rngd chrony ntp tcpdump tss landscape pollinate ec2-instance-connect postfix sys"
    " www-data apache nginx mysql redis memcached haproxy squid named"
)
_NOLOGIN = frozenset(_NOLOGIN_WORDS.split())


def lint_hooks(hooks: Sequence[Hook], subject: Subject) -> Iterator[Finding]:
    """Check every hook, and the order in which they are written."""
    for hook in hooks:
        yield from _event(hook, subject)
        for script in hook.scripts:
            yield from _script(script, subject)
        total = sum(filter(None, (seconds(script.timeout) for script in hook.scripts)))
        if total > EVENT_SECONDS_LIMIT:
            message = f"the timeouts of {hook.name.text} add up to {total} seconds"
            yield rules.TIMEOUT_TOTAL.at(hook.name.place, message)
    yield from _order([hook.name for hook in hooks if hook.name.text in SERVER_HOOKS])


def seconds(timeout: Scalar | None) -> int | None:
    """What is written as whole seconds above zero. Leading zeros would be octal to the agent."""
    return int(timeout.text) if timeout is not None and re.fullmatch(r"[1-9][0-9]{0,8}", timeout.text) else None


def _event(hook: Hook, subject: Subject) -> Iterator[Finding]:
    name, place = hook.name.text, hook.name.place
    if name in SERVER_UNSCRIPTABLE:
        yield rules.HOOK_NOT_SCRIPTABLE.at(place, f"{name} never runs scripts")
    elif name not in SERVER_HOOKS:
        yield rules.HOOK_UNKNOWN.at(place, f"there is no hook {name!r}{nearest(name, SERVER_HOOKS)}")
    elif not hook.scripts:
        yield rules.HOOK_EMPTY.at(place, f"{name} has no scripts that can run")
    elif name == "ApplicationStop":
        yield rules.APPLICATION_STOP.at(place, "ApplicationStop runs the previous release's script")
    elif name in PREVIOUS_BUNDLE_HOOKS:
        yield rules.BLOCK_TRAFFIC.at(place, f"{name} runs the previous release's script")
    hosts = subject.policy.hosts
    if name in TRAFFIC_HOOKS and hosts.has_load_balancer is False:
        yield rules.HOOK_NEVER_RUNS.at(place, f"{name} comes only where the deployment group has a load balancer")
    elif name == "ApplicationStop" and hosts.style == "blue-green":
        yield rules.HOOK_NEVER_RUNS.at(place, "ApplicationStop finds no previous release on replacement instances")


def _order(names: Sequence[Scalar]) -> Iterator[Finding]:
    for before, name in pairwise(names):
        if SERVER_HOOKS.index(name.text) < SERVER_HOOKS.index(before.text):
            yield rules.HOOK_ORDER.at(name.place, f"{name.text} runs before {before.text}, and is written behind it")


def _script(script: Script, subject: Subject) -> Iterator[Finding]:
    yield from _timeout(script)
    yield from _user(script, subject)
    location, place = subject.slashes(script.location.text.strip()), script.location.place
    path = follow({}, location)
    if path is None:
        yield rules.LOCATION_ESCAPES.at(place, f"{location} leaves the bundle")
    elif location.startswith("/") or re.match(r"[A-Za-z]:/", location):
        yield rules.LOCATION_ABSOLUTE.at(place, f"{location} is not relative to the bundle")
    elif found := _SHELL.search(location):
        what = "a space" if found[0].isspace() else found[0]
        yield rules.LOCATION_ARGUMENTS.at(place, f"location {location!r} holds {what}")
    else:
        yield from _file(path, script, place, subject)


def _file(path: str, script: Script, place: Place, subject: Subject) -> Iterator[Finding]:
    entry = subject.find(path)
    if entry is None:
        yield rules.SCRIPT_MISSING.at(place, f"the bundle has no {path}{subject.advice(path)}")
    elif entry.kind is EntryKind.DIRECTORY:
        yield rules.SCRIPT_MISSING.at(place, f"{path} is a directory, not a script")
    elif not subject.is_windows:
        yield from lint_script(entry, subject, place)
    elif not path.lower().endswith((".ps1", ".bat", ".cmd", ".exe", ".com")):
        yield rules.SCRIPT_WINDOWS.at(script.location.place, f"{path} is no program to Windows")


def _timeout(script: Script) -> Iterator[Finding]:
    if script.timeout is None:
        yield rules.TIMEOUT_MISSING.at(script.location.place, f"{script.location.text.strip()} has no timeout")
    elif seconds(script.timeout) is None:
        yield rules.TIMEOUT.at(script.timeout.place, f"timeout must be whole seconds, not {script.timeout.text!r}")


def _user(script: Script, subject: Subject) -> Iterator[Finding]:
    runas, sudo = script.runas, script.sudo
    word = sudo.text.lower() if sudo is not None else "no"
    is_true = word in {"true", "yes", "on"}
    if sudo is not None and not (sudo.is_plain and (is_true or word in {"false", "no", "off"})):
        yield rules.SUDO_TEXT.at(sudo.place, f"sudo: {sudo.text!r} in this form is true to the agent")
    for each in (runas, sudo if is_true else None):
        if each is not None and subject.is_windows:
            yield rules.RUNAS_WINDOWS.at(each.place, "runas and sudo mean nothing on windows")
    if subject.is_windows:
        return
    if sudo is not None and is_true:
        rule, how = (rules.SUDO, "") if runas is None else (rules.SUDO_RUNAS, f", to run as {runas.text.strip()}")
        yield rule.at(sudo.place, f"the script runs through sudo{how}")
    if runas is None:
        return
    user = runas.text.strip()
    if not _USER.fullmatch(user):
        yield rules.RUNAS_NAME.at(runas.place, f"runas {user!r} is no user's name")
    elif user in _NOLOGIN:
        yield rules.RUNAS_NOLOGIN.at(runas.place, f"{user} has no shell on common systems")
