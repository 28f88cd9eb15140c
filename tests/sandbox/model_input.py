"""Requests made from botocore's models: of what exists and what is well formed, with slips, and wild ones."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import botocore.loaders
import botocore.model
from hypothesis import strategies as st

Json = Any
Known = Mapping[str, Sequence[Json]]
"""What exists in a sandbox, by the names, in lower case, of the members that refer to it."""

ROLE = "arn:aws:iam::123456789012:role/x"
ODD_TEXTS = ("", " ", "x" * 300, "naïve", "a/b", "#{variables.Gate}", ROLE, "0", "{}", "\u0000")
"""Texts that callers send by mistake, whatever the member is for."""


def service_model(service: str) -> Any:
    """botocore's model of a service."""
    described = botocore.loaders.Loader().load_service_model(service, "service-2")
    return botocore.model.ServiceModel(described, service)


def requests(operation: Any, known: Known) -> st.SearchStrategy[dict[str, Json]]:
    """Bodies of requests of one operation, as the JSON protocol writes them."""
    shape = operation.input_shape
    if shape is None:
        return st.just({})
    well_formed, with_a_slip, wild = (Maker(known, slips).structure(shape) for slips in (0, 8, 2))
    return st.one_of(well_formed, with_a_slip, with_a_slip, wild)


@dataclass(frozen=True)
class Maker:
    """Makes values of shapes.

    Attributes:
        known: What exists.
        slips: Of how many values one is odd; 0 for none.
    """

    known: Known
    slips: int

    def structure(self, shape: Any) -> st.SearchStrategy[dict[str, Json]]:
        """An object with its required members, one of which is left out where values are odd."""
        members = {name: self._member(member, name) for name, member in shape.members.items()}
        required = {name: made for name, made in members.items() if name in shape.required_members}
        optional = {name: made for name, made in members.items() if name not in required}
        return self._or_odd(
            st.fixed_dictionaries(required, optional=optional), st.fixed_dictionaries({}, optional=members)
        )

    def _member(self, shape: Any, name: str) -> st.SearchStrategy[Json]:
        fits = _JSON[shape.type_name]
        there = [each for each in self.known.get(name.lower(), ()) if isinstance(each, fits)]
        return self._or_odd(st.sampled_from(there), self._made(shape, name)) if there else self._made(shape, name)

    def _made(self, shape: Any, name: str) -> st.SearchStrategy[Json]:
        match shape.type_name:
            case "structure":
                return self.structure(shape)
            case "list":
                few = max(1, shape.metadata.get("min", 0))
                return st.lists(self._member(shape.member, name.removesuffix("s")), min_size=few, max_size=few + 2)
            case "map":
                return st.dictionaries(self._text(shape.key), self._member(shape.value, name), max_size=3)
            case "string":
                return self._text(shape)
            case "boolean":
                return st.booleans()
            case "integer" | "long" | "float" | "double":
                return self._or_odd(st.sampled_from(_in_range(shape)), st.sampled_from([-1, 0, 99, 101, 2**31]))
            case "timestamp":
                return st.sampled_from([0, 1767571200, 1767571200.5, 4102444800])
            case "blob":
                return st.binary(max_size=8).map(lambda raw: base64.b64encode(raw).decode())
        raise AssertionError(f"no requests are made of {shape.type_name}")

    def _text(self, shape: Any) -> st.SearchStrategy[str]:
        values = getattr(shape, "enum", None)
        if values:
            return self._or_odd(st.sampled_from(values), st.sampled_from(["", "Unheard"]))
        few = max(1, shape.metadata.get("min", 0))
        most = min(few + 8, shape.metadata.get("max", 10**6))
        return self._or_odd(st.text("abcXYZ019", min_size=few, max_size=most), st.sampled_from(ODD_TEXTS))

    def _or_odd(self, good: st.SearchStrategy[Any], odd: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        if not self.slips:
            return good
        return st.sampled_from(range(self.slips)).flatmap(lambda drawn: odd if drawn == self.slips - 1 else good)


_JSON: Mapping[str, tuple[type, ...]] = {
    **dict.fromkeys(("structure", "map"), (dict,)),
    **dict.fromkeys(("integer", "long", "float", "double", "timestamp"), (int, float)),
    **dict.fromkeys(("string", "blob"), (str,)),
    "list": (list,),
    "boolean": (bool,),
}


def _in_range(shape: Any) -> list[int]:
    least, most = shape.metadata.get("min", 0), shape.metadata.get("max", 10**6)
    return [number for number in (least, 1, 2, 5, 60, 100) if least <= number <= most]
