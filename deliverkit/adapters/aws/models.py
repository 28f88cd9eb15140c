"""botocore's own model files, read several times as fast: the same data, whatever version of botocore is installed.

A client needs the descriptions of its service and of every AWS endpoint: megabytes of JSON. botocore decodes them into
`OrderedDict`s, item by item in Python, and looks into each of its 450 services' folders to see whether it knows one.
docs/decisions/0012-models-as-they-come.md tells why nothing is trimmed, generated or cached.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from botocore.exceptions import DataNotFoundError
from botocore.loaders import JSONFileLoader, Loader


def read_quickly(session: Any) -> None:
    """Let a botocore session read its models so; call it before the session has made a client.

    The session's own loader knows where to look: AWS_DATA_PATH, the models in `~/.aws`, botocore's folder.
    """
    usual = session.get_component("data_loader")
    loader = _Loader(list(usual.search_paths), _Files(), include_default_search_paths=False)
    session.register_component("data_loader", loader)


class _Files(JSONFileLoader):  # type: ignore[misc]
    """Reads one model file, in either of its forms."""

    def load_file(self, file_path: str) -> Any:
        """The data of a file that is named without its ending; None when there is none."""
        for ending, read in ((".json", bytes), (".json.gz", gzip.decompress)):
            try:
                packed = Path(file_path + ending).read_bytes()
            except FileNotFoundError:
                continue
            with suppress(msgspec.DecodeError):
                return msgspec.json.decode(read(packed))
            break  # what is odd in it is told, or taken, as botocore does
        return super().load_file(file_path)


class _Loader(Loader):  # type: ignore[misc]
    """Finds model files where botocore does, in the same order."""

    def list_available_services(self, type_name: str) -> Any:
        """The services that have a model of that type."""
        return _Services(self, type_name)


class _Services:
    """The names of services: all of them when they are listed, looked up one by one when one is asked for."""

    def __init__(self, loader: _Loader, type_name: str) -> None:
        self._loader = loader
        self._type_name = type_name

    def __contains__(self, service: str) -> bool:
        with suppress(DataNotFoundError):
            return bool(self._loader.list_api_versions(service, self._type_name))
        return False

    def __iter__(self) -> Iterator[str]:
        yield from Loader.list_available_services(self._loader, self._type_name)
