"""Secrets in configurations: masked in every answer, kept when the mask comes back (ActionConfigurationProperty)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from deliverkit.sandbox.codepipeline.action_types.catalogue import Catalogue
from deliverkit.sandbox.codepipeline.definition import ActionType, Structure

MASK = "****"
Json = Mapping[str, Any]


def mask(configuration: Mapping[str, str], secrets: frozenset[str]) -> dict[str, str]:
    """The configuration with its secrets hidden."""
    return {name: MASK if name in secrets else value for name, value in configuration.items()}


def mask_structure(catalogue: Catalogue, structure: Structure) -> Structure:
    """The structure with every secret hidden."""

    def hide(_stage: Json, action: Json) -> Mapping[str, str]:
        return mask(action.get("configuration", {}), _secrets(catalogue, action))

    return _with_configurations(structure, hide)


def unmask_structure(catalogue: Catalogue, structure: Structure, known: Structure) -> Structure:
    """The structure with each mask replaced by the secret that the same action of the same stage had before.

    A renamed stage has no secrets before: its masks stay what they are (user guide, pipeline requirements).
    """
    before = {
        (stage["name"], action["name"]): action["configuration"]
        for stage in known["stages"]
        for action in stage["actions"]
    }

    def reveal(stage: Json, action: Json) -> Mapping[str, str]:
        kept = before.get((stage["name"], action["name"]), {})
        secrets = _secrets(catalogue, action)
        return {
            name: kept.get(name, value) if name in secrets and value == MASK else value
            for name, value in action.get("configuration", {}).items()
        }

    return _with_configurations(structure, reveal)


def _secrets(catalogue: Catalogue, action: Json) -> frozenset[str]:
    return catalogue.secrets(ActionType(**action["actionTypeId"]))


def _with_configurations(structure: Structure, change: Callable[[Json, Json], Mapping[str, str]]) -> Structure:
    stages = [
        {
            **stage,
            "actions": [
                {**action, "configuration": dict(change(stage, action))} if action.get("configuration") else action
                for action in stage["actions"]
            ],
        }
        for stage in structure["stages"]
    ]
    return {**structure, "stages": stages}
