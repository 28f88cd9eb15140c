"""Vulnerabilities: what Inspector and ECR's scans find, which a test or a rehearsal puts in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deliverkit.sandbox.kernel.world import World


def install(world: World) -> None:
    """Let Inspector and ECR tell what is found."""
    # Imported here: only what is asked of these services needs them.
    from deliverkit.sandbox.findings import images, inspector  # noqa: PLC0415
    from deliverkit.sandbox.moto_images import offer_paths  # noqa: PLC0415
    from deliverkit.sandbox.moto_operations import answer_with  # noqa: PLC0415

    answer_with(world, "inspector2", "inspector2", inspector.operations())
    answer_with(world, "ecr", "ecr", images.operations(), refusal="InvalidParameterException")
    offer_paths("/coverage/list")
