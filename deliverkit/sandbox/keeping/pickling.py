"""The sandbox's state as one pickled graph; what belongs to the process is written by its name and found again."""

from __future__ import annotations

import copyreg
import io
import pickle
import sys
import threading
from collections import defaultdict
from collections.abc import Callable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from deliverkit.sandbox.kernel.clock import Timers, VirtualClock
from deliverkit.sandbox.kernel.doorbell import Doorbell
from deliverkit.sandbox.kernel.operations import Service
from deliverkit.sandbox.kernel.world import World
from deliverkit.sandbox.moto_base import MotoBase

if TYPE_CHECKING:
    from collections.abc import Iterator

_here: ContextVar[World] = ContextVar("the world that is being restored")
Reducer = Callable[[Any], tuple[Any, ...]]


def dump(state: Any, out: io.BufferedIOBase) -> None:
    """Write the state.

    Raises:
        TypeError, pickle.PicklingError, AttributeError: If something in it belongs to this process and has no name.
    """
    pickler = pickle.Pickler(out, protocol=5)
    pickler.dispatch_table = _table()
    pickler.dump(state)


def load(world: World, source: io.BufferedIOBase) -> Any:
    """Read a state back into a world.

    Raises:
        Exception: Whatever unpickling raises for what another version wrote.
    """
    with _restoring(world):
        return pickle.load(source)  # noqa: S301  (the sandbox's own file, as private as its directory)


@contextmanager
def _restoring(world: World) -> Iterator[None]:
    token = _here.set(world)
    try:
        yield
    finally:
        _here.reset(token)


def _table() -> dict[type, Reducer]:
    table: dict[type, Reducer] = dict(copyreg.dispatch_table)  # type: ignore[arg-type]
    table[World] = lambda _: (_world, ())
    table[MotoBase] = lambda _: (_part, ("moto",))
    table[VirtualClock] = lambda _: (_part, ("clock",))
    table[Timers] = lambda _: (_part, ("timers",))
    table[Doorbell] = lambda _: (_part, ("doorbell",))
    for kind in _subclasses(Service):
        table[kind] = lambda service: (_service, (service.name,))
    table[WeakValueDictionary] = lambda values: (WeakValueDictionary, (), None, None, iter(list(values.items())))
    table[defaultdict] = _reduce_default
    table[type(threading.RLock())] = lambda _: (threading.RLock, ())
    table[type(threading.Lock())] = lambda _: (threading.Lock, ())
    table.update(_key_reducers())
    return table


def _reduce_default(values: defaultdict[Any, Any]) -> tuple[Any, ...]:
    """A dictionary with defaults; moto makes many of them with lambdas, which stand for an empty value of a type."""
    factory: Any = values.default_factory
    if getattr(factory, "__name__", "") == "<lambda>":
        factory = type(factory())
    return defaultdict, (factory,), None, None, iter(list(values.items()))


def _subclasses(kind: type[Service]) -> Iterator[type[Service]]:
    yield kind
    each: type[Service]
    for each in kind.__subclasses__():
        yield from _subclasses(each)


def _world() -> World:
    return _here.get()


def _part(name: str) -> Any:
    return getattr(_here.get(), name)


def _service(name: str) -> Service:
    return _here.get().services[name]


# --- keys that moto's KMS and certificate services hold --------------------------------------------


def _key_reducers() -> dict[type, Reducer]:
    if "cryptography" not in sys.modules:
        return {}
    from cryptography.hazmat.bindings._rust import openssl, x509  # noqa: PLC0415  (what names these types)

    private = {getattr(getattr(openssl, name), kind) for name, kind in _PRIVATE}
    public = {getattr(getattr(openssl, name), kind) for name, kind in _PUBLIC}
    reducers = {**dict.fromkeys(private, _reduce_private), **dict.fromkeys(public, _reduce_public)}
    return {**reducers, x509.Certificate: _reduce_certificate}


_PRIVATE = (("rsa", "RSAPrivateKey"), ("ec", "ECPrivateKey"), ("ed25519", "Ed25519PrivateKey"))
_PUBLIC = (("rsa", "RSAPublicKey"), ("ec", "ECPublicKey"), ("ed25519", "Ed25519PublicKey"))


def _reduce_private(key: Any) -> tuple[Any, ...]:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    return _private_key, (key.private_bytes(form.Encoding.DER, form.PrivateFormat.PKCS8, form.NoEncryption()),)


def _reduce_public(key: Any) -> tuple[Any, ...]:
    from cryptography.hazmat.primitives import serialization as form  # noqa: PLC0415

    return _public_key, (key.public_bytes(form.Encoding.DER, form.PublicFormat.SubjectPublicKeyInfo),)


def _reduce_certificate(certificate: Any) -> tuple[Any, ...]:
    from cryptography.hazmat.primitives.serialization import Encoding  # noqa: PLC0415

    return _certificate, (certificate.public_bytes(Encoding.DER),)


def _certificate(der: bytes) -> Any:
    from cryptography.x509 import load_der_x509_certificate  # noqa: PLC0415

    return load_der_x509_certificate(der)


def _private_key(der: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_private_key  # noqa: PLC0415

    return load_der_private_key(der, None)


def _public_key(der: bytes) -> Any:
    from cryptography.hazmat.primitives.serialization import load_der_public_key  # noqa: PLC0415

    return load_der_public_key(der)
