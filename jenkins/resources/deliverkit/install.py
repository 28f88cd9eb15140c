"""Prints the path of a pinned deliverkit in this agent's tool cache; installs it there first when it is missing.

Runs with whatever python3 the agent has. Where packages come from is for pip's own configuration to say.
"""

import fcntl
import glob
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import zlib


def refuse(code, message):
    sys.stderr.write("deliverkit: %s\n" % message)
    sys.exit(code)


def cache():
    """The first of the usual folders that can be written; in a container the home directory often cannot."""
    home = os.path.expanduser("~")
    caches = os.environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    places = [os.environ.get("DELIVERKIT_TOOLS"), os.path.join(caches, "deliverkit", "tools")]
    places.append(os.path.join(os.environ.get("WORKSPACE_TMP") or "", "deliverkit-tools"))
    for place in places:
        if not place or not os.path.isabs(place):
            continue
        try:
            os.makedirs(place, mode=0o700, exist_ok=True)
        except OSError:
            continue
        if os.access(place, os.W_OK):
            return place
    refuse(2, "no folder for deliverkit can be written here; DELIVERKIT_TOOLS=/path names one")


def key(version):
    """An environment works only for the very Python it was made with: agents may share a home directory."""
    python = zlib.crc32(("%s %s" % (os.path.realpath(sys.executable), sys.version)).encode()) & 0xFFFFFFFF
    return "%s-%s-%s-%08x" % (version, sys.implementation.cache_tag, sysconfig.get_platform(), python)


def run(code, why, *command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    if done.returncode:
        sys.stderr.write(done.stdout.decode("utf-8", "replace"))
        refuse(code, why)


def install(version, place):
    """Makes it under a name of its own, and gives it the right one when it is whole."""
    for leftover in glob.glob(glob.escape(place) + ".new.*"):  # of a build that was killed; the lock is ours
        if os.path.islink(leftover):
            os.unlink(leftover)
        elif os.path.realpath(leftover) != os.path.realpath(place):
            shutil.rmtree(leftover, ignore_errors=True)
    made = tempfile.mkdtemp(prefix=os.path.basename(place) + ".new.", dir=os.path.dirname(place))
    sys.stderr.write("deliverkit: installing %s into %s\n" % (version, place))
    run(2, "python3 -m venv failed: does this agent lack python3-venv?", sys.executable, "-m", "venv", made)
    pip = [os.path.join(made, "bin", "python"), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    run(
        8, "pip could not install deliverkit %s; the lines above say why" % version, *(pip + ["deliverkit==" + version])
    )
    link = made + ".link"
    os.symlink(os.path.basename(made), link)
    os.rename(link, place)


def main(version):
    place = os.path.join(cache(), key(version))
    tool = os.path.join(place, "bin", "deliverkit")
    if not os.path.exists(tool):
        # The kernel gives the lock back when a build is killed, so it never needs to be broken.
        with open(place + ".lock", "a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.path.exists(tool):
                install(version, place)
    print(tool)


main(sys.argv[1])
