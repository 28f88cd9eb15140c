"""EC2 launches, heard within the request that asks for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from deliverkit.sandbox.moto_hooks import replace
from deliverkit.sandbox.moto_loading import when_loaded

HearLaunch = Callable[[Any, Any], None]
"""Is told moto's backend and its instances, before anybody is answered."""


def hear_launches(hear: HearLaunch) -> None:
    """Tell of all instances that are launched from now on, by RunInstances, Auto Scaling or a stack."""

    def mend(models: Any) -> None:
        def instead_of(run: Any) -> Callable[..., Any]:
            def mended(backend: Any, *arguments: Any, **options: Any) -> Any:
                reservation = run(backend, *arguments, **options)
                hear(backend, reservation.instances)
                return reservation

            return mended

        replace(models.InstanceBackend, "run_instances", instead_of)

    when_loaded("moto.ec2.models.instances", mend)
