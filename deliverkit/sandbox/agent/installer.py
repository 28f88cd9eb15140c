"""The Install event: takes away what the group's previous Install wrote, then copies what the new appspec names."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import TextIO

from deliverkit.sandbox.agent.appspec import AppSpec
from deliverkit.sandbox.agent.errors import AgentError
from deliverkit.sandbox.agent.instructions import Copy, Instructions, MakeDirectory, SetPermission
from deliverkit.sandbox.agent.layout import Layout
from deliverkit.sandbox.agent.permissions_applied import apply_permission
from deliverkit.sandbox.agent.removal import remove_file
from deliverkit.sandbox.agent.room import require_room

Step = MakeDirectory | Copy | SetPermission


def install(layout: Layout, group_id: str, archive: str, appspec: AppSpec, behavior: str) -> None:
    """Carry out the `files` and `permissions` of an appspec.

    Args:
        layout: The instance.
        group_id: Deployment group; each has a clean-up list of its own.
        archive: Directory of the unpacked bundle, as the instance sees it.
        appspec: What to install; its own `file_exists_behavior` beats the next argument.
        behavior: The deployment's option, `DISALLOW`, `OVERWRITE` or `RETAIN`.

    Raises:
        AgentError: If the appspec cannot be carried out. What was copied until then stays, and stays on the list.
        OSError: If the disk refuses.
    """
    layout.instructions.mkdir(parents=True, exist_ok=True)
    remove_previous(layout, group_id)
    plan = Instructions(layout, archive, appspec.file_exists_behavior or behavior)
    plan.add(appspec)
    require_room((_size(layout, item.source) for item in plan.items if isinstance(item, Copy)), layout.root)
    layout.install_list(group_id).write_text(json.dumps({"instructions": [item.as_json() for item in plan.items]}))
    with layout.cleanup_list(group_id).open("w", errors="surrogateescape") as cleanup:
        for item in plan.items:
            _carry_out(layout, item, cleanup)


def remove_previous(layout: Layout, group_id: str) -> None:
    """Remove everything on the group's clean-up list, last written first, and the list itself.

    Directories go only when they are empty: whatever else lies in them is not the deployment's to remove.
    """
    listing = layout.cleanup_list(group_id)
    if not listing.exists():
        return
    # A line without its end was being written when the agent died: the path may be cut short, so it is left alone.
    lines = listing.read_text(errors="surrogateescape").split("\n")[:-1]
    for line in reversed(lines):
        _remove(layout, line)
    listing.unlink()


def _remove(layout: Layout, path: str) -> None:
    machine = layout.machine(path)
    if not machine.parent.resolve().is_relative_to(layout.root.resolve()):
        return
    if machine.is_dir() and not machine.is_symlink():
        with contextlib.suppress(OSError):
            machine.rmdir()
    else:
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):  # somebody put a file in its directory's place
            remove_file(machine)


def _carry_out(layout: Layout, item: Step, cleanup: TextIO) -> None:
    match item:
        case MakeDirectory(directory):
            layout.confined(directory).mkdir()
            _note(cleanup, directory)
        case Copy(source, destination):
            _note(cleanup, destination)
            _copy(layout, source, destination)
        case SetPermission(file, permission):
            apply_permission(layout.confined(file), file, permission)


def _size(layout: Layout, path: str) -> int:
    machine = layout.machine(path)
    return machine.stat().st_size if machine.is_file() and not machine.is_symlink() else 0


def _note(cleanup: TextIO, path: str) -> None:
    # Flushed at once: after a crash in the middle the next Install must know what lies there.
    cleanup.write(f"{path}\n")
    cleanup.flush()


def _copy(layout: Layout, source: str, destination: str) -> None:
    origin, target = layout.machine(source), layout.machine(destination)
    if origin.is_symlink():
        link = target.parent.resolve() / target.name
        if not link.is_relative_to(layout.root.resolve()):
            raise AgentError(f"{destination} leads out of the instance through a symbolic link")
        link.symlink_to(_link_target(layout, origin.readlink()))
        return
    if not origin.exists():
        raise AgentError(f"No such file or directory - {source}")
    shutil.copy2(origin, layout.confined(destination))


def _link_target(layout: Layout, target: Path) -> Path:
    """An absolute target means the instance's file, unless only this machine has it: programs are shared."""
    if not target.is_absolute() or target.is_relative_to(layout.root):
        return target
    own = layout.machine(str(target))
    return target if target.exists() and not own.exists() else own
