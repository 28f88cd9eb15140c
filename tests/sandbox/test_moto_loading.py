"""Modules of moto's are mended when they are loaded, and an idle sandbox has not loaded the large ones."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deliverkit.sandbox.moto_loading import is_loaded, when_loaded

NAME = "deliverkit_awaited_module"


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.syspath_prepend(str(tmp_path))
    path = tmp_path / f"{NAME}.py"
    path.write_text("told = ['loaded']\n")
    yield path
    sys.modules.pop(NAME, None)


def test_a_module_is_mended_once_it_is_loaded(module: Path) -> None:
    when_loaded(NAME, lambda loaded: loaded.told.append("first"))
    when_loaded(NAME, lambda loaded: loaded.told.append("second"))
    assert not is_loaded(NAME)
    loaded = importlib.import_module(NAME)
    assert loaded.told == ["loaded", "first", "second"]
    assert loaded.__spec__ is not None
    assert loaded.__spec__.loader is loaded.__loader__
    assert loaded.__file__ == str(module)
    when_loaded(NAME, lambda loaded: loaded.told.append("at once"))
    assert loaded.told == ["loaded", "first", "second", "at once"]


def test_a_module_that_is_not_there_is_not_found(module: Path) -> None:
    when_loaded(f"{NAME}_absent", lambda _: None)
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(f"{NAME}_absent")


def test_an_idle_sandbox_has_not_loaded_ec2(tmp_path: Path) -> None:
    program = (
        "import sys, pathlib; from deliverkit.sandbox.server import Sandbox; "
        f"sandbox = Sandbox(pathlib.Path({str(tmp_path)!r}), keeps_state=True); sandbox.start(); sandbox.stop(); "
        "print([name for name in sys.modules if name.startswith(('moto.ec2', 'moto.iam', 'moto.s3'))])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


@pytest.mark.parametrize("first", ["moto.iam.access_control", "moto.s3.models", "moto.cloudformation.models"])
def test_parts_of_moto_that_import_each_other_can_be_loaded_in_any_order(tmp_path: Path, first: str) -> None:
    program = (
        "import importlib, pathlib; from deliverkit.sandbox.server import Sandbox; "
        f"Sandbox(pathlib.Path({str(tmp_path)!r})); importlib.import_module({first!r}); "
        "from moto.s3.models import FakeBucket; print(hasattr(FakeBucket.get_permission, 'of_moto'))"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "True"
