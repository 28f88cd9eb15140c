"""deliverkit lives in the sandbox's time: what is a long wait there need not be one here."""

from __future__ import annotations

import time
from pathlib import Path

from shop import DIRECT, Shop


def test_five_minutes_of_bake_time_pass_in_seconds(tmp_path: Path) -> None:
    shop = Shop.open(tmp_path, configuration=DIRECT.replace("bake_time: 1500ms", "bake_time: 5m"))
    shop.start()
    try:
        shop.release("1.0.0")
        shop.must("sandbox", "clock", "speed", "60")
        began = time.monotonic()
        ran = shop.run("promote", "1.0.0", "--to", "dev", "--output", "json")
        assert ran.code == 0, ran
        assert time.monotonic() - began < 60
        assert shop.serving("dev") == {"1.0.0"}
        # An hour's jump outdates nothing: both sides tell the same time.
        shop.release("1.1.0")
        shop.must("sandbox", "clock", "advance", "1h")
        assert shop.run("promote", "1.1.0", "--to", "dev").code == 0
        assert shop.serving("dev") == {"1.1.0"}
        shop.must("ledger", "verify")
    finally:
        shop.stop()
