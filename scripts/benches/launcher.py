"""Runs one command and writes what it took: `python -I -S launcher.py REPORT COMMAND...`.

A process of its own between bench and command, and a small one, because Linux lets a child begin with the peak memory
of whoever forked it (getrusage's ru_maxrss outlives exec). What the launcher itself takes is written as `floor`: a peak
at or below it says nothing, and the sampled one holds. It imports only what costs no memory.
"""

import _thread
import os
import sys
import time

PERIOD = 0.01
"""Seconds between two looks at the command's processes."""


def main_of(report: str, command: list[str]) -> int:
    """Run the command, write the report, and give the command's exit status."""
    began = time.monotonic()
    child = os.posix_spawnp(command[0], command, os.environ)
    seen = {"one": 0, "sum": 0, "processes": 0}
    done: list[bool] = []
    _thread.start_new_thread(watch, (child, seen, done))
    _, status, usage = os.wait4(child, 0)
    wall = time.monotonic() - began
    done.append(True)
    floor = memory_of(os.getpid())[0]
    figures = {"wall": wall, "cpu": usage.ru_utime + usage.ru_stime, "maxrss": usage.ru_maxrss, "floor": floor, **seen}
    with open(report, "w") as file:  # noqa: PTH123 - pathlib would be most of this process
        file.write("{" + ", ".join(f'"{name}": {value}' for name, value in figures.items()) + "}")
    return os.waitstatus_to_exitcode(status)


def watch(child: int, seen: dict[str, int], done: list[bool]) -> None:
    """Until done, note the peaks (KiB) of the command's processes: the largest one's, and the sum of those alive."""
    while not done:
        # A child between vfork and exec is its parent still, byte for byte: figures that are all alike count once.
        peaks = [figures[0] for figures in {memory_of(pid) for pid in family(child)}]
        if peaks:
            seen["one"] = max(seen["one"], *peaks)
            seen["sum"] = max(seen["sum"], sum(peaks))
            seen["processes"] = max(seen["processes"], len(peaks))
        time.sleep(PERIOD)


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    found = [pid]
    for parent in found:
        try:
            for thread in os.listdir(f"/proc/{parent}/task"):  # noqa: PTH208
                with open(f"/proc/{parent}/task/{thread}/children") as file:  # noqa: PTH123
                    found += map(int, file.read().split())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it ended while we looked
    return found


def memory_of(pid: int) -> tuple[int, ...]:
    """The most memory that the process's present program has had, and its address space and memory now, KiB.

    All of them are 0 when it is gone.
    """
    found = {"VmHWM": 0, "VmPeak": 0, "VmSize": 0, "VmRSS": 0}
    try:
        with open(f"/proc/{pid}/status") as file:  # noqa: PTH123
            for line in file:
                name, _, value = line.partition(":")
                if name in found:
                    found[name] = int(value.split()[0])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return tuple(found.values())


if __name__ == "__main__":
    sys.exit(main_of(sys.argv[1], sys.argv[2:]))
