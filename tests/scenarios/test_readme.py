"""The README's example runs as it stands."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from shop import DIRECT, ROOT, Shop


def test_the_library_example_runs(tmp_path: Path) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL)
    shop = Shop.open(tmp_path, configuration=DIRECT)
    shop.start()
    try:
        shop.build("1.0.0")
        done = subprocess.run(
            [sys.executable, "-c", example],
            cwd=shop.directory,
            env=shop.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert "serves '1.0.0'" in done.stdout
    finally:
        shop.stop()
